"""The LangChain adapter, before LangChain's own tests and beyond them."""

from __future__ import annotations

import asyncio
import copy
import json
import math
import pickle
import threading
from typing import Any, Dict, Iterator, Type

import numpy as np
import pytest

import lexivec
from lexivec import errors

pytest.importorskip("langchain_core")
pytest.importorskip("langchain_tests")

from langchain_core.documents import Document
from langchain_core.embeddings import DeterministicFakeEmbedding, Embeddings
from langchain_core.retrievers import BaseRetriever
from langchain_core.vectorstores import InMemoryVectorStore, VectorStore
from langchain_tests.integration_tests import RetrieversIntegrationTests, VectorStoreIntegrationTests

from lexivec._reading import Reader
from lexivec.langchain import LexivecHybridRetriever, LexivecVectorStore

EMBEDDING = DeterministicFakeEmbedding(size=4)

TEXTS = ["a wing in a slipstream", "heat in a boundary layer", "a wing stalls", "flow round a cylinder"]


class TestInMemory(VectorStoreIntegrationTests):
    @pytest.fixture
    def vectorstore(self) -> VectorStore:
        return LexivecVectorStore(self.get_embeddings())


class TestOnDisk(VectorStoreIntegrationTests):
    @pytest.fixture
    def vectorstore(self, tmp_path: Any) -> Iterator[VectorStore]:
        store = LexivecVectorStore(self.get_embeddings(), path=tmp_path / "store")
        yield store
        if store.collection is not None:
            store.collection.close()


class TestRetriever(RetrieversIntegrationTests):
    @property
    def retriever_constructor(self) -> Type[BaseRetriever]:
        return LexivecHybridRetriever

    @property
    def retriever_constructor_params(self) -> Dict[str, Any]:
        return {"vectorstore": store()}

    @property
    def retriever_query_example(self) -> str:
        return "a wing"


def store(**options: Any) -> LexivecVectorStore:
    metadatas = [{"year": 1958 + number} for number in range(len(TEXTS))]
    model = DeterministicFakeEmbedding(size=8)
    return LexivecVectorStore.from_texts(TEXTS, model, metadatas, ids=list("abcd"), **options)


class Table(Embeddings):
    """A model that knows the vectors of its texts."""

    def __init__(self, vectors: Dict[str, Any]) -> None:
        self.vectors = vectors

    def embed_query(self, text: str) -> Any:
        return [float(number) for number in self.vectors[text]]

    def embed_documents(self, texts: Any) -> Any:
        return [self.embed_query(text) for text in texts]


def test_metadata_comes_back_with_types_and_order() -> None:
    metadata = {
        "z": 1, "a": 1.0, "none": None, "flag": True, "big": 2**60, "dotted.key": "x", "text": "own", "id": 7,
        "nested": {"y": [{"q": 1, "b": []}, [{"d": 0.1, "c": {}}]], "x": "ü"},
    }
    made = store()
    made.add_texts(["t"], [metadata], ids=["m"])
    [found] = made.get_by_ids(["m"])
    [hit] = made.similarity_search("t", k=1, filter=lexivec.field("nested.x") == "ü")
    for back in (found.metadata, hit.metadata):
        assert repr(back) == repr(metadata)


def test_the_payload_is_the_metadata_so_all_notations_of_filters_work() -> None:
    made = store()
    for filter in ("year >= 1960", {"year": {"$gte": 1960}}, lexivec.field("year") >= 1960):
        assert sorted(found.id for found in made.similarity_search("x", k=9, filter=filter)) == ["c", "d"]
        assert sorted(found.id for found in made.hybrid_search("wing", k=9, filter=filter)) == ["c", "d"]
        assert len(made.max_marginal_relevance_search("wing", k=9, filter=filter)) == 2


def test_scores_and_ranks_are_those_of_the_reference() -> None:
    random = np.random.default_rng(7)
    vectors = {str(number): random.normal(size=16) for number in range(200)}
    model = Table({**vectors, "query": random.normal(size=16)})
    ours, theirs = LexivecVectorStore(model), InMemoryVectorStore(model)
    for made in (ours, theirs):
        made.add_texts(list(vectors), ids=list(vectors))
    found, expected = (made.similarity_search_with_score("query", k=20) for made in (ours, theirs))
    assert [document.id for document, _ in found] == [document.id for document, _ in expected]
    assert [score for _, score in found] == pytest.approx([score for _, score in expected], abs=1e-6)
    for share in (0.0, 0.2, 0.5, 0.8, 1.0):
        found, expected = (
            [document.id for document in made.max_marginal_relevance_search("query", 10, 50, share)]
            for made in (ours, theirs)
        )
        assert found == expected, share


@pytest.mark.parametrize(
    ("metric", "score", "relevance"),
    [("cosine", 0.6, 0.6), ("dot", 0.6, 0.6), ("l2", -0.8, 1 - math.sqrt(0.8) / math.sqrt(2))],
)
def test_relevance_is_that_of_the_metric(metric: str, score: float, relevance: float) -> None:
    model = Table({"far": [0.6, 0.8], "query": [1.0, 0.0], "away": [-1.0, 0.0]})
    made = LexivecVectorStore.from_texts(["far"], model, metric=metric)
    [(_, found)] = made.similarity_search_with_score("query")
    assert found == pytest.approx(score)
    [(_, found)] = made.similarity_search_with_relevance_scores("query")
    assert found == pytest.approx(relevance)
    assert made.similarity_search_with_relevance_scores("query", score_threshold=0.99) == []
    [(_, found)] = made.similarity_search_with_relevance_scores("away")
    assert found == 0.0
    own = LexivecVectorStore(model, collection=made.collection, relevance_score_fn=lambda score: 0.25)
    assert [found for _, found in own.similarity_search_with_relevance_scores("query")] == [0.25]


def test_hybrid_fuses_words_and_vectors() -> None:
    vectors = {"wing": [1.0, 0.0], "heat": [0.0, 1.0], "flow": [0.9, 0.1]}
    model = Table({**vectors, "heat?": [1.0, 0.0]})
    made = LexivecVectorStore.from_texts(list(vectors), model)
    both = [found.page_content for found in made.hybrid_search("heat?", k=3)]
    assert both[0] in ("heat", "wing") and set(both) == set(vectors)
    words = made.hybrid_search("heat?", k=3, fusion={"weighted": {"alpha": 0.1}})
    close = made.hybrid_search("heat?", k=3, fusion={"weighted": {"alpha": 0.9}})
    assert (words[0].page_content, close[0].page_content) == ("heat", "wing")
    assert [found.page_content for found in made.hybrid_search("heat?", mode="text")] == ["heat"]
    retriever = LexivecHybridRetriever(vectorstore=made, k=1, mode="text")
    assert [found.page_content for found in retriever.invoke("heat?")] == ["heat"]
    retriever = LexivecHybridRetriever(vectorstore=made, search_kwargs={"score_threshold": 1e9})
    assert retriever.invoke("heat?") == []


def test_ids_are_given_or_made_and_columns_must_be_as_long() -> None:
    made = store()
    first, second = made.add_documents([Document("x", id="own"), Document("y")])
    assert first == "own" and second and made.get_by_ids([second])[0].page_content == "y"
    assert [found.id for found in made.get_by_ids(["d", "missing", "a"])] == ["d", "a"]
    assert made.add_texts([]) == []
    assert made.add_texts(["old", "new"], [{"n": 1}, {"n": 2}], ids=["twice", "twice"]) == ["twice", "twice"]
    assert made.get_by_ids(["twice"]) == [Document("new", id="twice", metadata={"n": 2})]
    with pytest.raises(ValueError, match="ids: there are 1 for 2 texts"):
        made.add_texts(["x", "y"], ids=["1"])
    with pytest.raises(ValueError, match="metadatas: there are 1 for 2 texts"):
        made.add_texts(["x", "y"], [{}])


def test_delete_by_filter_and_all() -> None:
    made = store()
    assert made.delete([]) and len(made.collection) == 4
    assert made.delete(filter="year < 1960") and len(made.collection) == 2
    with pytest.raises(ValueError, match="give either"):
        made.delete(["c"], filter="year < 1960")
    assert made.delete() and len(made.collection) == 0
    assert LexivecVectorStore(DeterministicFakeEmbedding(size=8)).delete()


def test_a_store_on_disk_is_opened_again(tmp_path: Any) -> None:
    made = store(path=tmp_path / "store", metric="dot")
    made.collection.close()
    model = DeterministicFakeEmbedding(size=8)
    again = LexivecVectorStore(model, path=tmp_path / "store")
    assert [found.id for found in again.similarity_search(TEXTS[1], k=1, filter="year = 1959")] == ["b"]
    assert again.collection.schema["vectors"][0]["metric"] == "dot"
    with pytest.raises(ValueError, match="give either"):
        LexivecVectorStore(model, collection=again.collection, path=tmp_path)
    arrived = pickle.loads(pickle.dumps(again))
    assert arrived.collection.read_only and [found.id for found in arrived.get_by_ids(["b"])] == ["b"]
    again.collection.close()


def test_a_limit_over_that_of_one_search_gives_all_rows() -> None:
    assert len(store().similarity_search("x", k=1_000_000)) == 4


async def test_awaited_calls_leave_the_loop_to_others(monkeypatch: pytest.MonkeyPatch) -> None:
    made = await LexivecVectorStore.afrom_texts(TEXTS, DeterministicFakeEmbedding(size=8), ids=list("abcd"))
    loop = threading.get_ident()
    seen = []
    search = Reader.search

    def watched(*given: Any, **options: Any) -> Any:
        seen.append(threading.get_ident())
        return search(*given, **options)

    monkeypatch.setattr(Reader, "search", watched)
    vector = made.embeddings.embed_query(TEXTS[0])
    answers = await asyncio.gather(
        made.asimilarity_search(TEXTS[0], k=1),
        made.asimilarity_search_by_vector(vector, k=1),
        made.amax_marginal_relevance_search(TEXTS[0], k=1),
        made.amax_marginal_relevance_search_by_vector(vector, k=1),
        made.ahybrid_search(TEXTS[0], k=1),
        LexivecHybridRetriever(vectorstore=made, k=1).ainvoke(TEXTS[0]),
    )
    assert [[found.id for found in answer] for answer in answers] == [["a"]] * 6
    assert len(seen) == 6 and loop not in seen
    assert await made.adelete(["a"]) and await made.aget_by_ids(["a"]) == []


#: Metadata with a key in which the order of keys could be kept, or with several.
ORDERED = [
    {"_order": 5},
    {"b": 1, "_order": "mine", "a": 2},
    {"_order_": [["x"]], "_order": [["b", "a"]], "a": {"z": 1, "_order": 2}},
    {"_order__": 1, "a": 2},
    {"_ordered": 1, "a": 2},
]


@pytest.mark.parametrize("metadata", ORDERED, ids=str)
def test_no_key_of_the_user_is_lost_to_the_order_of_keys(metadata: Any) -> None:
    made = LexivecVectorStore.from_texts(["wing"], EMBEDDING, [metadata], ids=["a"])
    found = [*made.get_by_ids(["a"]), *made.similarity_search("wing", k=1), *made.hybrid_search("wing", k=1)]
    assert [json.dumps(one.metadata) for one in found] == [json.dumps(metadata)] * 3


def test_rows_of_earlier_releases_keep_their_order() -> None:
    with lexivec.in_memory(dim=4, text=["text"]) as rows:
        rows.upsert([
            {"id": "a", "text": "x", "payload": {"a": 2, "b": 1, "_order": [["b", "a"]]}},
            {"id": "b", "text": "x", "payload": {"_order": 5, "a": 2}},
        ])
        old, own = LexivecVectorStore(EMBEDDING, collection=rows).get_by_ids(["a", "b"])
    assert list(old.metadata.items()) == [("b", 1), ("a", 2)] and own.metadata == {"_order": 5, "a": 2}


def test_a_store_closes_what_it_opened(tmp_path: Any) -> None:
    for _ in range(2):
        with LexivecVectorStore(EMBEDDING, path=tmp_path / "c") as made:
            made.add_texts(["wing"], ids=["a"])
        with pytest.raises(ValueError, match="closed"):
            made.get_by_ids(["a"])
    with lexivec.open(tmp_path / "c") as given:
        with LexivecVectorStore(EMBEDDING, collection=given):
            pass
        assert len(given) == 1


def test_a_pickled_store_opens_by_its_first_use(tmp_path: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    early = pickle.dumps(LexivecVectorStore(EMBEDDING, path="c"))
    with LexivecVectorStore(EMBEDDING, path="c") as made:
        made.add_texts(["wing"], ids=["a"])
        again = pickle.loads(pickle.dumps(made))
        monkeypatch.chdir("/")
        assert again.collection.read_only and [one.id for one in again.similarity_search("wing", k=1)] == ["a"]
        with again:
            pass
        assert again.collection.closed and not made.collection.closed
        waiting = pickle.loads(early)
        with pytest.raises(errors.Locked):
            waiting.get_by_ids(["a"])
    assert [one.id for one in waiting.get_by_ids(["a"])] == ["a"]


@pytest.mark.parametrize("copied", [copy.copy, copy.deepcopy])
def test_a_copy_has_the_same_documents(copied: Any, tmp_path: Any) -> None:
    for made in (LexivecVectorStore(EMBEDDING), LexivecVectorStore(EMBEDDING, path=tmp_path / "c")):
        early = copied(made)
        made.add_texts(["wing"], ids=["a"])
        copied(made).add_texts(["heat"], ids=["b"])
        assert [one.id for one in early.get_by_ids(["a", "b"])] == ["a", "b"]
        made.close()


async def test_the_method_of_a_subclass_is_awaited() -> None:
    class Loud(LexivecVectorStore):
        def get_by_ids(self, ids: Any, /) -> Any:
            return ["loud", *ids]

    assert await Loud(EMBEDDING).aget_by_ids(["a"]) == ["loud", "a"]
