"""Search by words and by vectors, fused: the platform's BM25 and its two fusions, with its numbers.

The vector hits come from the caller; the words are searched here. `lexivec.Collection` does both in one index, with a
better BM25 and persistent; this module is for code that is written against the old names.
"""

from __future__ import annotations

import logging
from dataclasses import dataclass, replace
from typing import Any, Dict, List, Mapping, Optional, Sequence, Tuple

from .. import _lexivec as _native

__all__ = ["BM25Index", "HybridSearchConfig", "HybridSearchEngine", "SearchResult"]

logger = logging.getLogger(__name__)

#: Weights of the dense and the sparse list by the type of a query; other types have those of the settings.
WEIGHTS = {"technical": (0.3, 0.7), "conceptual": (0.7, 0.3)}
#: A document with its rank, from 0, and its score in one list.
Placed = Tuple[Mapping[str, Any], int, float]


@dataclass
class HybridSearchConfig:
    """Settings of a search.

    Attributes:
        dense_weight: Weight of the vector hits in the weighted fusion.
        sparse_weight: Weight of the word hits in the weighted fusion.
        fusion_method: `"rrf"` for reciprocal ranks; anything else is the weighted fusion.
        k_parameter: The constant of the reciprocal ranks.
        dense_top_k: Not used: the caller brings the vector hits.
        sparse_top_k: Most word hits.
        final_top_k: Hits wanted where a search names no number.
        enable_query_expansion: Not used.
        bm25_k1: How slowly the repetition of a word loses its worth.
        bm25_b: Share of the length normalization, 0 to 1.

    >>> HybridSearchConfig(fusion_method="weighted", dense_weight=0.7, sparse_weight=0.3).k_parameter
    60
    """

    dense_weight: float = 0.5
    sparse_weight: float = 0.5
    fusion_method: str = "rrf"
    k_parameter: int = 60
    dense_top_k: int = 20
    sparse_top_k: int = 20
    final_top_k: int = 10
    enable_query_expansion: bool = True
    bm25_k1: float = 1.5
    bm25_b: float = 0.75


@dataclass
class SearchResult:
    """A hit. Ranks are from 0, and -1 in a list that has not got the document.

    >>> SearchResult("a", "a wing", {}, 0.9, 0.0, 0.5, 0, -1, 0, "dense").source
    'dense'
    """

    document_id: str
    content: str
    metadata: Dict[str, Any]
    dense_score: float
    sparse_score: float
    fused_score: float
    dense_rank: int
    sparse_rank: int
    final_rank: int
    source: str


class BM25Index:
    """An index of the words of documents, scored as `BM25Okapi` of rank-bm25 does.

    In one or two documents it finds nothing, as the inverse document frequency of their words is not above 0.

    Args:
        k1: How slowly the repetition of a word loses its worth.
        b: Share of the length normalization, 0 to 1.

    Attributes:
        documents: The documents, as they were given.
        document_ids: Their ids; `doc_<place>` for one without.
        bm25: The index, with `idf`, `average_idf`, `avgdl`, `doc_len` and `get_scores(tokens)`; None until it is built.

    >>> index = BM25Index()
    >>> index.build_index([{"id": "a", "content": "a wing"}, {"id": "b", "content": "heat"}, {"content": "a kite"}])
    >>> [(found, round(score, 3)) for found, score, _ in index.search("wing")]
    [('a', 0.511)]
    """

    def __init__(self, k1: float = 1.5, b: float = 0.75) -> None:
        self.k1 = k1
        self.b = b
        self.bm25: Optional[_native.RawOkapi] = None
        self.documents: Sequence[Mapping[str, Any]] = []
        self.document_ids: List[Any] = []

    @property
    def tokenized_corpus(self) -> List[List[str]]:
        """The words of each document."""
        return [self.tokenize(text) for text in _contents(self.documents)]

    def tokenize(self, text: str) -> List[str]:
        """Gives the words of a text in lower case, those of one character left out.

        >>> BM25Index().tokenize("The C++ API: snake_case, a x1")
        ['the', 'api', 'snake_case', 'x1']
        """
        return _native.okapi_tokens(text)

    def build_index(self, documents: Sequence[Mapping[str, Any]]) -> None:
        """Indexes documents, in place of those of before: dictionaries with `content`, and `id` if they have one.

        Raises:
            ZeroDivisionError: No document has a word.
        """
        texts = _contents(documents)
        self.documents = documents
        self.document_ids = [document.get("id", f"doc_{place}") for place, document in enumerate(documents)]
        if type(self).tokenize is BM25Index.tokenize:
            self.bm25 = _native.RawOkapi(texts, self.k1, self.b)
        else:
            tokens = [self.tokenize(text) for text in texts]
            self.bm25 = _native.RawOkapi.of_tokens(tokens, self.k1, self.b)
        logger.debug("indexed %d documents", len(documents))

    def search(self, query: str, top_k: int = 10) -> List[Tuple[Any, float, Mapping[str, Any]]]:
        """Gives id, score and document of the best documents with a score above 0, the earlier of equal ones first.

        Args:
            query: Words to look for; a repeated one counts each time.
            top_k: Most hits, from 0.
        """
        if top_k < 0:
            raise ValueError(f"top_k: {top_k} is below 0; give the number of hits that is wanted")
        if self.bm25 is None:
            logger.warning("the BM25 index is not built: nothing is found; call build_index first")
            return []
        found = self.bm25.top(self.tokenize(query), top_k)
        return [(self.document_ids[place], score, self.documents[place]) for place, score in found]


class HybridSearchEngine:
    """Fuses the vector hits of the caller with the word hits of an index.

    Args:
        config: The settings.

    Attributes:
        config: The settings; no search changes them.
        bm25_index: The index of the words.
        query_stats: Searches, and how many hits came from which list.

    >>> import asyncio
    >>> engine = HybridSearchEngine()
    >>> engine.index_documents([
    ...     {"id": "a", "content": "a wing"}, {"id": "b", "content": "a kite"}, {"id": "c", "content": "heat"},
    ... ])
    >>> hits = asyncio.run(engine.hybrid_search("wing", [{"id": "b", "content": "a kite", "similarity": 0.9}]))
    >>> [(hit.document_id, hit.source, hit.final_rank) for hit in hits]
    [('b', 'dense', 0), ('a', 'sparse', 1)]
    """

    def __init__(self, config: Optional[HybridSearchConfig] = None) -> None:
        self.config = config or HybridSearchConfig()
        self.bm25_index = BM25Index(k1=self.config.bm25_k1, b=self.config.bm25_b)
        self.query_stats = {"total_searches": 0, "dense_only": 0, "sparse_only": 0, "both": 0}

    def index_documents(self, documents: Sequence[Mapping[str, Any]]) -> None:
        """Indexes the words of documents, in place of those of before."""
        self.bm25_index.build_index(documents)

    async def hybrid_search(
        self, query: str, dense_results: Sequence[Mapping[str, Any]], top_k: Optional[int] = None
    ) -> List[SearchResult]:
        """Gives the best hits of both lists.

        Args:
            query: The words.
            dense_results: The vector hits, best first: dictionaries with `id`, `content`, `metadata`, `similarity`. One
                without an id is `dense_<place>`; of an id that is there twice the later hit counts.
            top_k: Hits wanted; None or 0 for those of the settings.

        Raises:
            ZeroDivisionError: The rank constant and a rank add up to 0.
        """
        return self._search(query, dense_results, top_k, self.config)

    async def adaptive_hybrid_search(
        self, query: str, dense_results: Sequence[Mapping[str, Any]], top_k: Optional[int] = None
    ) -> List[SearchResult]:
        """Searches like `hybrid_search`, with weights for the type of the query.

        A technical query weighs vectors 0.3 and words 0.7, a conceptual one the other way round. The fusion of ranks
        has no weights: there it changes nothing.

        >>> import asyncio
        >>> engine = HybridSearchEngine(HybridSearchConfig(fusion_method="weighted"))
        >>> dense = [{"id": "a", "similarity": 0.9}, {"id": "b", "similarity": 0.1}]
        >>> asyncio.run(engine.adaptive_hybrid_search("parse_args()", dense))[0].fused_score
        0.3
        """
        usual = (self.config.dense_weight, self.config.sparse_weight)
        dense_weight, sparse_weight = WEIGHTS.get(self._analyze_query_type(query), usual)
        config = replace(self.config, dense_weight=dense_weight, sparse_weight=sparse_weight)
        return self._search(query, dense_results, top_k, config)

    def _search(
        self,
        query: str,
        dense_results: Sequence[Mapping[str, Any]],
        top_k: Optional[int],
        config: HybridSearchConfig,
    ) -> List[SearchResult]:
        top_k = top_k or config.final_top_k
        self.query_stats["total_searches"] += 1
        found = self.bm25_index.search(query, top_k=config.sparse_top_k)
        dense: Dict[Any, Placed] = {
            document.get("id", f"dense_{rank}"): (document, rank, document.get("similarity", 0.0))
            for rank, document in enumerate(dense_results)
        }
        sparse: Dict[Any, Placed] = {
            id: (document, rank, score) for rank, (id, score, document) in enumerate(found)
        }
        if config.fusion_method == "rrf":
            fused = self._reciprocal_rank_fusion(dense, sparse, query)
        else:
            fused = self._weighted_score_fusion(dense, sparse, query, config)
        fused.sort(key=lambda result: result.fused_score, reverse=True)
        best = fused[:top_k]
        for rank, result in enumerate(best):
            result.final_rank = rank
        self._update_search_stats(dense, sparse, best)
        return best

    def _reciprocal_rank_fusion(
        self, dense_docs: Mapping[Any, Placed], sparse_docs: Mapping[Any, Placed], query: str
    ) -> List[SearchResult]:
        """Fuses by 1 / (k + rank), ranks from 0; in the order of the dense list, then of the sparse one."""
        ids, rows = _places(dense_docs, sparse_docs)
        return _results(dense_docs, sparse_docs, ids, _native.fuse_ranks(rows, self.config.k_parameter))

    def _weighted_score_fusion(
        self,
        dense_docs: Mapping[Any, Placed],
        sparse_docs: Mapping[Any, Placed],
        query: str,
        config: Optional[HybridSearchConfig] = None,
    ) -> List[SearchResult]:
        """Fuses by weighted scores, each list brought to 0 to 1; in the order of the dense list, then of the sparse one.

        Equal scores stay in this order; the platform's own order of them changed from process to process.
        """
        config = config or self.config
        ids, rows = _places(dense_docs, sparse_docs)
        scores = _native.fuse_scores(rows, config.dense_weight, config.sparse_weight)
        return _results(dense_docs, sparse_docs, ids, scores)

    def _update_search_stats(
        self,
        dense_docs: Mapping[Any, Placed],
        sparse_docs: Mapping[Any, Placed],
        fused_results: Sequence[SearchResult],
    ) -> None:
        """Counts hits by the lists that they came from."""
        for result in fused_results:
            self.query_stats["both" if result.source == "both" else f"{result.source}_only"] += 1

    def get_search_stats(self) -> Dict[str, Any]:
        """Gives the counts, and what they are in per cent of the searches: one with two hits of a kind has 200.

        >>> HybridSearchEngine().get_search_stats()["total_searches"]
        0
        """
        stats = self.query_stats
        searches = stats["total_searches"]
        shares = {
            f"{name}_percentage": 100 * stats[name] / searches if searches else 0
            for name in ("dense_only", "sparse_only", "both")
        }
        weights = {"dense": self.config.dense_weight, "sparse": self.config.sparse_weight}
        return {**stats, **shares, "fusion_method": self.config.fusion_method, "weights": weights}

    def _analyze_query_type(self, query: str) -> str:
        """Gives `"technical"`, `"conceptual"` or `"balanced"`, by the majority of a query's signs."""
        return _native.query_type(query)


def _contents(documents: Sequence[Mapping[str, Any]]) -> List[str]:
    return [document.get("content", "") for document in documents]


def _places(
    dense: Mapping[Any, Placed], sparse: Mapping[Any, Placed]
) -> Tuple[List[Any], List[Tuple[Optional[Tuple[int, float]], Optional[Tuple[int, float]]]]]:
    """The ids of both lists, and the rank and score in each."""
    ids = list(dict.fromkeys([*dense, *sparse]))
    return ids, [(_place(dense.get(id)), _place(sparse.get(id))) for id in ids]


def _place(placed: Optional[Placed]) -> Optional[Tuple[int, float]]:
    return None if placed is None else placed[1:]


def _results(
    dense: Mapping[Any, Placed], sparse: Mapping[Any, Placed], ids: Sequence[Any], scores: Sequence[float]
) -> List[SearchResult]:
    results = []
    for id, fused_score in zip(ids, scores):
        in_dense, in_sparse = dense.get(id), sparse.get(id)
        document, dense_rank, dense_score = in_dense or ({}, -1, 0.0)
        sparse_document, sparse_rank, sparse_score = in_sparse or ({}, -1, 0.0)
        if in_dense is None:
            document = sparse_document
        results.append(
            SearchResult(
                document_id=id,
                content=document.get("content", ""),
                metadata=document.get("metadata", {}),
                dense_score=dense_score,
                sparse_score=sparse_score,
                fused_score=fused_score,
                dense_rank=dense_rank,
                sparse_rank=sparse_rank,
                final_rank=-1,
                source="both" if in_dense and in_sparse else "dense" if in_dense else "sparse",
            )
        )
    return results
