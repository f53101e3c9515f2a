"""The document store."""

from __future__ import annotations

import math
import os
import threading
import time
import weakref
from typing import Any, Callable, Dict, Iterable, Iterator, List, Mapping, Optional, Tuple, Union

from haystack import default_from_dict, default_to_dict
from haystack.dataclasses import Document
from haystack.document_stores.errors import DuplicateDocumentError
from haystack.document_stores.types import DuplicatePolicy
from haystack.utils.filters import document_matches_filter

from .. import _collection
from .._awaited import awaited
from .._closing import Closing
from .._collection import Collection, Path
from .._documents import Document as Row
from .._frameworks import hits, ordered, restored
from .._lexivec import Hit
from ..errors import Closed, PathNotFound
from ._filters import Filters, clause_of
from ._rows import document_of, found_document, row_of

#: Raw BM25 score at which a scaled one is 0.73, and the same for dot products; Haystack's own numbers.
BM25_SCALE = 8.0
DOT_SCALE = 100.0

class _Shared:
    """A collection that several stores use; the last one of them that is closed closes it."""

    def __init__(self, collection: Collection) -> None:
        self.collection = collection
        #: Held by a write that first looks at the rows that are there.
        self.writing = threading.Lock()
        self.stores: "weakref.WeakSet[LexivecDocumentStore]" = weakref.WeakSet()


#: Collections that are open in this process, by directory: all stores of one directory share one handle.
_OPEN: "weakref.WeakValueDictionary[str, _Shared]" = weakref.WeakValueDictionary()
_OPENING = threading.Lock()


class LexivecDocumentStore(Closing):
    """A document store in a lexivec collection.

    Documents come back as they were written, in the order in which they were. All stores of one directory in a process
    share its handle, so that a pipeline that is loaded may name its store several times. The collection is opened, or
    made, when it is used first. A copy of a store, deep or not, has the same documents, not other ones; a store that is
    pickled while its directory is open arrives as one for reading.

    Args:
        path: The directory; without one the documents are in memory.
        embedding_dim: Length of the embeddings. A collection that is there already has its own.
        metric: `"cosine"`, `"dot"` or `"l2"`. A collection that is there already has its own.
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
        self._place = None if path is None else os.path.realpath(path)
        self.embedding_dim = embedding_dim
        self.metric = metric
        self.exact_embeddings = exact_embeddings
        self._shared: Optional[_Shared] = None
        self._ended = False

    @property
    def collection(self) -> Collection:
        """The collection, opened or made."""
        return self._handle().collection

    @property
    def _writing(self) -> threading.Lock:
        return self._handle().writing

    def _handle(self) -> _Shared:
        if self._shared is None:
            with _OPENING:
                if self._ended:
                    raise Closed("the document store is closed; make a new one")
                if self._shared is None:
                    self._share(self._opened())
        assert self._shared is not None
        return self._shared

    def _share(self, shared: _Shared) -> None:
        for field in shared.collection.schema["vectors"][:1]:
            self.embedding_dim, self.metric = field["dim"], field["metric"]
        shared.stores.add(self)
        self._shared = shared

    def _opened(self) -> _Shared:
        options: Dict[str, Any] = {"dim": self.embedding_dim, "metric": self.metric, "text": ["text"]}
        place = self._place
        if place is None:
            return _Shared(_collection.in_memory(**options))
        shared = _OPEN.get(place)
        if shared is None or shared.collection.closed:
            try:
                shared = _Shared(_collection.open(place))
            except PathNotFound:
                shared = _Shared(_collection.create(place, **options))
            _OPEN[place] = shared
        return shared

    def close(self) -> None:
        """Gives up the collection, which is closed with the last store of the directory."""
        with _OPENING:
            self._ended, shared, self._shared = True, self._shared, None
            if shared is not None:
                shared.stores.discard(self)
                if not shared.stores:
                    shared.collection.close()

    def _arguments(self) -> Dict[str, Any]:
        return {name: getattr(self, name) for name in ("path", "embedding_dim", "metric", "exact_embeddings")}

    def __copy__(self) -> "LexivecDocumentStore":
        if self.path is None and not self._ended:
            # A copy that made its own collection in memory would not see the documents of this one.
            self._handle()
        made = type(self)(**self._arguments())
        with _OPENING:
            made._place, made._ended = self._place, self._ended
            if self._shared is not None:
                made._share(self._shared)
        return made

    def __deepcopy__(self, memo: Any) -> "LexivecDocumentStore":
        return self.__copy__()

    def __getstate__(self) -> Dict[str, Any]:
        collection = None if self._shared is None else self._shared.collection
        return {**self._arguments(), "_place": self._place, "_ended": self._ended, "collection": collection}

    def __setstate__(self, state: Dict[str, Any]) -> None:
        collection = state.pop("collection")
        self.__dict__.update(state, _shared=None if collection is None else _Shared(collection))
        if self._shared is not None:
            self._shared.stores.add(self)

    def to_dict(self) -> Dict[str, Any]:
        """The arguments of the store, for a pipeline that is saved; documents in memory are not among them."""
        saved: Dict[str, Any] = default_to_dict(self, **self._arguments())
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
        return [document_of(row) for row in rows]

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
            latest = {document.id: row_of(document, now + index, self.metric == "cosine", self.exact_embeddings)
                for index, document in enumerate(taken)}
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
        clause = clause_of(filters)
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
        clause = clause_of(filters)
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

    def _rows(self, filters: Optional[Filters]) -> Iterator[Row]:
        """The rows that a filter of Haystack admits."""
        clause = clause_of(filters)
        for row in self.collection.scan(clause.filter):
            if clause.exact or document_matches_filter(filters or {}, document_of(row)):
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
        clause, view = clause_of(filters), self.collection.searcher()
        check: Optional[Callable[[Hit], bool]] = None
        if not clause.exact:
            check = lambda hit: document_matches_filter(filters or {}, found_document(view, hit, hit.score, True))
        found = hits(view, limit=top_k, check=check, filter=clause.filter, with_text=True, **options)
        return [found_document(view, hit, scale(hit.score) if scale else hit.score, return_embedding) for hit in found]

    def _scaled_similarity(self, score: float) -> float:
        if self.metric == "cosine":
            return (score + 1.0) / 2.0
        return _expit(score / DOT_SCALE) if self.metric == "dot" else 1.0 / (1.0 + math.sqrt(max(-score, 0.0)))


def _checked(documents: Any) -> List[Document]:
    listed = list(documents) if isinstance(documents, Iterable) and not isinstance(documents, (str, bytes)) else None
    if listed is None or not all(isinstance(document, Document) for document in listed):
        raise ValueError("Please provide a list of Documents.")
    return listed


def _bare(field: str) -> str:
    return field[len("meta.") :] if field.startswith("meta.") else field


def _distinct(value: Any) -> Tuple[str, str]:
    """A key that values of one kind have in common if they are equal: 1, 1.0, "1" and true are four values."""
    return type(value).__name__, repr(value)


def _expit(score: float) -> float:
    return 1.0 / (1.0 + math.exp(-score))
