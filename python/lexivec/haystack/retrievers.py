"""Retrievers by embedding, by words (BM25) and by both."""

from __future__ import annotations

from typing import Any, Dict, List, Optional, Type, TypeVar, Union

from haystack import component, default_from_dict, default_to_dict
from haystack.dataclasses import Document
from haystack.document_stores.types import FilterPolicy, apply_filter_policy

from ._filters import Filters
from .document_store import LexivecDocumentStore

R = TypeVar("R", bound="_Retriever")


class _Retriever:
    """The common part of the retrievers: their store, their filters and their form in a saved pipeline."""

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
