"""LangChain: a vector store and a hybrid retriever over a lexivec collection.

`pip install lexivec[langchain]` brings what is needed. The page content is the text of a row, the metadata is its
payload, so filters name metadata directly: `filter="year >= 2020"`, `{"year": {"$gte": 2020}}` or
`lexivec.field("year") >= 2020`. Metadata is what JSON has; dates become texts. One more member of the payload,
`_order`, keeps the order of the metadata's keys; metadata with such a key has it under `_order_`.

>>> from langchain_core.embeddings import DeterministicFakeEmbedding
>>> from lexivec.langchain import LexivecVectorStore
>>> store = LexivecVectorStore.from_texts(
...     ["a wing in a slipstream", "heat in a boundary layer"],
...     DeterministicFakeEmbedding(size=8),
...     metadatas=[{"year": 1958}, {"year": 1961}],
...     ids=["a", "b"],
... )
>>> [found.id for found in store.similarity_search("heat in a boundary layer", k=1)]
['b']
>>> [found.id for found in store.hybrid_search("slipstream", k=1, filter="year < 1960")]
['a']
"""

from __future__ import annotations

import asyncio
import math
import uuid
from typing import TYPE_CHECKING, Any, Callable, Coroutine, Dict, Iterable, List, Optional, Sequence, Tuple, Type, TypeVar

import numpy as np

try:
    from langchain_core.documents import Document
    from langchain_core.embeddings import Embeddings
    from langchain_core.retrievers import BaseRetriever
    from langchain_core.vectorstores import VectorStore
    from langchain_core.vectorstores.utils import maximal_marginal_relevance
    from pydantic import Field
except ImportError as error:
    raise ImportError(
        f"lexivec.langchain needs langchain-core ({error}); install it by: pip install lexivec[langchain]"
    ) from error

from ._awaited import awaited
from ._closing import Closing
from ._collection import Collection, Path
from ._frameworks import Store, hits, ordered, restored, vectors_of
from ._lexivec import Hit
from .errors import InvalidArgument

if TYPE_CHECKING:
    from langchain_core.callbacks import AsyncCallbackManagerForRetrieverRun, CallbackManagerForRetrieverRun

    from ._requests import Filter

__all__ = ["LexivecHybridRetriever", "LexivecVectorStore"]

S = TypeVar("S", bound="LexivecVectorStore")
T = TypeVar("T")


def _embedded(method: Callable[..., T]) -> Callable[..., Coroutine[Any, Any, T]]:
    """The coroutine of a search by a query: the store's model is awaited, and its vector searched for on a thread."""

    async def twin(self: Any, query: str, *args: Any, **kwargs: Any) -> T:
        vector = await self.embeddings.aembed_query(query)
        made: T = await asyncio.to_thread(getattr(self, method.__name__), vector, *args, **kwargs)
        return made

    twin.__doc__ = f"Does what `{method.__name__}` does, awaited, by the vector of the query."
    return twin


class LexivecVectorStore(Closing, VectorStore):
    """A vector store in a lexivec collection, which can be searched by words and vectors together as well.

    The scores of `similarity_search_with_score` are similarities, the best first: the cosine, the dot product, or the
    negative square of the Euclidean distance, as the metric says. Every search takes the keywords of
    `lexivec.Collection.search` in addition, as `params={"exact": True}`.

    Args:
        embedding: The model of texts and queries.
        collection: A collection with a text field `text` and a vector field `vector`.
        path: Or the directory of one: opened if it is there, otherwise made at the first write.
        metric: `"cosine"` (the default), `"dot"` or `"l2"`, for a collection that is made. Without collection and path
            it is in memory.
        relevance_score_fn: The relevance, from 0 to 1, of a score; by default the one of the metric.

    `close`, or `with`, closes what the store opened or made; a collection that was given is closed by its owner.

    >>> from langchain_core.documents import Document
    >>> from langchain_core.embeddings import DeterministicFakeEmbedding
    >>> store = LexivecVectorStore(DeterministicFakeEmbedding(size=8))
    >>> store.add_documents([Document("a wing", id="a", metadata={"year": 1958})])
    ['a']
    >>> store.similarity_search("wing", k=1, filter={"year": {"$lt": 1960}})
    [Document(id='a', metadata={'year': 1958}, page_content='a wing')]
    """

    def __init__(
        self,
        embedding: Embeddings,
        *,
        collection: Optional[Collection] = None,
        path: Optional[Path] = None,
        metric: Optional[str] = None,
        relevance_score_fn: Optional[Callable[[float], float]] = None,
    ) -> None:
        self._embedding = embedding
        self._store = Store.opened(collection, path, metric)
        self._relevance = relevance_score_fn

    @property
    def embeddings(self) -> Embeddings:
        """The model of texts and queries."""
        return self._embedding

    @property
    def collection(self) -> Optional[Collection]:
        """The collection; None before the first write to a new one."""
        return self._store.collection

    def close(self) -> None:
        """Closes the collection, unless it was given to the store."""
        self._store.close()

    # Writes

    def add_texts(
        self,
        texts: Iterable[str],
        metadatas: Optional[List[Dict[str, Any]]] = None,
        *,
        ids: Optional[Sequence[Optional[str]]] = None,
        **kwargs: Any,
    ) -> List[str]:
        """Embeds texts and writes them, all or none; a text whose id is there already is replaced.

        Args:
            texts: The page contents.
            metadatas: The metadata of each.
            ids: The id of each; one that is None, or all without them, are made.
            **kwargs: `durability`, as of `lexivec.Collection.upsert`.

        Returns:
            The ids.
        """
        rows = _rows(texts, metadatas, ids)
        vectors = self._embedding.embed_documents(rows[1]) if rows[1] else []
        return self._write(rows, vectors, **kwargs)

    async def aadd_texts(
        self,
        texts: Iterable[str],
        metadatas: Optional[List[Dict[str, Any]]] = None,
        *,
        ids: Optional[Sequence[Optional[str]]] = None,
        **kwargs: Any,
    ) -> List[str]:
        """Does what `add_texts` does, awaited."""
        rows = _rows(texts, metadatas, ids)
        vectors = await self._embedding.aembed_documents(rows[1]) if rows[1] else []
        return await asyncio.to_thread(self._write, rows, vectors, **kwargs)

    def delete(self, ids: Optional[Sequence[str]] = None, **kwargs: Any) -> Optional[bool]:
        """Deletes documents by id, or those that a `filter` admits; all without either.

        >>> from langchain_core.embeddings import DeterministicFakeEmbedding
        >>> store = LexivecVectorStore.from_texts(["a", "b"], DeterministicFakeEmbedding(size=8), ids=["1", "2"])
        >>> store.delete(["1"])
        True
        >>> len(store.collection)
        1
        """
        filter: Optional[Filter] = kwargs.pop("filter", None)
        if ids is not None and filter is not None:
            raise InvalidArgument("delete: ids and a filter are given; give either")
        collection = self.collection
        if collection is None:
            return True
        if ids is None:
            collection.delete_where("TRUE" if filter is None else filter, **kwargs)
        else:
            collection.delete(ids, **kwargs)
        return True

    # Reads

    def get_by_ids(self, ids: Sequence[str], /) -> List[Document]:
        """The documents with these ids, in their order; those that are not there are passed over."""
        if self.collection is None:
            return []
        view = self.collection.searcher()
        rows = [row for row in map(view.get, ids) if row is not None]
        return [_document(row.id, row.text, row.payload) for row in rows]

    def similarity_search(self, query: str, k: int = 4, **kwargs: Any) -> List[Document]:
        """The `k` documents whose vectors are most similar to that of the query; `filter` narrows them."""
        return _documents(self.similarity_search_with_score(query, k, **kwargs))

    def similarity_search_with_score(
        self, query: str, k: int = 4, **kwargs: Any
    ) -> List[Tuple[Document, float]]:
        """The `k` most similar documents with their similarities."""
        return self.similarity_search_with_score_by_vector(self._embedding.embed_query(query), k, **kwargs)

    def similarity_search_by_vector(self, embedding: List[float], k: int = 4, **kwargs: Any) -> List[Document]:
        """The `k` documents whose vectors are most similar to this one."""
        return _documents(self.similarity_search_with_score_by_vector(embedding, k, **kwargs))

    def similarity_search_with_score_by_vector(
        self, embedding: List[float], k: int = 4, **kwargs: Any
    ) -> List[Tuple[Document, float]]:
        """The `k` documents most similar to this vector, with their similarities."""
        return self._search(k, vector=embedding, mode="vector", **kwargs)

    def max_marginal_relevance_search(
        self, query: str, k: int = 4, fetch_k: int = 20, lambda_mult: float = 0.5, **kwargs: Any
    ) -> List[Document]:
        """Of the `fetch_k` most similar documents, `k` that are relevant and unlike each other.

        `lambda_mult` is the share of relevance: 1 for the most similar documents, 0 for the greatest diversity.
        """
        return self.max_marginal_relevance_search_by_vector(
            self._embedding.embed_query(query), k, fetch_k, lambda_mult, **kwargs
        )

    def max_marginal_relevance_search_by_vector(
        self, embedding: List[float], k: int = 4, fetch_k: int = 20, lambda_mult: float = 0.5, **kwargs: Any
    ) -> List[Document]:
        """Does what `max_marginal_relevance_search` does, by a vector."""
        if self.collection is None:
            return []
        view = self.collection.searcher()
        found = hits(view, limit=fetch_k, vector=embedding, mode="vector", with_text=True, **kwargs)
        chosen = maximal_marginal_relevance(
            np.asarray(embedding, dtype=np.float32), list(vectors_of(view, found)), lambda_mult=lambda_mult, k=k
        )
        return [_document_of_hit(found[index]) for index in chosen]

    def hybrid_search(self, query: str, k: int = 4, **kwargs: Any) -> List[Document]:
        """The `k` best documents by the words of the query and by its vector, fused; see `hybrid_search_with_score`."""
        return _documents(self.hybrid_search_with_score(query, k, **kwargs))

    def hybrid_search_with_score(self, query: str, k: int = 4, **kwargs: Any) -> List[Tuple[Document, float]]:
        """The `k` best documents by words and vector, with their fused scores.

        Args:
            query: The words, and the text whose vector is searched for.
            k: Documents wanted.
            **kwargs: `filter`, `fusion`, `legs`, `rerank` and the other keywords of `lexivec.Collection.search`.

        >>> from langchain_core.embeddings import DeterministicFakeEmbedding
        >>> store = LexivecVectorStore.from_texts(["a wing", "a slipstream"], DeterministicFakeEmbedding(size=8))
        >>> [(found, score)] = store.hybrid_search_with_score("a wing", k=1, fusion={"rrf": {"k": 60}})
        >>> found.page_content, round(score, 4)
        ('a wing', 0.0328)
        """
        return self._hybrid(query, self._embedding.embed_query(query), k, **kwargs)

    # The same, awaited

    adelete = awaited(delete)
    aget_by_ids = awaited(get_by_ids)
    asimilarity_search_by_vector = awaited(similarity_search_by_vector)
    asimilarity_search_with_score_by_vector = awaited(similarity_search_with_score_by_vector)
    amax_marginal_relevance_search_by_vector = awaited(max_marginal_relevance_search_by_vector)
    asimilarity_search = _embedded(similarity_search_by_vector)
    asimilarity_search_with_score = _embedded(similarity_search_with_score_by_vector)
    amax_marginal_relevance_search = _embedded(max_marginal_relevance_search_by_vector)

    async def ahybrid_search(self, query: str, k: int = 4, **kwargs: Any) -> List[Document]:
        """Does what `hybrid_search` does, awaited."""
        return _documents(await self.ahybrid_search_with_score(query, k, **kwargs))

    async def ahybrid_search_with_score(self, query: str, k: int = 4, **kwargs: Any) -> List[Tuple[Document, float]]:
        """Does what `hybrid_search_with_score` does, awaited."""
        return await asyncio.to_thread(self._hybrid, query, await self._embedding.aembed_query(query), k, **kwargs)

    # Construction

    @classmethod
    def from_texts(
        cls: Type[S],
        texts: List[str],
        embedding: Embeddings,
        metadatas: Optional[List[Dict[str, Any]]] = None,
        *,
        ids: Optional[Sequence[Optional[str]]] = None,
        **kwargs: Any,
    ) -> S:
        """A store with these texts. Further keywords are those of the class."""
        store = cls(embedding, **kwargs)
        store.add_texts(texts, metadatas, ids=ids)
        return store

    @classmethod
    async def afrom_texts(
        cls: Type[S],
        texts: List[str],
        embedding: Embeddings,
        metadatas: Optional[List[Dict[str, Any]]] = None,
        *,
        ids: Optional[Sequence[Optional[str]]] = None,
        **kwargs: Any,
    ) -> S:
        """Does what `from_texts` does, awaited."""
        store = await asyncio.to_thread(cls, embedding, **kwargs)
        await store.aadd_texts(texts, metadatas, ids=ids)
        return store

    # The parts that need no model

    def _write(
        self,
        rows: Tuple[List[str], List[str], Optional[List[Dict[str, Any]]]],
        vectors: List[List[float]],
        durability: Optional[str] = None,
    ) -> List[str]:
        ids, texts, metadatas = rows
        self._store.write(ids, texts, vectors, metadatas, durability)
        return ids

    def _search(self, k: int, text: Optional[str] = None, **options: Any) -> List[Tuple[Document, float]]:
        if self.collection is None:
            return []
        found = hits(self.collection, text, limit=k, with_text=True, **options)
        return [(_document_of_hit(hit), hit.score) for hit in found]

    def _hybrid(self, query: str, vector: List[float], k: int, **options: Any) -> List[Tuple[Document, float]]:
        return self._search(k, query, vector=vector, **{"mode": "hybrid", **options})

    def _select_relevance_score_fn(self) -> Callable[[float], float]:
        if self._relevance is not None:
            return self._relevance
        if self._store.metric() == "l2":
            return lambda score: _share(self._euclidean_relevance_score_fn(math.sqrt(max(-score, 0.0))))
        # The dot product of vectors of length 1 is their cosine.
        return lambda score: _share(self._cosine_relevance_score_fn(1.0 - score))


class LexivecHybridRetriever(BaseRetriever):
    """A retriever by the words of the query and by its vector, fused.

    Attributes:
        vectorstore: The store.
        k: Documents wanted; `invoke(query, k=3)` overrides it.
        filter: What every document satisfies, in any notation of `docs/filters.md`.
        mode: `"hybrid"`, or `"text"` or `"vector"` for one of the two.
        search_kwargs: Further keywords of `lexivec.Collection.search`, as `fusion`, `rerank` or `legs`.

    >>> from langchain_core.embeddings import DeterministicFakeEmbedding
    >>> store = LexivecVectorStore.from_texts(["a wing", "a slipstream"], DeterministicFakeEmbedding(size=8))
    >>> retriever = LexivecHybridRetriever(vectorstore=store, k=1, search_kwargs={"fusion": {"rrf": {"k": 60}}})
    >>> [found.page_content for found in retriever.invoke("a slipstream")]
    ['a slipstream']
    """

    vectorstore: LexivecVectorStore
    k: int = 4
    filter: Any = None
    mode: str = "hybrid"
    search_kwargs: Dict[str, Any] = Field(default_factory=dict)

    def _options(self, given: Dict[str, Any]) -> Dict[str, Any]:
        return {"k": self.k, "filter": self.filter, "mode": self.mode, **self.search_kwargs, **given}

    def _get_relevant_documents(
        self, query: str, *, run_manager: CallbackManagerForRetrieverRun, **kwargs: Any
    ) -> List[Document]:
        return self.vectorstore.hybrid_search(query, **self._options(kwargs))

    async def _aget_relevant_documents(
        self, query: str, *, run_manager: AsyncCallbackManagerForRetrieverRun, **kwargs: Any
    ) -> List[Document]:
        return await self.vectorstore.ahybrid_search(query, **self._options(kwargs))


def _rows(
    texts: Iterable[str],
    metadatas: Optional[List[Dict[str, Any]]],
    ids: Optional[Sequence[Optional[str]]],
) -> Tuple[List[str], List[str], Optional[List[Dict[str, Any]]]]:
    """Ids, texts and payloads, each as long as the texts."""
    listed = list(texts)
    for name, column in (("metadatas", metadatas), ("ids", ids)):
        if column is not None and len(column) != len(listed):
            raise InvalidArgument(f"{name}: there are {len(column)} for {len(listed)} texts; give one for each")
    made = [id or str(uuid.uuid4()) for id in (ids or [None] * len(listed))]
    return made, listed, None if metadatas is None else [ordered(metadata or {}) for metadata in metadatas]


def _document(id: str, text: Any, payload: Any) -> Document:
    return Document(id=id, page_content=(text or {}).get("text", ""), metadata=restored(payload))


def _document_of_hit(hit: Hit) -> Document:
    return _document(hit.id, hit.text, hit.payload)


def _documents(scored: List[Tuple[Document, float]]) -> List[Document]:
    return [document for document, _ in scored]


def _share(relevance: float) -> float:
    return min(max(relevance, 0.0), 1.0)
