"""Haystack: a document store in a lexivec collection, and retrievers by embedding, by words (BM25) and by both.

`pip install lexivec[haystack]` brings what is needed. The content of a document is the text of a row, its embedding the
vector, its `meta` the member `meta` of the payload. Filters are Haystack's. Three things are as in `docs/filters.md`: a
list in the metadata satisfies a comparison if one of its elements does, 1 and true are not equal, and a date without an
offset is one in UTC. Haystack loads a saved pipeline with these classes by
`Pipeline.loads(text, allowed_modules=["lexivec.haystack"])`.

>>> from haystack import Document
>>> from lexivec.haystack import LexivecDocumentStore, LexivecHybridRetriever
>>> store = LexivecDocumentStore(embedding_dim=2)
>>> store.write_documents([
...     Document(id="a", content="a wing in a slipstream", embedding=[1.0, 0.0], meta={"year": 1958}),
...     Document(id="b", content="heat in a boundary layer", embedding=[0.0, 1.0], meta={"year": 1961}),
... ])
2
>>> retriever = LexivecHybridRetriever(store, top_k=1)
>>> [found.id for found in retriever.run(query="slipstream", query_embedding=[0.9, 0.1])["documents"]]
['a']
"""

from __future__ import annotations

import base64
import datetime
import math
import os
import threading
import time
import weakref
from typing import Any, Callable, Dict, Iterable, Iterator, List, Mapping, Optional, Tuple, Type, TypeVar, Union

import numpy as np

try:
    from haystack import component, default_from_dict, default_to_dict
    from haystack.dataclasses import ByteStream, Document, SparseEmbedding
    from haystack.document_stores.errors import DuplicateDocumentError
    from haystack.document_stores.types import DuplicatePolicy, FilterPolicy, apply_filter_policy
    from haystack.errors import FilterError
    from haystack.utils.filters import document_matches_filter
except ImportError as error:
    raise ImportError(
        f"lexivec.haystack needs haystack-ai ({error}); install it by: pip install lexivec[haystack]"
    ) from error

from . import _collection, filters as _filters
from ._collection import Collection, Path
from ._documents import Document as Row
from ._frameworks import Clause, all_of, any_of, awaited, hits, ordered, restored
from ._lexivec import Hit
from ._reading import Reader
from .errors import PathNotFound
from .filters import Expression, Field

__all__ = ["LexivecBM25Retriever", "LexivecDocumentStore", "LexivecEmbeddingRetriever", "LexivecHybridRetriever"]

#: A filter of Haystack: a comparison or a logical operator, as a dictionary.
Filters = Dict[str, Any]
R = TypeVar("R", bound="_Retriever")

#: Raw BM25 score at which a scaled one is 0.73, and the same for dot products; Haystack's own numbers.
BM25_SCALE = 8.0
DOT_SCALE = 100.0

#: Collections that are open in this process, by directory: all stores of one directory share one handle.
_OPEN: "weakref.WeakValueDictionary[str, Collection]" = weakref.WeakValueDictionary()
_OPENING = threading.Lock()


class LexivecDocumentStore:
    """A document store in a lexivec collection.

    Documents come back as they were written, in the order in which they were. All stores of one directory in a process
    share its handle, so that a pipeline that is loaded may name its store several times. The collection is opened, or
    made, when it is used first.

    Args:
        path: The directory; without one the documents are in memory.
        embedding_dim: Length of the embeddings; that of the collection if it is there already.
        metric: `"cosine"`, `"dot"` or `"l2"`.
        exact_embeddings: Searched are numbers of 32 bits. Embeddings that have finer ones are kept as they are as
            well, for 11 bytes a number; False gives back what is searched.

    >>> from haystack import Document
    >>> store = LexivecDocumentStore(embedding_dim=2)
    >>> store.write_documents([Document(id="a", content="a wing", meta={"year": 1958})])
    1
    >>> store.filter_documents({"field": "meta.year", "operator": "<", "value": 1960})
    [Document(id=a, content: 'a wing', meta: {'year': 1958})]
    """

    def __init__(
        self,
        path: Optional[Path] = None,
        *,
        embedding_dim: int = 768,
        metric: str = "cosine",
        exact_embeddings: bool = True,
    ) -> None:
        self.path = None if path is None else os.fspath(path)
        self.embedding_dim = embedding_dim
        self.metric = metric
        self.exact_embeddings = exact_embeddings
        self._collection: Optional[Collection] = None
        self._writing = threading.Lock()

    @property
    def collection(self) -> Collection:
        """The collection, opened or made."""
        if self._collection is None:
            with _OPENING:
                if self._collection is None:
                    self._collection = self._opened()
        return self._collection

    def _opened(self) -> Collection:
        options: Dict[str, Any] = {"dim": self.embedding_dim, "metric": self.metric, "text": ["text"]}
        if self.path is None:
            return _collection.in_memory(**options)
        place = os.path.realpath(self.path)
        collection = _OPEN.get(place)
        if collection is None or collection.closed:
            try:
                collection = _collection.open(place)
            except PathNotFound:
                collection = _collection.create(place, **options)
            _OPEN[place] = collection
        return collection

    def to_dict(self) -> Dict[str, Any]:
        """The arguments of the store, for a pipeline that is saved; documents in memory are not among them."""
        saved: Dict[str, Any] = default_to_dict(
            self,
            path=self.path,
            embedding_dim=self.embedding_dim,
            metric=self.metric,
            exact_embeddings=self.exact_embeddings,
        )
        return saved

    @classmethod
    def from_dict(cls, data: Dict[str, Any]) -> "LexivecDocumentStore":
        """The store of a pipeline that was saved."""
        made: LexivecDocumentStore = default_from_dict(cls, data)
        return made

    # Documents

    def count_documents(self) -> int:
        """The number of documents."""
        return self.collection.count()

    def filter_documents(self, filters: Optional[Filters] = None) -> List[Document]:
        """The documents that a filter admits, in the order in which they were written; all without one."""
        rows = sorted(self._rows(filters), key=lambda row: (row.payload["written"], row.id))
        return [_document_of(row) for row in rows]

    def write_documents(self, documents: List[Document], policy: DuplicatePolicy = DuplicatePolicy.NONE) -> int:
        """Writes documents, all or none, and gives their number.

        Args:
            documents: The documents.
            policy: What becomes of a document whose id is there already: `FAIL` (the default) refuses all, `SKIP` keeps
                the older one, `OVERWRITE` replaces it.

        Raises:
            DuplicateDocumentError: An id is there already, or twice in the list, and the policy is `FAIL`.
        """
        listed = _checked(documents)
        with self._writing:
            taken = listed if policy == DuplicatePolicy.OVERWRITE else self._new(listed, policy)
            now = time.time_ns()
            latest = {document.id: self._row(document, now + index) for index, document in enumerate(taken)}
            if latest:
                self.collection.upsert(list(latest.values()))
        return len(taken)

    def _new(self, documents: List[Document], policy: DuplicatePolicy) -> List[Document]:
        """The documents whose ids are not there, neither in the collection nor earlier in the list."""
        view, seen, new = self.collection.searcher(), set(), []
        for document in documents:
            if document.id not in seen and document.id not in view:
                new.append(document)
            elif policy != DuplicatePolicy.SKIP:
                raise DuplicateDocumentError(f"ID '{document.id}' already exists.")
            seen.add(document.id)
        return new

    def delete_documents(self, document_ids: List[str]) -> None:
        """Deletes documents by id; those that are not there are passed over."""
        self.collection.delete(document_ids)

    def delete_all_documents(self, recreate_index: bool = False) -> None:
        """Deletes all documents; with `recreate_index` what they took on disk is given back at once."""
        self.collection.delete_where("TRUE")
        if recreate_index:
            self.collection.compact()

    def delete_by_filter(self, filters: Filters) -> int:
        """Deletes the documents that a filter admits, and gives their number."""
        clause = _clause_of(filters)
        with self._writing:
            if clause.exact:
                done = self.collection.delete_where("TRUE" if clause.filter is None else clause.filter)
            else:
                done = self.collection.delete([row.id for row in self._rows(filters)])
        return int(done["deleted"])

    def update_by_filter(self, filters: Filters, meta: Dict[str, Any]) -> int:
        """Sets members of `meta` in the documents that a filter admits, all or none, and gives their number."""
        with self._writing:
            rows = list(self._rows(filters))
            for row in rows:
                row.payload["meta"] = ordered({**restored(row.payload["meta"]), **meta})
            if rows:
                self.collection.upsert(rows)
        return len(rows)

    # Metadata

    def count_documents_by_filter(self, filters: Filters) -> int:
        """The number of documents that a filter admits."""
        clause = _clause_of(filters)
        return self.collection.count(clause.filter) if clause.exact else sum(1 for _ in self._rows(filters))

    def count_unique_metadata_by_filter(self, filters: Filters, metadata_fields: List[str]) -> Dict[str, int]:
        """The number of different values of each metadata field, among the documents that a filter admits."""
        names = [_bare(field) for field in metadata_fields]
        seen: Dict[str, Dict[Tuple[str, str], Any]] = {name: {} for name in names}
        for meta in self._metas(filters):
            for name in names:
                if meta.get(name) is not None:
                    seen[name].setdefault(_distinct(meta[name]), meta[name])
        return {name: len(values) for name, values in seen.items()}

    def get_metadata_fields_info(self) -> Dict[str, Dict[str, str]]:
        """The metadata fields with their types: `boolean`, `int`, `float`, or `keyword` for all else."""
        kinds = {bool: "boolean", int: "int", float: "float"}
        found: Dict[str, Dict[str, str]] = {}
        for meta in self._metas(None):
            for name, value in meta.items():
                if value is not None:
                    found[name] = {"type": kinds.get(type(value), "keyword")}
        return found

    def get_metadata_field_min_max(self, metadata_field: str) -> Dict[str, Any]:
        """The least and the greatest value of a metadata field; None if it has none, or some that have no order."""
        name = _bare(metadata_field)
        values = [meta[name] for meta in self._metas(None) if isinstance(meta.get(name), (int, float, str))]
        try:
            return {"min": min(values, default=None), "max": max(values, default=None)}
        except TypeError:
            return {"min": None, "max": None}

    def get_metadata_field_unique_values(
        self,
        metadata_field: str,
        search_term: Optional[str] = None,
        from_: int = 0,
        size: int = 10,
        filters: Optional[Filters] = None,
    ) -> Tuple[List[Any], int]:
        """A page of the different values of a metadata field, in the order of their texts, and their number.

        Args:
            metadata_field: The field, with or without `meta.` before it.
            search_term: A part that the text of a value has, in upper or lower case.
            from_: Values before the page.
            size: Values of the page.
            filters: Narrows the documents.
        """
        name = _bare(metadata_field)
        found: Dict[Tuple[str, str], Any] = {}
        for meta in self._metas(filters):
            value = meta.get(name)
            if value is not None and (search_term or "").lower() in str(value).lower():
                found.setdefault(_distinct(value), value)
        keys = sorted(found, key=lambda key: (str(found[key]), key))
        return [found[key] for key in keys[from_ : from_ + size]], len(keys)

    # Retrieval

    def embedding_retrieval(
        self,
        query_embedding: List[float],
        filters: Optional[Filters] = None,
        top_k: int = 10,
        scale_score: bool = False,
        return_embedding: bool = False,
    ) -> List[Document]:
        """The documents whose embeddings are most similar to that of the query.

        The score is the cosine, the dot product or the negative square of the distance; scaled, it is from 0 to 1.
        """
        if len(query_embedding) == 0:
            raise ValueError("query_embedding is empty; give a list of floats")
        scale = self._scaled_similarity if scale_score else None
        return self._retrieved(filters, top_k, scale, return_embedding, vector=query_embedding, mode="vector")

    def bm25_retrieval(
        self,
        query: str,
        filters: Optional[Filters] = None,
        top_k: int = 10,
        scale_score: bool = False,
        return_embedding: bool = False,
    ) -> List[Document]:
        """The documents that the words of the query find, by BM25; scaled, the scores are from 0 to 1."""
        if not query:
            raise ValueError("query is empty; give some words")
        scale: Optional[Callable[[float], float]] = (lambda score: _expit(score / BM25_SCALE)) if scale_score else None
        return self._retrieved(filters, top_k, scale, return_embedding, text=query, mode="text")

    def hybrid_retrieval(
        self,
        query: str,
        query_embedding: List[float],
        filters: Optional[Filters] = None,
        top_k: int = 10,
        fusion: Optional[Union[str, Mapping[str, Any]]] = None,
        return_embedding: bool = False,
    ) -> List[Document]:
        """The best documents by words and by embedding, fused: `fusion` is `"rrf"`, `"dbsf"` or
        `{"weighted": {"alpha": 0.3}}`, with the share of the embedding; by default the rule of the collection.
        """
        return self._retrieved(
            filters, top_k, None, return_embedding, text=query, vector=query_embedding, mode="hybrid", fusion=fusion
        )

    # The same, awaited

    count_documents_async = awaited(count_documents)
    filter_documents_async = awaited(filter_documents)
    write_documents_async = awaited(write_documents)
    delete_documents_async = awaited(delete_documents)
    delete_all_documents_async = awaited(delete_all_documents)
    delete_by_filter_async = awaited(delete_by_filter)
    update_by_filter_async = awaited(update_by_filter)
    count_documents_by_filter_async = awaited(count_documents_by_filter)
    count_unique_metadata_by_filter_async = awaited(count_unique_metadata_by_filter)
    get_metadata_fields_info_async = awaited(get_metadata_fields_info)
    get_metadata_field_min_max_async = awaited(get_metadata_field_min_max)
    get_metadata_field_unique_values_async = awaited(get_metadata_field_unique_values)
    embedding_retrieval_async = awaited(embedding_retrieval)
    bm25_retrieval_async = awaited(bm25_retrieval)
    hybrid_retrieval_async = awaited(hybrid_retrieval)

    # Rows

    def _row(self, document: Document, written: int) -> Dict[str, Any]:
        payload: Dict[str, Any] = {"meta": ordered(document.meta), "written": written}
        row: Dict[str, Any] = {"id": document.id, "payload": payload}
        if document.content is not None:
            row["text"] = document.content
        if document.score is not None:
            payload["score"] = float(document.score)
        if document.embedding is not None:
            given = np.asarray(document.embedding, dtype="<f8")
            vector = given.astype(np.float32)
            # A zero vector has no direction: under the cosine such a document is kept, but not found by embedding.
            searched = self.metric != "cosine" or bool(vector.any())
            if searched:
                row["vector"] = vector
            if not searched or (self.exact_embeddings and not np.array_equal(vector, given)):
                payload["embedding"] = base64.b64encode(given.tobytes()).decode()
        if document.blob is not None:
            blob = document.blob
            data = base64.b64encode(blob.data).decode()
            payload["blob"] = {"data": data, "mime_type": blob.mime_type, "meta": ordered(blob.meta)}
        if document.sparse_embedding is not None:
            payload["sparse_embedding"] = document.sparse_embedding.to_dict()
        return row

    def _rows(self, filters: Optional[Filters]) -> Iterator[Row]:
        """The rows that a filter of Haystack admits."""
        clause = _clause_of(filters)
        for row in self.collection.scan(clause.filter):
            if clause.exact or document_matches_filter(filters or {}, _document_of(row)):
                yield row

    def _metas(self, filters: Optional[Filters]) -> Iterator[Dict[str, Any]]:
        return (restored(row.payload["meta"]) for row in self._rows(filters))

    def _retrieved(
        self,
        filters: Optional[Filters],
        top_k: int,
        scale: Optional[Callable[[float], float]],
        return_embedding: bool,
        **options: Any,
    ) -> List[Document]:
        clause, view = _clause_of(filters), self.collection.searcher()
        check: Optional[Callable[[Hit], bool]] = None
        if not clause.exact:
            check = lambda hit: document_matches_filter(filters or {}, _found(view, hit, hit.score, True))
        found = hits(view, limit=top_k, check=check, filter=clause.filter, with_text=True, **options)
        return [_found(view, hit, scale(hit.score) if scale else hit.score, return_embedding) for hit in found]

    def _scaled_similarity(self, score: float) -> float:
        if self.metric == "cosine":
            return (score + 1.0) / 2.0
        return _expit(score / DOT_SCALE) if self.metric == "dot" else 1.0 / (1.0 + math.sqrt(max(-score, 0.0)))


class _Retriever:
    """What the retrievers share: their store, their filters and their form in a saved pipeline."""

    document_store: LexivecDocumentStore
    filters: Optional[Filters]
    top_k: int
    filter_policy: FilterPolicy

    def _init(
        self,
        document_store: LexivecDocumentStore,
        filters: Optional[Filters],
        top_k: int,
        filter_policy: Union[str, FilterPolicy],
    ) -> None:
        if not isinstance(document_store, LexivecDocumentStore):
            raise TypeError(f"document_store is a {type(document_store).__name__}; give a LexivecDocumentStore")
        if top_k <= 0:
            raise ValueError(f"top_k must be greater than 0, but got {top_k}")
        self.document_store = document_store
        self.filters = filters
        self.top_k = top_k
        self.filter_policy = FilterPolicy.from_str(filter_policy) if isinstance(filter_policy, str) else filter_policy

    def _narrowed(self, filters: Optional[Filters], top_k: Optional[int]) -> Dict[str, Any]:
        """Filters and number of documents of one run."""
        wanted = self.top_k if top_k is None else top_k
        if wanted < 0:
            raise ValueError(f"top_k must be greater than or equal to 0, but got {wanted}")
        return {"filters": apply_filter_policy(self.filter_policy, self.filters, filters), "top_k": wanted}

    def _saved(self, **own: Any) -> Dict[str, Any]:
        saved: Dict[str, Any] = default_to_dict(
            self,
            document_store=self.document_store.to_dict(),
            filters=self.filters,
            top_k=self.top_k,
            filter_policy=self.filter_policy.value,
            **own,
        )
        return saved

    @classmethod
    def from_dict(cls: Type[R], data: Dict[str, Any]) -> R:
        """The retriever of a pipeline that was saved."""
        own = dict(data.get("init_parameters", {}))
        if isinstance(own.get("document_store"), dict):
            own["document_store"] = LexivecDocumentStore.from_dict(own["document_store"])
        made: R = default_from_dict(cls, {**data, "init_parameters": own})
        return made


@component
class LexivecEmbeddingRetriever(_Retriever):
    """Retrieves the documents whose embeddings are most similar to that of the query.

    >>> from haystack import Document
    >>> store = LexivecDocumentStore(embedding_dim=2)
    >>> _ = store.write_documents([Document(id="a", embedding=[1.0, 0.0]), Document(id="b", embedding=[0.0, 1.0])])
    >>> found = LexivecEmbeddingRetriever(store, top_k=1).run(query_embedding=[0.0, 2.0])
    >>> [(document.id, document.score) for document in found["documents"]]
    [('b', 1.0)]
    """

    def __init__(
        self,
        document_store: LexivecDocumentStore,
        filters: Optional[Dict[str, Any]] = None,
        top_k: int = 10,
        scale_score: bool = False,
        return_embedding: bool = False,
        filter_policy: Union[str, FilterPolicy] = FilterPolicy.REPLACE,
    ) -> None:
        """Makes the retriever.

        Args:
            document_store: The store.
            filters: A filter that narrows the documents.
            top_k: Documents wanted.
            scale_score: True for scores from 0 to 1.
            return_embedding: True for documents with their embeddings.
            filter_policy: Whether a filter of a run replaces this one, or is joined with it.
        """
        self._init(document_store, filters, top_k, filter_policy)
        self.scale_score = scale_score
        self.return_embedding = return_embedding

    def to_dict(self) -> Dict[str, Any]:
        """The form of the retriever in a saved pipeline."""
        return self._saved(scale_score=self.scale_score, return_embedding=self.return_embedding)

    def _options(self, filters: Any, top_k: Any, scale_score: Any, return_embedding: Any) -> Dict[str, Any]:
        return {
            **self._narrowed(filters, top_k),
            "scale_score": self.scale_score if scale_score is None else scale_score,
            "return_embedding": self.return_embedding if return_embedding is None else return_embedding,
        }

    @component.output_types(documents=List[Document])
    def run(
        self,
        query_embedding: List[float],
        filters: Optional[Dict[str, Any]] = None,
        top_k: Optional[int] = None,
        scale_score: Optional[bool] = None,
        return_embedding: Optional[bool] = None,
    ) -> Dict[str, List[Document]]:
        """Retrieves documents, best first. What is given here takes the place of what the retriever was made with."""
        options = self._options(filters, top_k, scale_score, return_embedding)
        return {"documents": self.document_store.embedding_retrieval(query_embedding, **options)}

    @component.output_types(documents=List[Document])
    async def run_async(
        self,
        query_embedding: List[float],
        filters: Optional[Dict[str, Any]] = None,
        top_k: Optional[int] = None,
        scale_score: Optional[bool] = None,
        return_embedding: Optional[bool] = None,
    ) -> Dict[str, List[Document]]:
        """Does what `run` does, awaited."""
        options = self._options(filters, top_k, scale_score, return_embedding)
        return {"documents": await self.document_store.embedding_retrieval_async(query_embedding, **options)}


@component
class LexivecBM25Retriever(_Retriever):
    """Retrieves the documents that the words of the query find.

    >>> from haystack import Document
    >>> store = LexivecDocumentStore(embedding_dim=2)
    >>> _ = store.write_documents([Document(id="a", content="a wing"), Document(id="b", content="heat")])
    >>> [found.id for found in LexivecBM25Retriever(store).run(query="wings")["documents"]]
    ['a']
    """

    def __init__(
        self,
        document_store: LexivecDocumentStore,
        filters: Optional[Dict[str, Any]] = None,
        top_k: int = 10,
        scale_score: bool = False,
        filter_policy: Union[str, FilterPolicy] = FilterPolicy.REPLACE,
    ) -> None:
        """Makes the retriever.

        Args:
            document_store: The store.
            filters: A filter that narrows the documents.
            top_k: Documents wanted.
            scale_score: True for scores from 0 to 1.
            filter_policy: Whether a filter of a run replaces this one, or is joined with it.
        """
        self._init(document_store, filters, top_k, filter_policy)
        self.scale_score = scale_score

    def to_dict(self) -> Dict[str, Any]:
        """The form of the retriever in a saved pipeline."""
        return self._saved(scale_score=self.scale_score)

    def _options(self, filters: Any, top_k: Any, scale_score: Any) -> Dict[str, Any]:
        scaled = self.scale_score if scale_score is None else scale_score
        return {**self._narrowed(filters, top_k), "scale_score": scaled}

    @component.output_types(documents=List[Document])
    def run(
        self,
        query: str,
        filters: Optional[Dict[str, Any]] = None,
        top_k: Optional[int] = None,
        scale_score: Optional[bool] = None,
    ) -> Dict[str, List[Document]]:
        """Retrieves documents, best first. What is given here takes the place of what the retriever was made with."""
        options = self._options(filters, top_k, scale_score)
        return {"documents": self.document_store.bm25_retrieval(query, **options)}

    @component.output_types(documents=List[Document])
    async def run_async(
        self,
        query: str,
        filters: Optional[Dict[str, Any]] = None,
        top_k: Optional[int] = None,
        scale_score: Optional[bool] = None,
    ) -> Dict[str, List[Document]]:
        """Does what `run` does, awaited."""
        options = self._options(filters, top_k, scale_score)
        return {"documents": await self.document_store.bm25_retrieval_async(query, **options)}


@component
class LexivecHybridRetriever(_Retriever):
    """Retrieves the best documents by the words of the query and by its embedding, fused.

    >>> from haystack import Document
    >>> store = LexivecDocumentStore(embedding_dim=2)
    >>> _ = store.write_documents([
    ...     Document(id="a", content="a wing", embedding=[1.0, 0.0]),
    ...     Document(id="b", content="heat", embedding=[0.0, 1.0]),
    ... ])
    >>> retriever = LexivecHybridRetriever(store, fusion={"weighted": {"alpha": 0.2}})
    >>> [found.id for found in retriever.run(query="heat", query_embedding=[1.0, 0.1])["documents"]]
    ['b', 'a']
    """

    def __init__(
        self,
        document_store: LexivecDocumentStore,
        filters: Optional[Dict[str, Any]] = None,
        top_k: int = 10,
        fusion: Optional[Union[str, Dict[str, Any]]] = None,
        return_embedding: bool = False,
        filter_policy: Union[str, FilterPolicy] = FilterPolicy.REPLACE,
    ) -> None:
        """Makes the retriever.

        Args:
            document_store: The store.
            filters: A filter that narrows the documents.
            top_k: Documents wanted.
            fusion: `"rrf"`, `"dbsf"` or `{"weighted": {"alpha": 0.3}}`; by default the rule of the collection.
            return_embedding: True for documents with their embeddings.
            filter_policy: Whether a filter of a run replaces this one, or is joined with it.
        """
        self._init(document_store, filters, top_k, filter_policy)
        self.fusion = fusion
        self.return_embedding = return_embedding

    def to_dict(self) -> Dict[str, Any]:
        """The form of the retriever in a saved pipeline."""
        return self._saved(fusion=self.fusion, return_embedding=self.return_embedding)

    def _options(self, filters: Any, top_k: Any) -> Dict[str, Any]:
        return {
            **self._narrowed(filters, top_k),
            "fusion": self.fusion,
            "return_embedding": self.return_embedding,
        }

    @component.output_types(documents=List[Document])
    def run(
        self,
        query: str,
        query_embedding: List[float],
        filters: Optional[Dict[str, Any]] = None,
        top_k: Optional[int] = None,
    ) -> Dict[str, List[Document]]:
        """Retrieves documents, best first. What is given here takes the place of what the retriever was made with."""
        options = self._options(filters, top_k)
        return {"documents": self.document_store.hybrid_retrieval(query, query_embedding, **options)}

    @component.output_types(documents=List[Document])
    async def run_async(
        self,
        query: str,
        query_embedding: List[float],
        filters: Optional[Dict[str, Any]] = None,
        top_k: Optional[int] = None,
    ) -> Dict[str, List[Document]]:
        """Does what `run` does, awaited."""
        options = self._options(filters, top_k)
        return {"documents": await self.document_store.hybrid_retrieval_async(query, query_embedding, **options)}


# Documents


def _checked(documents: Any) -> List[Document]:
    listed = list(documents) if isinstance(documents, Iterable) and not isinstance(documents, (str, bytes)) else None
    if listed is None or not all(isinstance(document, Document) for document in listed):
        raise ValueError("Please provide a list of Documents.")
    return listed


def _document(id: str, content: Optional[str], payload: Mapping[str, Any], vector: Any, score: Any) -> Document:
    embedding = None if vector is None else vector.tolist()
    if "embedding" in payload:
        embedding = np.frombuffer(base64.b64decode(payload["embedding"]), dtype="<f8").tolist()
    blob, sparse = payload.get("blob"), payload.get("sparse_embedding")
    if blob is not None:
        blob = ByteStream(base64.b64decode(blob["data"]), meta=restored(blob["meta"]), mime_type=blob["mime_type"])
    return Document(
        id=id,
        content=content,
        blob=blob,
        meta=restored(payload["meta"]),
        score=score,
        embedding=embedding,
        sparse_embedding=None if sparse is None else SparseEmbedding.from_dict(sparse),
    )


def _document_of(row: Row) -> Document:
    """The document of a row, as it was written."""
    content = row.text.get("text") if isinstance(row.text, dict) else row.text
    return _document(row.id, content, row.payload, row.vector, row.payload.get("score"))


def _found(view: Reader, hit: Hit, score: float, with_embedding: bool) -> Document:
    """The document of a hit."""
    payload = dict(hit.payload or {})
    vector = view[hit.id].vector if with_embedding else None
    if not with_embedding:
        payload.pop("embedding", None)
    return _document(hit.id, (hit.text or {}).get("text"), payload, vector, score)


def _bare(field: str) -> str:
    return field[len("meta.") :] if field.startswith("meta.") else field


def _distinct(value: Any) -> Tuple[str, str]:
    """What two values share if they are of one kind and equal: 1, 1.0, "1" and true are four values."""
    return type(value).__name__, repr(value)


def _expit(score: float) -> float:
    return 1.0 / (1.0 + math.exp(-score))


# Filters


def _clause_of(filters: Optional[Filters]) -> Clause:
    """A filter of Haystack as one of lexivec."""
    if not filters:
        return Clause(None)
    if "operator" not in filters and "conditions" not in filters:
        raise ValueError("Invalid filter syntax: there is no 'operator'; see docs.haystack.deepset.ai on filters.")
    return _condition(filters)


def _condition(condition: Filters) -> Clause:
    if "field" in condition:
        return _comparison(condition)
    operator, conditions = _member(condition, "operator"), _member(condition, "conditions")
    if operator not in ("AND", "OR", "NOT"):
        raise FilterError(f"Unknown logical operator '{operator}'. Valid operators are: AND, NOT, OR")
    clauses = [_condition(one) for one in conditions]
    if operator == "OR":
        return any_of(clauses)
    return all_of(clauses) if operator == "AND" else ~all_of(clauses)


def _member(condition: Filters, name: str) -> Any:
    if name not in condition:
        raise FilterError(f"'{name}' key missing in {condition}")
    return condition[name]


def _comparison(condition: Filters) -> Clause:
    name, operator, value = (_member(condition, key) for key in ("field", "operator", "value"))
    if operator in ("!=", "not in"):
        return ~_comparison({**condition, "operator": "==" if operator == "!=" else "in"})
    if operator == "in":
        if not isinstance(value, list):
            raise FilterError(f"Filter value must be a `list` when using operator 'in' or 'not in', not {type(value)}")
    elif operator in (">", ">=", "<", "<="):
        value = _bound(value, operator)
    elif operator != "==":
        raise FilterError(f"Unknown comparison operator '{operator}'. Valid are ==, !=, >, >=, <, <=, in, not in")
    path = _path(name)
    if path is None:
        # Haystack's own function looks at members of a document that are no metadata.
        return Clause(None, exact=False)
    if operator == "in":
        return any_of(_equal(path, one) for one in value)
    return _equal(path, value) if operator == "==" else _ordered(Field(path), operator, value)


def _path(name: str) -> Optional[str]:
    """The path in the payload of a field of Haystack: `meta.x`, or `x` alone; `id`; None for others."""
    if name.startswith("meta.") or name == "id":
        return name
    return None if "." in name or name in Document.__dataclass_fields__ else f"meta.{name}"


def _equal(path: str, value: Any) -> Clause:
    if isinstance(value, (list, dict)):
        return Clause(None, exact=False)
    if path == "id":
        return Clause(_filters.ids([value] if isinstance(value, str) else []))
    field = Field(path)
    if not isinstance(value, (datetime.datetime, str)) or _date(value) is None:
        return Clause(field == value)
    # Two texts of one point in time are equal.
    moment = _date(value)
    return Clause((field == value) | field.between(moment, moment))


def _bound(value: Any, operator: str) -> Any:
    """The value of a comparison by order: None, a number, or a date as text."""
    if value is None or isinstance(value, (int, float)):
        return value
    moment = _date(value)
    if moment is None:
        raise FilterError(
            f"Filter value {value!r} can't be compared using operator '{operator}'. "
            "Give a number, or a date in ISO format, such as '2020-01-31T12:30:00'."
        )
    return moment


def _ordered(field: Field, operator: str, value: Any) -> Clause:
    if value is None:
        return Clause(Expression("FALSE"))
    compared = {">": field.__gt__, ">=": field.__ge__, "<": field.__lt__, "<=": field.__le__}[operator]
    return Clause(compared(value))


def _date(value: Any) -> Optional[str]:
    """A date as text of RFC 3339, if it is one in ISO format."""
    if isinstance(value, datetime.datetime):
        return value.isoformat()
    if not isinstance(value, str) or len(value) < len("2020-01-31") or value[4] != "-":
        return None
    try:
        # Python before 3.11 reads no Z.
        zoned = value[:-1] + "+00:00" if value[-1] in "Zz" else value
        return datetime.datetime.fromisoformat(zoned).isoformat()
    except ValueError:
        return None
