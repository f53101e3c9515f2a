"""The LlamaIndex adapter, next to LlamaIndex's own `SimpleVectorStore`."""

from __future__ import annotations

import json
import pickle
import random
import threading
from typing import Any, Dict, List, Optional

import pytest

import lexivec

pytest.importorskip("llama_index.core")

import fsspec
from llama_index.core import MockEmbedding, StorageContext, VectorStoreIndex
from llama_index.core.schema import ImageNode, NodeRelationship, RelatedNodeInfo, TextNode
from llama_index.core.vector_stores import SimpleVectorStore
from llama_index.core.vector_stores.types import (
    FilterCondition,
    FilterOperator,
    MetadataFilter,
    MetadataFilters,
    VectorStoreQuery,
    VectorStoreQueryMode,
)

from lexivec._reading import Reader
from lexivec.llama_index import LexivecVectorStore

WORDS = ["wing", "heat", "flow", "Wingtip", "slip stream", "a wing and heat", ""]
DIM = 6


def nodes(choice: random.Random, count: int) -> List[TextNode]:
    made = []
    for number in range(count):
        metadata: Dict[str, Any] = {}
        for name, values in (("word", WORDS), ("year", [1958, 1960.5, 1961, 1970]), ("rank", [1, 2, 3, None])):
            if choice.random() < 0.8:
                metadata[name] = choice.choice(values)
        if choice.random() < 0.7:
            metadata["tags"] = choice.sample(WORDS, choice.randrange(4))
        made.append(
            TextNode(
                id_=f"node-{number}",
                text=choice.choice(WORDS),
                embedding=[choice.gauss(0, 1) for _ in range(DIM)],
                metadata=metadata,
                relationships={NodeRelationship.SOURCE: RelatedNodeInfo(node_id=f"doc-{number % 7}")},
            )
        )
    return made


def both(choice: random.Random, count: int) -> Any:
    made = nodes(choice, count)
    ours, theirs = LexivecVectorStore(), SimpleVectorStore()
    assert ours.add(made) == theirs.add(made)
    return ours, theirs


def condition(choice: random.Random) -> MetadataFilter:
    """A random filter that `SimpleVectorStore` can answer."""
    kind = FilterOperator
    scalar = choice.choice([("word", WORDS), ("year", [1958, 1960.5, 1961, 2000]), ("rank", [1, 2, 3]),
                            ("ref_doc_id", ["doc-1", "doc-2"]), ("missing", ["x"])])
    operator = choice.choice([kind.EQ, kind.NE, kind.GT, kind.GTE, kind.LT, kind.LTE, kind.IN, kind.NIN, kind.IS_EMPTY,
                              kind.CONTAINS, kind.ANY, kind.ALL, kind.TEXT_MATCH, kind.TEXT_MATCH_INSENSITIVE])
    if operator in (kind.IN, kind.NIN):
        return MetadataFilter(key=scalar[0], value=choice.sample(scalar[1], 1), operator=operator)
    if operator in (kind.ANY, kind.ALL):
        value = choice.sample(WORDS, choice.randrange(3))
        return MetadataFilter(key=choice.choice(["tags", "word"]), value=value, operator=operator)
    if operator == kind.CONTAINS:
        return MetadataFilter(key=choice.choice(["tags", "word"]), value=choice.choice(WORDS), operator=operator)
    if operator in (kind.TEXT_MATCH, kind.TEXT_MATCH_INSENSITIVE):
        return MetadataFilter(key="word", value=choice.choice(["wing", "WING", "ea", "s"]), operator=operator)
    if operator == kind.IS_EMPTY:
        return MetadataFilter(key=choice.choice(["rank", "missing"]), value=None, operator=operator)
    return MetadataFilter(key=scalar[0], value=choice.choice(scalar[1]), operator=operator)


def conditions(choice: random.Random) -> MetadataFilters:
    return MetadataFilters(
        filters=[condition(choice) for _ in range(choice.randrange(4))],
        condition=choice.choice([FilterCondition.AND, FilterCondition.OR, FilterCondition.NOT, None]),
    )


def asked(choice: random.Random, **options: Any) -> VectorStoreQuery:
    vector = [choice.gauss(0, 1) for _ in range(DIM)]
    return VectorStoreQuery(**{"query_embedding": vector, "similarity_top_k": choice.choice([1, 5, 20]), **options})


def same(ours: Any, theirs: Any) -> None:
    assert ours.ids == theirs.ids
    assert ours.similarities == pytest.approx(theirs.similarities, abs=1e-6)
    assert [node.node_id for node in ours.nodes] == ours.ids


def test_queries_with_filters_answer_as_the_reference() -> None:
    choice = random.Random(3)
    ours, theirs = both(choice, 150)
    narrowed = 0
    for _ in range(600):
        query = asked(choice, filters=conditions(choice))
        if choice.random() < 0.2:
            query.node_ids = [f"node-{choice.randrange(200)}" for _ in range(60)]
        same(ours.query(query), theirs.query(query))
        everything = VectorStoreQuery(query.query_embedding, 1_000, node_ids=query.node_ids, filters=query.filters)
        admitted = theirs.query(everything).ids
        found = ours.get_nodes(query.node_ids, query.filters)
        assert sorted(node.node_id for node in found) == sorted(admitted), query.filters
        narrowed += 0 < len(admitted) < 150
    assert narrowed > 200


def test_diversity_chooses_as_the_reference() -> None:
    choice = random.Random(5)
    ours, theirs = both(choice, 150)
    for share in (None, 0.1, 0.3, 0.5, 0.9, 1.0):
        query = asked(choice, mode=VectorStoreQueryMode.MMR, similarity_top_k=12, filters=conditions(choice))
        same(ours.query(query, mmr_threshold=share), theirs.query(query, mmr_threshold=share))
    narrow = ours.query(asked(choice, mode=VectorStoreQueryMode.MMR, similarity_top_k=3), mmr_prefetch_k=3)
    assert len(narrow.ids) == 3
    query = asked(choice, mode=VectorStoreQueryMode.MMR, similarity_top_k=12)
    by_query = VectorStoreQuery(**{**query.__dict__, "mmr_threshold": 0.2})
    assert ours.query(by_query).ids == theirs.query(query, mmr_threshold=0.2).ids


@pytest.mark.parametrize("seed", range(6))
def test_deletions_leave_what_the_reference_leaves(seed: int) -> None:
    choice = random.Random(seed)
    ours, theirs = both(choice, 80)
    every = VectorStoreQuery([1.0] * DIM, 1_000)
    for store in (ours, theirs):
        store.delete("doc-3")
    same(ours.query(every), theirs.query(every))
    for _ in range(4):
        ids: Optional[List[str]] = [f"node-{choice.randrange(80)}" for _ in range(20)]
        filters = MetadataFilters(filters=[condition(choice)])
        if choice.random() < 0.3:
            ids = None
        for store in (ours, theirs):
            store.delete_nodes(ids, filters)
        same(ours.query(every), theirs.query(every))
    for store in (ours, theirs):
        store.delete_nodes([])
    same(ours.query(every), theirs.query(every))
    for store in (ours, theirs):
        store.clear()
        assert store.query(every).ids == []


def test_nested_filters() -> None:
    store = LexivecVectorStore()
    store.add([
        TextNode(id_=name, text=name, embedding=[1.0, 0.0], metadata={"year": year, "word": name})
        for name, year in (("Wing", 1958), ("heat", 1961), ("flow", 1970))
    ])
    late = MetadataFilter(key="year", value=1960, operator=FilterOperator.GT)
    wings = MetadataFilter(key="word", value="wing", operator=FilterOperator.TEXT_MATCH_INSENSITIVE)
    either = MetadataFilters(filters=[late, wings], condition=FilterCondition.OR)
    for nested, expected in (
        ([either, MetadataFilters(filters=[late], condition=FilterCondition.NOT)], ["Wing"]),
        ([MetadataFilters(filters=[either], condition=FilterCondition.NOT)], []),
        ([late, MetadataFilters(filters=[wings], condition=FilterCondition.NOT)], ["flow", "heat"]),
        ([either, MetadataFilters(filters=[])], ["Wing", "flow", "heat"]),
    ):
        filters = MetadataFilters(filters=nested)
        assert sorted(node.node_id for node in store.get_nodes(filters=filters)) == expected
        found = store.query(VectorStoreQuery([1.0, 0.0], 10, filters=filters))
        assert sorted(found.ids) == expected
        assert len(store.query(VectorStoreQuery([1.0, 0.0], 1, filters=filters)).ids) == min(1, len(expected))


def test_nodes_come_back_as_they_were() -> None:
    source = {NodeRelationship.SOURCE: RelatedNodeInfo(node_id="doc", metadata={"q": 1})}
    made = [
        TextNode(
            id_="b", text="a wing", metadata={"z": 1, "a": [1.0, {"y": None, "x": True}]}, embedding=[0.5, 0.25],
            relationships=source, excluded_embed_metadata_keys=["z"], start_char_idx=3,
        ),
        ImageNode(id_="a", text="a picture", image_url="http://localhost/a.png", embedding=[0.0, 1.0]),
    ]
    store = LexivecVectorStore()
    store.add(made)
    back = store.get_nodes(["b", "missing", "a", "b"])
    assert back == made and [type(node) for node in back] == [TextNode, ImageNode]
    assert repr(back[0].metadata) == repr(made[0].metadata)
    assert [node.node_id for node in store.get_nodes()] == ["a", "b"]
    assert store.get("b") == [0.5, 0.25]
    with pytest.raises(KeyError):
        store.get("missing")
    found = store.query(VectorStoreQuery([1.0, 0.0], 1)).nodes[0]
    assert (found.get_content(), found.metadata, found.ref_doc_id) == ("a wing", made[0].metadata, "doc")


def words() -> LexivecVectorStore:
    store = LexivecVectorStore()
    store.add([
        TextNode(id_="wing", text="a wing in a slipstream", embedding=[1.0, 0.0], metadata={"year": 1958}),
        TextNode(id_="heat", text="heat in a boundary layer", embedding=[0.0, 1.0], metadata={"year": 1961}),
        TextNode(id_="flow", text="flow round a wing", embedding=[0.7, 0.7], metadata={"year": 1970}),
    ])
    return store


def test_hybrid_and_text_modes() -> None:
    store, mode = words(), VectorStoreQueryMode
    for share, first in ((0.0, "heat"), (0.1, "heat"), (0.9, "wing"), (1.0, "wing")):
        for kind in (mode.HYBRID, mode.SEMANTIC_HYBRID):
            query = VectorStoreQuery([1.0, 0.0], 3, query_str="boundary", mode=kind, alpha=share)
            assert store.query(query).ids[0] == first
    query = VectorStoreQuery([1.0, 0.0], 1, query_str="heat", mode=mode.HYBRID, hybrid_top_k=2, sparse_top_k=5)
    assert len(store.query(query).ids) == 2
    late = MetadataFilters(filters=[MetadataFilter(key="year", value=1960, operator=FilterOperator.GT)])
    for kind in (mode.TEXT_SEARCH, mode.SPARSE):
        assert set(store.query(VectorStoreQuery(query_str="wings", similarity_top_k=5, mode=kind)).ids) == {"wing", "flow"}
        assert store.query(VectorStoreQuery(query_str="wing", similarity_top_k=5, mode=kind, filters=late)).ids == ["flow"]
    assert len(store.query(VectorStoreQuery(query_str="wing", mode=mode.SPARSE, sparse_top_k=2)).ids) == 2
    with pytest.raises(ValueError, match="query_str is missing"):
        store.query(VectorStoreQuery([1.0, 0.0], mode=mode.HYBRID))
    with pytest.raises(ValueError, match="query_embedding is missing"):
        store.query(VectorStoreQuery(query_str="wing"))
    with pytest.raises(ValueError, match="Invalid query mode"):
        store.query(VectorStoreQuery([1.0, 0.0], mode=mode.SVM))


def test_documents_of_a_query_and_keywords_of_the_search() -> None:
    store = LexivecVectorStore()
    store.add(nodes(random.Random(1), 30))
    found = store.query(VectorStoreQuery([1.0] * DIM, 50, doc_ids=["doc-1", "doc-2"]), params={"exact": True})
    assert {node.ref_doc_id for node in found.nodes} == {"doc-1", "doc-2"}
    with pytest.raises(TypeError):
        store.query(VectorStoreQuery([1.0] * DIM, 50), no_such_keyword=1)


def test_a_store_is_persisted_and_loaded(tmp_path: Any) -> None:
    store, place = words(), str(tmp_path / "storage" / "vector_store.json")
    every = VectorStoreQuery([1.0, 0.5], 10)
    store.persist(place)
    store.delete_nodes(["heat"])
    store.persist(place)
    in_memory = LexivecVectorStore.from_persist_path(place)
    on_disk = LexivecVectorStore.from_persist_path(place, path=tmp_path / "store")
    for again in (in_memory, on_disk):
        assert again.query(every) == store.query(every)
        assert again.get_nodes() == store.get_nodes()
    on_disk.client.close()
    assert LexivecVectorStore(path=tmp_path / "store").query(every) == store.query(every)
    elsewhere = fsspec.filesystem("memory")
    store.persist("/kept/vector_store.json", fs=elsewhere)
    again = LexivecVectorStore.from_persist_path("/kept/vector_store.json", fs=elsewhere)
    assert again.query(every) == store.query(every)
    with pytest.raises(ValueError, match="nothing to persist"):
        LexivecVectorStore().persist(place)


def test_a_component_is_saved_and_loaded(tmp_path: Any) -> None:
    store = LexivecVectorStore(path=tmp_path / "store", metric="dot")
    store.add(nodes(random.Random(4), 5))
    saved = store.to_dict()
    arrived = pickle.loads(pickle.dumps(store))
    assert arrived.client.read_only and arrived.get_nodes() == store.get_nodes()
    store.client.close()
    again = LexivecVectorStore.from_dict(saved)
    assert (again.path, again.metric, again.client.count()) == (str(tmp_path / "store"), "dot", 5)
    again.client.close()


def test_of_nodes_with_one_id_the_last_is_written() -> None:
    store = LexivecVectorStore()
    twice = [TextNode(id_="a", text=text, embedding=[1.0, 0.0]) for text in ("old", "new")]
    assert store.add(twice) == ["a", "a"] and store.get_nodes() == twice[1:]


def test_more_ids_than_one_filter_lists() -> None:
    store = words()
    ids = ["heat", *(f"node-{number}" for number in range(20_000)), "wing"]
    late = MetadataFilters(filters=[MetadataFilter(key="year", value=1960, operator=FilterOperator.GT)])
    assert [node.node_id for node in store.get_nodes(ids)] == ["heat", "wing"]
    store.delete_nodes(ids, late)
    assert [node.node_id for node in store.get_nodes()] == ["flow", "wing"]
    store.delete_nodes(ids)
    assert [node.node_id for node in store.get_nodes()] == ["flow"]


def test_an_empty_store_answers_and_is_cleared() -> None:
    store = LexivecVectorStore()
    assert store.add([]) == [] and store.get_nodes() == [] and store.query(VectorStoreQuery([1.0], 3)).ids == []
    store.delete("doc")
    store.delete_nodes()
    store.clear()
    assert store.client is None


def test_an_index_retrieves_from_the_store() -> None:
    store = LexivecVectorStore()
    made = [TextNode(id_=name, text=name, metadata={"year": year}) for name, year in (("wing", 1958), ("heat", 1961))]
    context = StorageContext.from_defaults(vector_store=store)
    VectorStoreIndex(made, storage_context=context, embed_model=MockEmbedding(embed_dim=4))
    index = VectorStoreIndex.from_vector_store(store, embed_model=MockEmbedding(embed_dim=4))
    retriever = index.as_retriever(similarity_top_k=1, vector_store_query_mode="hybrid", alpha=0.1)
    assert [found.node.node_id for found in retriever.retrieve("heat")] == ["heat"]
    index.delete_nodes(["heat"])
    assert [node.node_id for node in store.get_nodes()] == ["wing"]


async def test_awaited_calls_leave_the_loop_to_others(monkeypatch: pytest.MonkeyPatch) -> None:
    loop, seen, search = threading.get_ident(), [], Reader.search

    def watched(*given: Any, **options: Any) -> Any:
        seen.append(threading.get_ident())
        return search(*given, **options)

    monkeypatch.setattr(Reader, "search", watched)
    store, made = LexivecVectorStore(), nodes(random.Random(2), 20)
    assert await store.async_add(made) == [node.node_id for node in made]
    found = await store.aquery(VectorStoreQuery(made[4].embedding, 1))
    assert found.ids == ["node-4"] and len(seen) == 1 and loop not in seen
    await store.adelete("doc-4")
    await store.adelete_nodes(["node-1"])
    assert [node.node_id for node in await store.aget_nodes(["node-1", "node-4", "node-5"])] == ["node-5"]
    await store.aclear()
    assert await store.aget_nodes() == []


def test_no_key_of_the_user_is_lost_to_the_order_of_keys() -> None:
    metadata = {"b": 1, "_order": [["b"]], "a": {"z": 1, "b": 2}}
    store = LexivecVectorStore()
    store.add([TextNode(id_="a", text="wing", metadata=metadata, embedding=[1.0, 0.0])])
    [kept], [found] = store.get_nodes(), store.query(VectorStoreQuery([1.0, 0.0], 1)).nodes or []
    assert [json.dumps(one.metadata) for one in (kept, found)] == [json.dumps(metadata)] * 2


def test_a_store_closes_what_it_opened(tmp_path: Any) -> None:
    for _ in range(2):
        with LexivecVectorStore(path=tmp_path / "c") as store:
            store.add([TextNode(id_="a", text="wing", embedding=[1.0, 0.0])])
        with pytest.raises(ValueError, match="closed"):
            store.get_nodes()
    with lexivec.open(tmp_path / "c") as given:
        LexivecVectorStore(given).close()
        assert len(given) == 1


@pytest.mark.parametrize("deep", [False, True])
def test_a_copy_has_the_same_nodes(deep: bool, tmp_path: Any) -> None:
    for store in (LexivecVectorStore(), LexivecVectorStore(path=tmp_path / "c")):
        early = store.model_copy(deep=deep)
        early.add([TextNode(id_="a", text="wing", embedding=[1.0, 0.0])])
        assert [node.node_id for node in store.get_nodes()] == ["a"] and early is not store
        store.close()
