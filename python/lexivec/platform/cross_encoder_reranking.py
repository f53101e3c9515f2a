"""Reranking of documents for a query by a model.

`RerankerConfig.model_name` is one of:

- a folder with a cross-encoder or with an embedder; the model runs in this process, without Python;
- the name of a model in the folder `$LEXIVEC_MODELS`, with or without what is before the last slash;
- a callable that takes (query, text) pairs and gives a score for each;
- any other name, as that of a model on a hub. Nothing is downloaded: the words of the query score the documents then,
  and a warning says so.

`get_performance_stats()["reranker"]` says what ran: `"cross"`, `"bi"` (an embedder), `"callable"`, `"lexical"`, or
`"none"` where the scoring failed and the documents kept their order.

A model is loaded once a process, whatever the number of rerankers.
"""

from __future__ import annotations

import asyncio
import json
import logging
import math
import os
import threading
import time
from dataclasses import dataclass
from itertools import groupby
from pathlib import Path
from typing import Any, Callable, Dict, List, Mapping, Optional, Sequence, Tuple, Union

from .. import _lexivec as _native
from .._models import Embedder, Reranker

__all__ = ["CrossEncoderReranker", "RerankResult", "RerankerConfig"]

logger = logging.getLogger(__name__)

#: Scores texts for a query.
_Score = Callable[[str, List[str]], Sequence[float]]
#: A (query, text) pair.
Pair = Sequence[str]
#: The name of a model: a folder, a name, or a callable in its place.
ModelName = Union[str, "os.PathLike[str]", Callable[[List[Pair]], Sequence[float]]]

#: Characters of the best document that an explanation shows.
PREVIEW = 200
INTERPRETATIONS = {
    "high": "Top result is clearly most relevant with significant score margin",
    "medium": "Top result is likely most relevant but other results are competitive",
    "low": "Multiple results have similar relevance scores, ranking is ambiguous",
}


@dataclass
class RerankerConfig:
    """Settings of a reranker.

    Attributes:
        model_name: A folder, a name, or a callable; see the text of this module.
        max_length: Tokens of a pair for a model that is not of lexivec; those of lexivec cut at their own length.
        batch_size: Pairs of one call of the model.
        device: Always the processor; kept for callers that set it.
        top_k: Results wanted where a call names no number.
        score_threshold: Lowest score of a result.

    >>> RerankerConfig(top_k=3).score_threshold
    0.0
    """

    model_name: ModelName = "cross-encoder/ms-marco-MiniLM-L-12-v2"
    max_length: int = 512
    batch_size: int = 32
    device: str = "cpu"
    top_k: int = 10
    score_threshold: float = 0.0


@dataclass
class RerankResult:
    """A document with its score and its ranks, from 0, before and after.

    >>> RerankResult("a", "a wing", 0.9, 3, 0, {}).new_rank
    0
    """

    document_id: str
    document_content: str
    cross_encoder_score: float
    original_rank: int
    new_rank: int
    metadata: Dict[str, Any]


class _Model:
    """A model with the call of a `sentence_transformers.CrossEncoder`."""

    def __init__(self, kind: str, score: _Score) -> None:
        self.kind = kind
        self._score = score

    def predict(
        self, pairs: Sequence[Pair], batch_size: int = 32, show_progress_bar: bool = False
    ) -> List[float]:
        """One score a pair. The pairs of one query are scored together."""
        scores: List[float] = []
        for query, group in groupby(pairs, key=lambda pair: pair[0]):
            scores.extend(self._score(query, [pair[1] for pair in group]))
        return scores


class _Callable:
    """A callable as a model."""

    kind = "callable"

    def __init__(self, call: Callable[[List[Pair]], Sequence[float]]) -> None:
        self._call = call

    def predict(
        self, pairs: Sequence[Pair], batch_size: int = 32, show_progress_bar: bool = False
    ) -> List[float]:
        """One score a pair, by a call for each batch."""
        scores: List[float] = []
        for start in range(0, len(pairs), max(1, batch_size)):
            scores.extend(self._call(list(pairs[start : start + max(1, batch_size)])))
        return scores


#: The models of this process by their folder.
_MODELS: Dict[str, _Model] = {}
_LOCK = threading.Lock()


def _models_folder() -> Path:
    """The folder of models: that of the command `lexivec model`."""
    named = os.environ.get("LEXIVEC_MODELS")
    data = os.environ.get("XDG_DATA_HOME") or str(Path.home() / ".local/share")
    return Path(named) if named else Path(data) / "lexivec/models"


def folder_of(name: str) -> Optional[Path]:
    """Gives the folder that a name stands for; None for the name of a model that is not on this machine.

    >>> folder_of("a-model-that-is-not-here") is None
    True
    """
    path = Path(name).expanduser()
    if path.is_absolute() or name.startswith((".", "~")):
        if not path.is_dir():
            raise FileNotFoundError(f"{name}: there is no such folder; a model is a folder with config.json")
        return path
    models = _models_folder()
    candidates = (path, models / name, models / path.name)
    return next((folder for folder in candidates if folder.is_dir()), None)


def _open(folder: Path) -> _Model:
    """Opens the model in a folder: a cross-encoder if its configuration says so, else an embedder."""
    try:
        architectures = json.loads((folder / "config.json").read_text(encoding="utf-8")).get("architectures") or []
    except FileNotFoundError:
        architectures = []
    if any("SequenceClassification" in name for name in architectures):
        cross = Reranker.open(folder)._raw
        return _Model("cross", lambda query, texts: _native.cross_scores(cross, query, texts))
    embedder = Embedder.open(folder)._raw
    return _Model("bi", lambda query, texts: _native.bi_scores(embedder, query, texts))


def _lexical() -> _Model:
    return _Model("lexical", _native.lexical_scores)


class CrossEncoderReranker:
    """Puts documents into the order of their relevance to a query.

    Args:
        config: The settings.

    Attributes:
        config: The settings.
        model: The model, with `predict(pairs, batch_size=, show_progress_bar=)`; None until it is loaded. It may be set.
        performance_stats: Calls, documents, mean latency in milliseconds; `cache_hits` counts the times that a loaded
            model was there already.

    >>> import asyncio
    >>> def words(pairs):
    ...     return [float(text.count(query)) for query, text in pairs]
    >>> reranker = CrossEncoderReranker(RerankerConfig(model_name=words, top_k=2))
    >>> documents = [{"id": "a", "content": "heat"}, {"id": "b", "content": "wing, wing"}, {"content": "a wing"}]
    >>> [(best.document_id, best.new_rank) for best in asyncio.run(reranker.rerank("wing", documents))]
    [('b', 0), ('doc_2', 1)]
    """

    def __init__(self, config: Optional[RerankerConfig] = None) -> None:
        self.config = config or RerankerConfig()
        self.model: Optional[Any] = None
        self.performance_stats: Dict[str, Any] = {
            "total_reranks": 0,
            "total_documents_scored": 0,
            "avg_latency_ms": 0.0,
            "cache_hits": 0,
        }
        self._ran: Optional[str] = None

    def load_model(self) -> None:
        """Loads the model, or takes the one that this process has loaded.

        Raises:
            FileNotFoundError: The name is a path, and there is no folder.
            LexivecError: The folder has no model, or one that does not run here.
        """
        name = self.config.model_name
        if callable(name):
            self.model = _Callable(name)
            return
        folder = folder_of(os.fspath(name))
        if folder is None:
            logger.warning(
                "the model %s is not on this machine: documents are scored by the words of the query; name a folder "
                "to have a model",
                name,
            )
            self.model = _lexical()
            return
        key = str(folder.resolve())
        with _LOCK:
            if key in _MODELS:
                self.performance_stats["cache_hits"] += 1
            else:
                _MODELS[key] = _open(folder)
            self.model = _MODELS[key]

    async def rerank(
        self, query: str, documents: Sequence[Mapping[str, Any]], top_k: Optional[int] = None
    ) -> List[RerankResult]:
        """Gives the best documents, best first; equal ones stay in their order.

        The ranks are set over all documents; then those below the threshold are left out, and `top_k` remain. If the
        scoring fails, the documents keep their order with a score of 0, and the stats name `"none"`.

        Args:
            query: What is looked for.
            documents: Dictionaries with `content`, and `id` and `metadata` if they have them.
            top_k: Results wanted; None or 0 for those of the settings.
        """
        top_k = top_k or self.config.top_k
        if not documents:
            return []
        if self.model is None:
            await asyncio.to_thread(self.load_model)
        start = time.perf_counter()
        try:
            scores = _checked(
                await self._scores([[query, document.get("content", "")] for document in documents]), len(documents)
            )
        except Exception as error:
            logger.error("the reranker failed: the documents keep their order: %s", error)
            self._ran = "none"
            return self._fallback_ranking(documents, top_k)
        results = [
            RerankResult(**_plain(document, place), cross_encoder_score=score, original_rank=place, new_rank=-1)
            for place, (document, score) in enumerate(zip(documents, scores))
        ]
        results.sort(key=lambda result: result.cross_encoder_score, reverse=True)
        for rank, result in enumerate(results):
            result.new_rank = rank
        best = [result for result in results if result.cross_encoder_score >= self.config.score_threshold]
        self._ran = getattr(self.model, "kind", "callable")
        self._update_stats(len(documents), (time.perf_counter() - start) * 1000)
        return best[:top_k]

    async def _scores(self, pairs: List[Pair]) -> Sequence[float]:
        """Scores pairs; a model of lexivec does it in a thread, so that no event loop waits."""
        model, batch_size = self.model, self.config.batch_size
        assert model is not None
        if isinstance(model, _Model):
            return await asyncio.to_thread(model.predict, pairs, batch_size)
        scores: Sequence[float] = model.predict(pairs, batch_size=batch_size, show_progress_bar=False)
        return scores

    async def rerank_with_explanations(
        self, query: str, documents: Sequence[Mapping[str, Any]], top_k: Optional[int] = None
    ) -> Dict[str, Any]:
        """Gives `results`, and `explanations` with statistics of the scores, changes of ranks and a confidence.

        >>> import asyncio
        >>> documents = [{"content": "heat"}, {"content": "a wing"}]
        >>> made = asyncio.run(CrossEncoderReranker().rerank_with_explanations("wing", documents))
        >>> made["explanations"]["ranking_changes"]["documents_improved"]
        1
        """
        results = await self.rerank(query, documents, top_k)
        if not results:
            return {"results": [], "explanations": {"error": "No results after re-ranking"}}
        scores = [result.cross_encoder_score for result in results]
        mean, _, std = _native.statistics(scores)
        best = results[0]
        explanations = {
            "query": query,
            "total_documents_scored": len(documents),
            "results_returned": len(results),
            "score_statistics": {
                "max_score": max(scores),
                "min_score": min(scores),
                "mean_score": mean,
                "std_score": std,
            },
            "ranking_changes": self._analyze_ranking_changes(results),
            "confidence_assessment": self._assess_confidence(scores),
            "top_result_analysis": {
                "score": best.cross_encoder_score,
                "original_rank": best.original_rank,
                "rank_improvement": best.original_rank - best.new_rank,
                "content_preview": best.document_content[:PREVIEW] + "...",
            },
        }
        return {"results": results, "explanations": explanations}

    def _analyze_ranking_changes(self, results: Sequence[RerankResult]) -> Dict[str, Any]:
        """Counts documents that came further to the front or to the back, and by how many places."""
        changes = [result.new_rank - result.original_rank for result in results]
        return {
            "documents_improved": sum(change < 0 for change in changes),
            "documents_degraded": sum(change > 0 for change in changes),
            "documents_unchanged": sum(change == 0 for change in changes),
            "avg_rank_change": math.fsum(map(abs, changes)) / len(changes) if changes else 0.0,
            "max_improvement": max(0, -min(changes, default=0)),
            "max_degradation": max(0, max(changes, default=0)),
        }

    def _assess_confidence(self, scores: Sequence[float]) -> Dict[str, Any]:
        """Says how far the best score is from the second, in standard deviations of the scores."""
        if len(scores) < 2:
            return {"level": "insufficient_data"}
        gap, std = float(scores[0] - scores[1]), _native.statistics(scores)[2]
        level = "high" if gap > 2 * std else "medium" if gap > std else "low"
        return {
            "level": level,
            "score_gap": gap,
            "score_gap_normalized": gap / std if std > 0 else 0,
            "interpretation": self._get_confidence_interpretation(level),
        }

    def _get_confidence_interpretation(self, level: str) -> str:
        """Gives the sentence for a level of confidence."""
        return INTERPRETATIONS.get(level, "Unknown confidence level")

    def _fallback_ranking(self, documents: Sequence[Mapping[str, Any]], top_k: int) -> List[RerankResult]:
        """Gives the first documents in their order, with a score of 0."""
        return [
            RerankResult(**_plain(document, place), cross_encoder_score=0.0, original_rank=place, new_rank=place)
            for place, document in enumerate(documents[:top_k])
        ]

    def _update_stats(self, num_documents: int, latency_ms: float) -> None:
        """Counts a call."""
        stats = self.performance_stats
        stats["total_reranks"] += 1
        stats["total_documents_scored"] += num_documents
        stats["avg_latency_ms"] += (latency_ms - stats["avg_latency_ms"]) / stats["total_reranks"]

    def get_performance_stats(self) -> Dict[str, Any]:
        """Gives the counts, the model, what scored the last documents (`reranker`), and documents a second.

        >>> CrossEncoderReranker().get_performance_stats()["reranker"]
        'none'
        """
        stats = self.performance_stats
        seconds = stats["avg_latency_ms"] * stats["total_reranks"] / 1000
        return {
            **stats,
            "model": self.config.model_name,
            "device": self.config.device,
            "reranker": self._ran or getattr(self.model, "kind", "none"),
            "avg_throughput_docs_per_sec": stats["total_documents_scored"] / seconds if seconds > 0 else 0,
        }

    async def batch_rerank(
        self,
        queries_documents: Sequence[Tuple[str, Sequence[Mapping[str, Any]]]],
        top_k: Optional[int] = None,
    ) -> List[List[RerankResult]]:
        """Reranks the documents of several queries, one query after another.

        >>> import asyncio
        >>> made = asyncio.run(CrossEncoderReranker().batch_rerank([("wing", [{"content": "a wing"}]), ("heat", [])]))
        >>> [len(results) for results in made]
        [1, 0]
        """
        return [await self.rerank(query, documents, top_k) for query, documents in queries_documents]


def _checked(scores: Sequence[float], count: int) -> List[float]:
    """The scores as numbers, if there is one for each document: none is left out without a word."""
    numbers = [float(score) for score in scores]
    if len(numbers) != count:
        raise ValueError(f"the model gave {len(numbers)} scores for {count} documents")
    if any(math.isnan(number) for number in numbers):
        raise ValueError("the model gave a score that is not a number")
    return numbers


def _plain(document: Mapping[str, Any], place: int) -> Dict[str, Any]:
    return {
        "document_id": document.get("id", f"doc_{place}"),
        "document_content": document.get("content", ""),
        "metadata": document.get("metadata", {}),
    }
