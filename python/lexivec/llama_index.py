"""LlamaIndex: a vector store in a lexivec collection, with hybrid search and maximal marginal relevance.

`pip install lexivec[llama-index]` brings what is needed. The content of a node is the text of a row, and the payload has
its metadata as LlamaIndex's vector stores keep it: next to `ref_doc_id`, and with the rest of the node in
`_node_content`. Filters admit what those of `SimpleVectorStore` do, may be nested as well, and are as in
`docs/filters.md` in one thing: a list in the metadata satisfies a comparison if one of its elements does.

>>> from llama_index.core.schema import TextNode
>>> from llama_index.core.vector_stores.types import VectorStoreQuery, VectorStoreQueryMode
>>> from lexivec.llama_index import LexivecVectorStore
>>> store = LexivecVectorStore()
>>> store.add([
...     TextNode(id_="a", text="a wing in a slipstream", embedding=[1.0, 0.0], metadata={"year": 1958}),
...     TextNode(id_="b", text="heat in a boundary layer", embedding=[0.0, 1.0], metadata={"year": 1961}),
... ])
['a', 'b']
>>> hybrid = VectorStoreQuery(
...     query_embedding=[0.9, 0.1], query_str="slipstream", similarity_top_k=1, mode=VectorStoreQueryMode.HYBRID
... )
>>> store.query(hybrid).ids
['a']
"""

from __future__ import annotations

import itertools
import os
import shutil
import tempfile
from typing import TYPE_CHECKING, Any, Callable, Dict, Iterator, List, Mapping, Optional, Sequence, Tuple

import numpy as np

try:
    from llama_index.core.bridge.pydantic import PrivateAttr
    from llama_index.core.schema import BaseNode, MetadataMode
    from llama_index.core.vector_stores.types import (
        DEFAULT_PERSIST_DIR,
        DEFAULT_PERSIST_FNAME,
        BasePydanticVectorStore,
        FilterCondition,
        FilterOperator,
        MetadataFilter,
        MetadataFilters,
        VectorStoreQuery,
        VectorStoreQueryMode,
        VectorStoreQueryResult,
    )
    from llama_index.core.vector_stores.utils import (
        build_metadata_filter_fn,
        metadata_dict_to_node,
        node_to_metadata_dict,
    )
except ImportError as error:
    raise ImportError(
        f"lexivec.llama_index needs llama-index-core ({error}); install it by: pip install lexivec[llama-index]"
    ) from error

from . import _collection, filters as _filters
from ._awaited import awaited
from ._closing import Closing
from ._collection import Collection, Path
from ._documents import Document
from ._frameworks import Clause, Store, all_of, any_of, hits, vectors_of
from ._lexivec import Hit
from ._reading import Searcher
from .filters import Expression, Field

if TYPE_CHECKING:
    import fsspec  # type: ignore[import-untyped]

__all__ = ["LexivecVectorStore"]

#: Candidates of a search for diversity, unless `mmr_prefetch_k` says otherwise.
MMR_CANDIDATES = 1_000
#: Values that one filter may list.
MOST_LISTED = 10_000
#: Rows that are copied into memory at a time.
COPIED_ROWS = 1_000


class LexivecVectorStore(Closing, BasePydanticVectorStore):
    """A vector store in a lexivec collection.

    Args:
        collection: A collection with a text field `text` and a vector field `vector`.
        path: Or the directory of one: opened if it is there, otherwise made at the first write.
        metric: `"cosine"` (the default), `"dot"` or `"l2"`, for a collection that is made. Without collection and path
            it is in memory.

    `close`, or `with`, closes what the store opened or made; a collection that was given is closed by its owner.

    >>> from llama_index.core.schema import TextNode
    >>> from llama_index.core.vector_stores.types import MetadataFilter, MetadataFilters
    >>> store = LexivecVectorStore()
    >>> _ = store.add([TextNode(id_="a", text="a wing", embedding=[1.0, 0.0], metadata={"year": 1958})])
    >>> early = MetadataFilters(filters=[MetadataFilter(key="year", value=1960, operator="<")])
    >>> [node.metadata for node in store.get_nodes(filters=early)]
    [{'year': 1958}]
    """

    stores_text: bool = True
    path: Optional[str] = None
    metric: Optional[str] = None
    _store: Store = PrivateAttr()

    def __init__(
        self,
        collection: Optional[Collection] = None,
        *,
        path: Optional[Path] = None,
        metric: Optional[str] = None,
        **kwargs: Any,
    ) -> None:
        place = collection.path if path is None and collection is not None else path
        fields: Dict[str, Any] = {"path": None if place is None else os.fspath(place), "metric": metric}
        super().__init__(**{**kwargs, **fields, "stores_text": True})
        self._store = Store.opened(collection, path, metric)

    @classmethod
    def class_name(cls) -> str:
        """The name of the class in LlamaIndex's saved components."""
        return "LexivecVectorStore"

    @property
    def client(self) -> Optional[Collection]:
        """The collection; None before the first write to a new one."""
        return self._store.collection

    def close(self) -> None:
        """Closes the collection, unless it was given to the store."""
        self._store.close()

    # Writes

    def add(self, nodes: Sequence[BaseNode], **add_kwargs: Any) -> List[str]:
        """Writes nodes with their embeddings, all or none, and gives their ids; a node that is there is replaced."""
        ids = [node.node_id for node in nodes]
        texts = [node.get_content(metadata_mode=MetadataMode.NONE) for node in nodes]
        payloads = [node_to_metadata_dict(node, remove_text=True) for node in nodes]
        self._store.write(ids, texts, [node.get_embedding() for node in nodes], payloads)
        return ids

    def delete(self, ref_doc_id: str, **delete_kwargs: Any) -> None:
        """Deletes the nodes of a document."""
        if self.client is not None:
            self.client.delete_where(Field("ref_doc_id") == ref_doc_id)

    def delete_nodes(
        self,
        node_ids: Optional[List[str]] = None,
        filters: Optional[MetadataFilters] = None,
        **delete_kwargs: Any,
    ) -> None:
        """Deletes the nodes with these ids that a filter admits; all without ids and filter."""
        if self.client is None:
            return
        clause = _clause_of(filters)
        if node_ids is None and clause.exact:
            self.client.delete_where(Expression("TRUE") if clause.filter is None else clause.filter)
        elif node_ids is not None and filters is None:
            self.client.delete(node_ids)
        else:
            self.client.delete([row.id for row in self._rows(node_ids, filters)])

    def clear(self) -> None:
        """Deletes all nodes."""
        if self.client is not None:
            self.client.delete_where("TRUE")

    # Reads

    def get(self, text_id: str) -> List[float]:
        """The embedding of a node; a missing one is a `KeyError`."""
        if self.client is None:
            raise KeyError(text_id)
        embedding: List[float] = self.client[text_id].vectors["vector"].tolist()
        return embedding

    def get_nodes(
        self,
        node_ids: Optional[List[str]] = None,
        filters: Optional[MetadataFilters] = None,
    ) -> List[BaseNode]:
        """The nodes with these ids that a filter admits, with their embeddings; all without ids and filter.

        They are in the order of the ids that are given, or else of the stored ids.
        """
        nodes = {row.id: _node_of(row) for row in self._rows(node_ids, filters)}
        return [nodes[id] for id in dict.fromkeys(nodes if node_ids is None else node_ids) if id in nodes]

    def query(self, query: VectorStoreQuery, **kwargs: Any) -> VectorStoreQueryResult:
        """Searches by embedding, by words, by both, or for diversity, as the mode of the query says.

        Args:
            query: Of its modes, `DEFAULT` is by embedding; `HYBRID` and `SEMANTIC_HYBRID` fuse embedding and words,
                `alpha` being the share of the embedding (by default that of the collection), `hybrid_top_k` the nodes
                wanted and `sparse_top_k` the candidates by words; `TEXT_SEARCH` and `SPARSE` are by words (BM25);
                `MMR` is for nodes that are relevant and unlike each other, `mmr_threshold` being the share of
                relevance.
            **kwargs: `mmr_threshold`; `mmr_prefetch_k`, the most similar nodes among which `MMR` chooses, 1,000 by
                default; and the keywords of `lexivec.Collection.search`, as `params={"exact": True}`.

        Returns:
            Nodes, ids and similarities, best first.
        """
        clause = _clause_of(query.filters)
        check = None if clause.exact else lambda hit: _admits(query.filters, hit.payload or {})
        # The retriever of an index gives an empty list where nodes are not to be narrowed.
        narrowed = all_of([clause, _among(query.node_ids or None), _of_documents(query.doc_ids or None)])
        if self.client is None:
            return VectorStoreQueryResult(nodes=[], similarities=[], ids=[])
        view = self.client.searcher()
        options = {**_options_of(query, kwargs), "filter": narrowed.filter, "check": check, "with_text": True}
        if query.mode == VectorStoreQueryMode.MMR:
            return _diverse(view, query, options, kwargs)
        found = hits(view, **options)
        return _result(found, [hit.score for hit in found])

    # The same, awaited

    async_add = awaited(add)
    adelete = awaited(delete)
    adelete_nodes = awaited(delete_nodes)
    aclear = awaited(clear)
    aget_nodes = awaited(get_nodes)
    aquery = awaited(query)

    # Files

    def persist(
        self,
        persist_path: str = os.path.join(DEFAULT_PERSIST_DIR, DEFAULT_PERSIST_FNAME),
        fs: Optional[fsspec.AbstractFileSystem] = None,
    ) -> None:
        """Writes the collection into one file, in place of the one that is there. One with a path is kept anyway.

        Args:
            persist_path: The file.
            fs: The file system; that of this machine by default.
        """
        if self.client is None:
            raise ValueError("the store has no collection before the first node is added; there is nothing to persist")
        with tempfile.TemporaryDirectory() as folder:
            export = os.path.join(folder, "export")
            self.client.export(export)
            if fs is not None:
                fs.makedirs(os.path.dirname(persist_path), exist_ok=True)
                fs.put_file(export, persist_path)
                return
            os.makedirs(os.path.dirname(persist_path) or ".", exist_ok=True)
            shutil.copyfile(export, persist_path + ".new")
            os.replace(persist_path + ".new", persist_path)

    @classmethod
    def from_persist_path(
        cls,
        persist_path: str,
        fs: Optional[fsspec.AbstractFileSystem] = None,
        path: Optional[Path] = None,
    ) -> "LexivecVectorStore":
        """A store with what `persist` wrote into a file.

        Args:
            persist_path: The file.
            fs: The file system of the file; that of this machine by default.
            path: A directory for the store, which does not exist or is empty; without it the store is in memory.
        """
        with tempfile.TemporaryDirectory() as folder:
            export = persist_path
            if fs is not None:
                export = os.path.join(folder, "export")
                fs.get_file(persist_path, export)
            place = os.path.join(folder, "store") if path is None else path
            _collection.import_collection(export, place)
            if path is not None:
                return cls(path=path)
            with _collection.open_read_only(place) as kept:
                [vectors] = kept.schema["vectors"]
                made = cls(metric=vectors["metric"])
                rows = kept.scan()
                while batch := list(itertools.islice(rows, COPIED_ROWS)):
                    made._store.made(vectors["dim"]).upsert(batch)
        return made

    def _rows(self, node_ids: Optional[List[str]], filters: Optional[MetadataFilters]) -> Iterator[Document]:
        if self.client is None:
            return
        clause, view = _clause_of(filters), self.client.searcher()
        for part in [None] if node_ids is None else _parts(node_ids):
            for row in view.scan(all_of([clause, _among(part)]).filter):
                if clause.exact or _admits(filters, row.payload):
                    yield row


# Queries


def _options_of(query: VectorStoreQuery, given: Mapping[str, Any]) -> Dict[str, Any]:
    """The keywords of the search that a query asks for."""
    modes = VectorStoreQueryMode
    by_words = query.mode in (modes.TEXT_SEARCH, modes.SPARSE)
    by_both = query.mode in (modes.HYBRID, modes.SEMANTIC_HYBRID)
    if not by_words and not by_both and query.mode not in (modes.DEFAULT, modes.MMR):
        raise ValueError(f"Invalid query mode: {query.mode}; give DEFAULT, HYBRID, TEXT_SEARCH or MMR")
    own = ("mmr_threshold", "mmr_prefetch_k")
    options: Dict[str, Any] = {name: value for name, value in given.items() if name not in own}
    options["mode"] = "text" if by_words else "hybrid" if by_both else "vector"
    options["limit"] = query.similarity_top_k
    if by_words or by_both:
        if query.query_str is None:
            raise ValueError(f"query_str is missing; mode {query.mode.value} searches by its words")
        options["text"] = query.query_str
    if not by_words:
        if query.query_embedding is None:
            raise ValueError(f"query_embedding is missing; mode {query.mode.value} searches by it")
        options["vector"] = query.query_embedding
        options["vector_field"] = query.embedding_field
    if by_words and query.sparse_top_k is not None:
        options["limit"] = query.sparse_top_k
    if by_both:
        options["limit"] = query.similarity_top_k if query.hybrid_top_k is None else query.hybrid_top_k
        if query.sparse_top_k is not None:
            options["legs"] = {"text": {"candidates": query.sparse_top_k}}
        if query.alpha is not None:
            options["fusion"] = {"weighted": {"alpha": query.alpha, "normalize": "zscore", "complete": True}}
    return options


def _diverse(
    view: Searcher, query: VectorStoreQuery, options: Dict[str, Any], given: Mapping[str, Any]
) -> VectorStoreQueryResult:
    """The nodes that LlamaIndex's maximal marginal relevance chooses among the most similar ones."""
    share = given.get("mmr_threshold", query.mmr_threshold)
    candidates = given.get("mmr_prefetch_k") or max(MMR_CANDIDATES, query.similarity_top_k)
    found = hits(view, **{**options, "limit": candidates})
    chosen, scores = _mmr(
        np.asarray(query.query_embedding, dtype=np.float64),
        vectors_of(view, found).astype(np.float64),
        min(query.similarity_top_k, len(found)),
        0.5 if share is None else share,
    )
    return _result([found[index] for index in chosen], scores)


def _mmr(
    query: "np.ndarray[Any, Any]", vectors: "np.ndarray[Any, Any]", count: int, share: float
) -> Tuple[List[int], List[float]]:
    """Rows chosen one after another, and their scores: `share` of the cosine with the query, less the rest of that
    with the row chosen before, as `get_top_k_mmr_embeddings` of LlamaIndex has it.
    """
    if count == 0:
        return [], []
    units = vectors / np.linalg.norm(vectors, axis=1, keepdims=True)
    relevance = share * (units @ (query / np.linalg.norm(query)))
    scores, chosen, reached = relevance.copy(), [], []
    free = np.ones(len(units), dtype=bool)
    for _ in range(count):
        best = int(np.argmax(np.where(free, scores, -np.inf)))
        chosen.append(best)
        reached.append(float(scores[best]))
        free[best] = False
        scores = relevance - (1.0 - share) * (units @ units[best])
    return chosen, reached


def _result(found: Sequence[Hit], scores: List[float]) -> VectorStoreQueryResult:
    nodes = [metadata_dict_to_node(dict(hit.payload or {}), (hit.text or {}).get("text")) for hit in found]
    return VectorStoreQueryResult(nodes=nodes, similarities=scores, ids=[hit.id for hit in found])


def _node_of(row: Document) -> BaseNode:
    node = metadata_dict_to_node(row.payload, row.text.get("text") if isinstance(row.text, dict) else row.text)
    node.embedding = None if row.vector is None else row.vector.tolist()
    return node


# Filters


def _among(node_ids: Optional[List[str]]) -> Clause:
    return Clause(None if node_ids is None else _filters.ids(node_ids))


def _parts(ids: List[str]) -> List[List[str]]:
    """Ids in parts of as many as a filter may list."""
    return [ids[first : first + MOST_LISTED] for first in range(0, len(ids), MOST_LISTED)]


def _of_documents(doc_ids: Optional[List[str]]) -> Clause:
    return Clause(None if doc_ids is None else Field("ref_doc_id").is_in(doc_ids))


def _clause_of(filters: Optional[MetadataFilters]) -> Clause:
    """Filters of LlamaIndex as one of lexivec."""
    if filters is None or not filters.filters:
        return Clause(None)
    clauses = [_clause_of(one) if isinstance(one, MetadataFilters) else _comparison(one) for one in filters.filters]
    if filters.condition in (None, FilterCondition.AND):
        return all_of(clauses)
    # NOT admits what no filter admits.
    return any_of(clauses) if filters.condition == FilterCondition.OR else ~any_of(clauses)


def _comparison(filter: MetadataFilter) -> Clause:
    field, value, kind = Field(filter.key), filter.value, FilterOperator
    if filter.operator == kind.NE:
        return ~_comparison(MetadataFilter(key=filter.key, value=value, operator=kind.EQ))
    if filter.operator == kind.NIN:
        return ~_comparison(MetadataFilter(key=filter.key, value=value, operator=kind.IN))
    if filter.operator == kind.IS_EMPTY:
        return Clause(field.missing() | (field == ""))
    if isinstance(value, list):
        return _listed(field, filter.operator, value)
    if value is None:
        # No value equals None, not even a missing one.
        return Clause(Expression("FALSE"))
    compared: Dict[FilterOperator, Callable[[Any], Expression]] = {
        kind.EQ: field.__eq__,
        kind.GT: field.__gt__,
        kind.GTE: field.__ge__,
        kind.LT: field.__lt__,
        kind.LTE: field.__le__,
    }
    if filter.operator in compared:
        return Clause(compared[filter.operator](value))
    if filter.operator in (kind.CONTAINS, kind.TEXT_MATCH):
        return Clause(field.contains(value), exact=False)
    return Clause(field.exists(), exact=False)


def _listed(field: Field, operator: FilterOperator, values: List[Any]) -> Clause:
    """A comparison with several values."""
    if operator == FilterOperator.IN:
        return Clause(field.is_in(values))
    parts = [Clause(field.contains(value), exact=False) for value in values]
    if operator == FilterOperator.ANY:
        return any_of(parts)
    return all_of(parts) if operator == FilterOperator.ALL and parts else Clause(None, exact=False)


def _admits(filters: Optional[MetadataFilters], metadata: Mapping[str, Any]) -> bool:
    """True if LlamaIndex's own function admits the metadata, of nested filters as well."""
    if filters is None or not filters.filters:
        return True
    results = [
        _admits(one, metadata) if isinstance(one, MetadataFilters) else _fits(one, metadata) for one in filters.filters
    ]
    if filters.condition in (None, FilterCondition.AND):
        return all(results)
    return any(results) if filters.condition == FilterCondition.OR else not any(results)


def _fits(filter: MetadataFilter, metadata: Mapping[str, Any]) -> bool:
    try:
        return bool(build_metadata_filter_fn(lambda _: metadata, MetadataFilters(filters=[filter]))(""))
    except TypeError:
        # The value is of a kind that has no such order or part.
        return False
