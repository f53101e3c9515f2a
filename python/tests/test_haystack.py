"""The Haystack adapter, before Haystack's own tests and beyond them."""

from __future__ import annotations

import copy
import json
import os
import pickle
import random
import threading
from typing import Any, Dict, Iterator, List

import pytest

import lexivec

os.environ.setdefault("HAYSTACK_TELEMETRY_ENABLED", "False")
pytest.importorskip("haystack")

from haystack import Document, Pipeline
from haystack.dataclasses import ByteStream, SparseEmbedding
from haystack.document_stores.errors import DuplicateDocumentError
from haystack.document_stores.in_memory import InMemoryDocumentStore
from haystack.document_stores.types import DuplicatePolicy, FilterPolicy
from haystack.errors import FilterError
from haystack.testing import document_store as judge
from haystack.testing import document_store_async as judge_async

from lexivec._reading import Reader
from lexivec.haystack import (
    LexivecBM25Retriever,
    LexivecDocumentStore,
    LexivecEmbeddingRetriever,
    LexivecHybridRetriever,
)


class WriteDefault:
    """The default of writes, which Haystack's tests leave to each store."""

    def test_write_documents(self, document_store: Any) -> None:
        documents = [Document(id="b", content="x"), Document(id="a", content="y")]
        assert document_store.write_documents(documents) == 2
        assert document_store.filter_documents() == documents
        with pytest.raises(DuplicateDocumentError):
            document_store.write_documents(documents)

    async def test_write_documents_async(self, document_store: Any) -> None:
        documents = [Document(id="b", content="x"), Document(id="a", content="y")]
        assert await document_store.write_documents_async(documents) == 2
        assert await document_store.filter_documents_async() == documents
        with pytest.raises(DuplicateDocumentError):
            await document_store.write_documents_async(documents)


class AllOf(
    WriteDefault,
    judge.DocumentStoreBaseExtendedTests,
    judge.CountDocumentsByFilterTest,
    judge.CountUniqueMetadataByFilterTest,
    judge.GetMetadataFieldsInfoTest,
    judge.GetMetadataFieldMinMaxTest,
    judge.GetMetadataFieldUniqueValuesTest,
    judge_async.DeleteAllAsyncTest,
    judge_async.CountDocumentsAsyncTest,
    judge_async.CountDocumentsByFilterAsyncTest,
    judge_async.CountUniqueMetadataByFilterAsyncTest,
    judge_async.DeleteByFilterAsyncTest,
    judge_async.UpdateByFilterAsyncTest,
    judge_async.WriteDocumentsAsyncTest,
    judge_async.DeleteDocumentsAsyncTest,
    judge_async.GetMetadataFieldsInfoAsyncTest,
    judge_async.GetMetadataFieldMinMaxAsyncTest,
    judge_async.GetMetadataFieldUniqueValuesAsyncTest,
    judge_async.FilterDocumentsAsyncTest,
):
    pass


class TestInMemory(AllOf):
    @pytest.fixture
    def document_store(self) -> LexivecDocumentStore:
        return LexivecDocumentStore()


class TestOnDisk(AllOf):
    @pytest.fixture
    def document_store(self, tmp_path: Any) -> Iterator[LexivecDocumentStore]:
        store = LexivecDocumentStore(tmp_path / "store")
        yield store
        store.collection.close()


def store() -> LexivecDocumentStore:
    made = LexivecDocumentStore(embedding_dim=2)
    made.write_documents([
        Document(id="wing", content="a wing in a slipstream", embedding=[1.0, 0.0], meta={"year": 1958}),
        Document(id="heat", content="heat in a boundary layer", embedding=[0.0, 1.0], meta={"year": 1961}),
        Document(id="bare", meta={"year": 1970}),
    ])
    return made


def test_documents_come_back_as_they_were_written(tmp_path: Any) -> None:
    documents = [
        Document(id="z", content="", meta={"b": 1, "a": [1.0, {"d": None, "c": True}]}, embedding=[0.1, 1 / 3]),
        Document(id="y", content=None, blob=ByteStream(b"\x00\xff", meta={"q": 1, "p": 2}, mime_type="image/png")),
        Document(id="x", content="t", score=0.5, sparse_embedding=SparseEmbedding([1, 5], [0.25, 0.5])),
        Document(id="w", content="zero", embedding=[0.0, 0.0]),
        Document(id="v", content="half", embedding=[0.5, 0.25]),
    ]
    made = LexivecDocumentStore(tmp_path / "store", embedding_dim=2)
    made.write_documents(documents)
    made.collection.close()
    again = LexivecDocumentStore(tmp_path / "store", embedding_dim=2)
    back = again.filter_documents()
    assert back == documents
    assert [repr(document.meta) for document in back] == [repr(document.meta) for document in documents]
    assert "embedding" not in again.collection["v"].payload
    found = again.embedding_retrieval([1.0, 0.0], return_embedding=True)
    assert sorted((document.id, tuple(document.embedding)) for document in found) == [
        ("v", (0.5, 0.25)), ("z", (0.1, 1 / 3)),
    ]
    again.collection.close()
    rounded = LexivecDocumentStore(embedding_dim=2, exact_embeddings=False)
    rounded.write_documents(documents[:1])
    assert rounded.filter_documents()[0].embedding == pytest.approx([0.1, 1 / 3], rel=1e-7)
    assert "embedding" not in rounded.collection["z"].payload


def test_a_refused_batch_leaves_nothing_and_one_list_may_repeat_an_id() -> None:
    made = store()
    with pytest.raises(DuplicateDocumentError):
        made.write_documents([Document(id="new"), Document(id="wing")])
    with pytest.raises(DuplicateDocumentError):
        made.write_documents([Document(id="new"), Document(id="new", content="x")])
    assert made.count_documents() == 3
    twice = [Document(id="new", content="first"), Document(id="new", content="second")]
    assert made.write_documents(twice, policy=DuplicatePolicy.SKIP) == 1
    assert made.collection["new"].text == {"text": "first"}
    assert made.write_documents(twice, policy=DuplicatePolicy.OVERWRITE) == 2
    assert made.collection["new"].text == {"text": "second"}


VALUES: List[Any] = [None, 0, 2, -3.5, 2.0, "x", "y", "2020-01-31", "2020-01-31T00:00:00", "2021-05-01T10:00:00+02:00"]


def condition(choice: random.Random, depth: int) -> Dict[str, Any]:
    """A random filter of Haystack, over fields of one kind for each comparison by order."""
    if depth and choice.random() < 0.6:
        parts = [condition(choice, depth - 1) for _ in range(choice.randrange(4))]
        return {"operator": choice.choice(["AND", "OR", "NOT"]), "conditions": parts}
    operator = choice.choice(["==", "!=", ">", ">=", "<", "<=", "in", "not in"])
    if operator in ("in", "not in"):
        value: Any = choice.sample(VALUES, choice.randrange(4))
    elif operator in ("==", "!="):
        value = choice.choice([*VALUES, ["x"], {"k": "x"}])
    else:
        return {"field": "meta.number", "operator": operator, "value": choice.choice([None, 0, 2, 2.5, -3])}
    field = choice.choice(["meta.any", "any", "meta.deep.any", "meta.number", "meta.none", "id", "content", "no.such"])
    return {"field": field, "operator": operator, "value": value}


def test_filters_admit_what_haystacks_own_function_admits() -> None:
    choice = random.Random(11)
    documents = []
    for number in range(120):
        meta: Dict[str, Any] = {"number": choice.choice([-3, -3.5, 0, 2, 2.5, 7])} if choice.random() < 0.8 else {}
        if choice.random() < 0.8:
            meta["any"] = choice.choice(VALUES)
        if choice.random() < 0.5:
            meta["deep"] = {"any": choice.choice(VALUES)}
        text = choice.choice(["x", "y", None])
        documents.append(Document(id=f"{number}", content=text, meta=meta, embedding=[1.0, number / 100]))
    ours, theirs = LexivecDocumentStore(embedding_dim=2), InMemoryDocumentStore()
    ours.write_documents(documents)
    theirs.write_documents(documents)
    admitted = 0
    for _ in range(400):
        filters = condition(choice, 3)
        expected = theirs.filter_documents(filters)
        assert ours.filter_documents(filters) == expected, filters
        assert ours.count_documents_by_filter(filters) == len(expected), filters
        top = [document.id for document in theirs.embedding_retrieval([1.0, 0.0], filters, top_k=5)]
        assert [document.id for document in ours.embedding_retrieval([1.0, 0.0], filters, top_k=5)] == top, filters
        admitted += 0 < len(expected) < len(documents)
    assert admitted > 100


@pytest.mark.parametrize(
    "filters",
    [
        {"field": "meta.number", "operator": "~", "value": 1},
        {"operator": "XOR", "conditions": []},
        {"field": "meta.number", "operator": ">", "value": {"a": 1}},
        {"field": "meta.number", "operator": ">=", "value": "about 1990"},
    ],
)
def test_filters_without_a_meaning_are_refused(filters: Dict[str, Any]) -> None:
    with pytest.raises(FilterError):
        store().filter_documents(filters)


def test_a_filter_in_the_form_of_old_is_a_value_error() -> None:
    with pytest.raises(ValueError, match="operator"):
        store().embedding_retrieval([1.0, 0.0], filters={"year": 1958})


def test_update_and_delete_with_a_filter_that_must_be_checked() -> None:
    made = store()
    by_content = {"field": "content", "operator": "==", "value": None}
    assert made.update_by_filter(by_content, {"empty": True, "a": 1}) == 1
    assert made.filter_documents({"field": "meta.empty", "operator": "==", "value": True})[0].id == "bare"
    assert list(made.filter_documents(by_content)[0].meta) == ["year", "empty", "a"]
    assert made.filter_documents({"field": "id", "operator": "!=", "value": "bare"})[0].embedding == [1.0, 0.0]
    assert made.delete_by_filter(by_content) == 1
    assert made.count_documents() == 2


@pytest.mark.parametrize(("metric", "raw", "scaled"), [("cosine", 0.6, 0.8), ("dot", 0.6, 0.5015), ("l2", -0.8, 0.5279)])
def test_scores_and_scaled_scores(metric: str, raw: float, scaled: float) -> None:
    made = LexivecDocumentStore(embedding_dim=2, metric=metric)
    made.write_documents([Document(id="a", content="wing", embedding=[0.6, 0.8])])
    retriever = LexivecEmbeddingRetriever(made)
    for scale, expected in ((False, raw), (True, scaled)):
        [found] = retriever.run(query_embedding=[1.0, 0.0], scale_score=scale)["documents"]
        assert found.score == pytest.approx(expected, abs=1e-4) and found.embedding is None
    [found] = LexivecBM25Retriever(made, scale_score=True).run(query="wing")["documents"]
    assert 0.5 < found.score < 1


def test_retrievers_find_by_words_by_embedding_and_by_both() -> None:
    made = store()
    words, close = LexivecBM25Retriever(made), LexivecEmbeddingRetriever(made, top_k=1, return_embedding=True)
    assert [found.id for found in words.run(query="heated boundaries")["documents"]] == ["heat"]
    assert words.run(query="nothing")["documents"] == []
    [found] = close.run(query_embedding=[0.9, 0.1])["documents"]
    assert (found.id, found.embedding) == ("wing", [1.0, 0.0])
    asked = {"query": "heat", "query_embedding": [1.0, 0.1]}
    for share, expected in ((0.1, ["heat", "wing"]), (0.9, ["wing", "heat"])):
        both = LexivecHybridRetriever(made, fusion={"weighted": {"alpha": share}})
        assert [found.id for found in both.run(**asked)["documents"]] == expected
        assert [found.id for found in both.run(**asked, top_k=1)["documents"]] == expected[:1]
        assert both.run(**asked, top_k=0)["documents"] == []
    with pytest.raises(ValueError, match="query is empty"):
        words.run(query="")
    with pytest.raises(ValueError, match="query_embedding is empty"):
        close.run(query_embedding=[])


def test_filters_of_a_retriever_are_replaced_or_joined() -> None:
    made = store()
    late = {"field": "meta.year", "operator": ">", "value": 1960}
    early = {"field": "id", "operator": "==", "value": "wing"}
    asked = {"query": "in", "query_embedding": [1.0, 1.0]}
    for policy, expected in ((FilterPolicy.REPLACE, ["wing"]), ("merge", [])):
        retriever = LexivecHybridRetriever(made, filters=late, filter_policy=policy)
        assert [found.id for found in retriever.run(**asked)["documents"]] == ["heat"]
        assert [found.id for found in retriever.run(**asked, filters=early)["documents"]] == expected


def test_stores_of_one_directory_write_in_turn(tmp_path: Any) -> None:
    stores = [LexivecDocumentStore(tmp_path / "store", embedding_dim=2, metric=metric) for metric in ("dot", "l2")]
    assert stores[0].count_documents() == stores[1].count_documents() == 0
    assert stores[0].collection is stores[1].collection and stores[1].metric == "dot"
    start, outcomes = threading.Barrier(8), []

    def write(number: int) -> None:
        start.wait()
        for round in range(20):
            try:
                stores[number % 2].write_documents([Document(id=f"{round}", content=f"{number}")])
                outcomes.append(round)
            except DuplicateDocumentError:
                pass

    threads = [threading.Thread(target=write, args=(number,)) for number in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sorted(outcomes) == list(range(20))
    stores[0].collection.close()


def test_a_saved_pipeline_shares_the_handle_of_its_directory(tmp_path: Any) -> None:
    made = LexivecDocumentStore(tmp_path / "store", embedding_dim=2, metric="dot")
    made.write_documents([Document(id="a", content="wing", embedding=[1.0, 0.0])])
    pipeline = Pipeline()
    pipeline.add_component("words", LexivecBM25Retriever(made, top_k=3, scale_score=True))
    pipeline.add_component("close", LexivecEmbeddingRetriever(made, filter_policy="merge", return_embedding=True))
    pipeline.add_component("both", LexivecHybridRetriever(made, fusion="rrf"))
    loaded = Pipeline.loads(pipeline.dumps(), allowed_modules=["lexivec.haystack.*"])
    assert loaded.to_dict() == pipeline.to_dict()
    asked = {"query": "wing", "query_embedding": [1.0, 0.0]}
    answers = loaded.run({"words": {"query": "wing"}, "close": {"query_embedding": [1.0, 0.0]}, "both": asked})
    assert {name: answer["documents"][0].id for name, answer in answers.items()} == dict.fromkeys(answers, "a")
    assert len(answers) == 3
    made.collection.close()


@pytest.mark.parametrize("retriever", [LexivecBM25Retriever, LexivecEmbeddingRetriever, LexivecHybridRetriever])
def test_retrievers_refuse_other_stores_and_no_documents(retriever: Any) -> None:
    with pytest.raises(TypeError, match="InMemoryDocumentStore"):
        retriever(InMemoryDocumentStore())
    with pytest.raises(ValueError, match="top_k"):
        retriever(store(), top_k=0)


async def test_awaited_retrievers_leave_the_loop_to_others(monkeypatch: pytest.MonkeyPatch) -> None:
    made, loop, seen, search = store(), threading.get_ident(), [], Reader.search

    def watched(*given: Any, **options: Any) -> Any:
        seen.append(threading.get_ident())
        return search(*given, **options)

    monkeypatch.setattr(Reader, "search", watched)
    answers = [
        await LexivecBM25Retriever(made).run_async(query="wing"),
        await LexivecEmbeddingRetriever(made, top_k=1).run_async(query_embedding=[1.0, 0.0]),
        await LexivecHybridRetriever(made, top_k=1).run_async(query="wing", query_embedding=[1.0, 0.0]),
    ]
    assert [[found.id for found in answer["documents"]] for answer in answers] == [["wing"]] * 3
    assert len(seen) == 3 and loop not in seen


@pytest.mark.parametrize("meta", [{"_order": 5}, {"b": 1, "_order": [["b"]], "a": {"z": 1, "b": 2}}], ids=str)
def test_no_key_of_the_user_is_lost_to_the_order_of_keys(meta: Any) -> None:
    made = LexivecDocumentStore(embedding_dim=2)
    made.write_documents([Document(id="a", content="wing", meta=meta, blob=ByteStream(b"x", meta=meta))])
    [found], [hit] = made.filter_documents(), made.bm25_retrieval("wing")
    made.update_by_filter({"field": "id", "operator": "==", "value": "a"}, {"c": 1})
    [changed] = made.filter_documents()
    assert [json.dumps(one) for one in (found.meta, hit.meta, found.blob.meta)] == [json.dumps(meta)] * 3
    assert json.dumps(changed.meta) == json.dumps({**meta, "c": 1})


@pytest.mark.parametrize("copied", [copy.copy, copy.deepcopy])
@pytest.mark.parametrize("kept", [False, True])
def test_a_copy_has_the_same_documents(copied: Any, kept: bool, tmp_path: Any) -> None:
    made = LexivecDocumentStore(tmp_path / "c" if kept else None, embedding_dim=2)
    early = copied(made)
    made.write_documents([Document(id="a", content="wing")])
    late = copied(made)
    late.write_documents([Document(id="b", content="wing")])
    assert [one.count_documents() for one in (made, early, late)] == [2, 2, 2]
    made.close()
    early.close()
    assert late.count_documents() == 2
    late.close()
    for one in (made, early, late):
        with pytest.raises(ValueError, match="closed"):
            one.count_documents()


def test_a_store_can_be_closed_and_opened_again(tmp_path: Any) -> None:
    for number in range(2):
        with LexivecDocumentStore(tmp_path / "c", embedding_dim=2) as made:
            assert made.write_documents([Document(id=str(number), content="wing")]) == 1
    with lexivec.open(tmp_path / "c") as rows:
        assert list(rows) == ["0", "1"]


def test_a_pickled_store_reads(tmp_path: Any) -> None:
    with LexivecDocumentStore(tmp_path / "c", embedding_dim=2) as made:
        made.write_documents([Document(id="a", content="wing")])
        with pickle.loads(pickle.dumps(made)) as again:
            assert again.count_documents() == 1 and again.collection.read_only
        assert made.count_documents() == 1
