"""Scores of answers that were made from retrieved texts, and the comparison of two configurations.

The scores are overlaps of words: a text is lower-cased and split at white space, so "hello," is not "hello". They are
computed in Rust and equal those of the platform's Python to the last bit. The functions whose names end in `_numba` have
kept their names; numba is not needed.
"""

from __future__ import annotations

import hashlib
import json
import logging
import time
from dataclasses import asdict, dataclass, field
from datetime import datetime, timezone
from pathlib import Path
from typing import TYPE_CHECKING, Any, Awaitable, Callable, Dict, List, Optional, Sequence, Tuple, Union

from .. import _lexivec as _native

if TYPE_CHECKING:
    import os

    import numpy as np
    import numpy.typing as npt

    #: Numbers, as a list or an array.
    Numbers = Union[Sequence[float], npt.NDArray[Any]]

__all__ = [
    "AggregatedMetrics",
    "RAGEvaluationResult",
    "RAGEvaluator",
    "RAGTestCase",
    "calculate_aggregated_statistics_numba",
    "calculate_pass_rate_numba",
    "calculate_percentiles_numba",
    "calculate_sentence_support_scores_numba",
    "jaccard_similarity_numba",
    "text_to_word_hashes",
    "word_overlap_ratio_numba",
]

logger = logging.getLogger(__name__)

#: Results that an evaluator remembers; older ones are forgotten, so a service that evaluates for months does not grow.
HISTORY = 10_000
#: Texts that are retrieved for a question.
RETRIEVED = 5
#: Domain that is searched where a test case names none.
DOMAIN = "content_generation"


def jaccard_similarity_numba(set1_size: int, set2_size: int, intersection_size: int) -> float:
    """Gives the similarity of two sets from their sizes and that of their intersection, 0 to 1; 1 of two empty sets.

    >>> jaccard_similarity_numba(2, 3, 1)
    0.25
    """
    return _native.jaccard(set1_size, set2_size, intersection_size)


def word_overlap_ratio_numba(
    words1_array: "npt.NDArray[np.int64]",
    words2_array: "npt.NDArray[np.int64]",
    unique1_count: int,
    unique2_count: int,
) -> float:
    """Gives the words of the first array that the second has, by how many different ones the first has.

    Args:
        words1_array: Words as numbers, as `text_to_word_hashes` gives them.
        words2_array: The words to look among.
        unique1_count: Different words of the first.
        unique2_count: Different words of the second; it changes nothing.

    >>> words, different = text_to_word_hashes("a wing a kite")
    >>> word_overlap_ratio_numba(words, text_to_word_hashes("wing")[0], different, 1)
    0.3333333333333333
    """
    return _native.overlap_ratio(words1_array, words2_array, unique1_count)


def calculate_sentence_support_scores_numba(
    sentence_word_hashes: "npt.NDArray[np.int64]",
    sentence_lengths: "npt.NDArray[np.integer[Any]]",
    context_word_hashes: "npt.NDArray[np.int64]",
    num_sentences: int,
    threshold: float = 0.5,
) -> "npt.NDArray[np.int32]":
    """Gives 1 for each sentence that a context supports, 0 for the others.

    Args:
        sentence_word_hashes: The words of all sentences as numbers, one sentence after another.
        sentence_lengths: Words of each sentence.
        context_word_hashes: The words of the context.
        num_sentences: How many sentences there are.
        threshold: Share of a sentence's words that must be in the context.

    >>> words, _ = text_to_word_hashes("a wing flies kites sing")
    >>> context, _ = text_to_word_hashes("a wing")
    >>> calculate_sentence_support_scores_numba(words, [3, 2], context, 2).tolist()
    [1, 0]
    """
    supported: "npt.NDArray[np.int32]" = _native.supported_sentences(
        sentence_word_hashes, sentence_lengths, context_word_hashes, num_sentences, threshold
    )
    return supported


def calculate_aggregated_statistics_numba(values: "Numbers") -> Tuple[float, float, float]:
    """Gives mean, median and population standard deviation; zeros of no values.

    >>> calculate_aggregated_statistics_numba([1.0, 2.0, 6.0])[:2]
    (3.0, 2.0)
    """
    return _native.statistics(values)


def calculate_percentiles_numba(values: "Numbers", percentiles: "Numbers") -> "npt.NDArray[np.float64]":
    """Gives the values below which these percentages (0 to 100) of the values lie, interpolated linearly.

    >>> calculate_percentiles_numba([10.0, 20.0, 30.0], [50.0, 75.0]).tolist()
    [20.0, 25.0]
    """
    found: "npt.NDArray[np.float64]" = _native.percentiles(values, percentiles)
    return found


def calculate_pass_rate_numba(scores: "Numbers", threshold: float) -> float:
    """Gives the share of scores that reach a threshold; 0 of no scores.

    >>> calculate_pass_rate_numba([0.7, 0.6], 0.7)
    0.5
    """
    return _native.pass_rate(scores, threshold)


def text_to_word_hashes(text: str) -> Tuple["npt.NDArray[np.int64]", int]:
    """Gives a number for each word of a text, and how many different words there are.

    Equal words have equal numbers, the same ones in every process.

    >>> numbers, different = text_to_word_hashes("A wing, a kite")
    >>> len(numbers), different, bool(numbers[0] == numbers[2])
    (4, 3, True)
    """
    return _native.word_hashes(text)


@dataclass
class RAGTestCase:
    """A question with its true answer.

    Attributes:
        question: The question.
        ground_truth: The true answer.
        contexts: The texts that should be retrieved; empty where they are not known.
        metadata: Anything else; `domain` is the one to search.
        test_id: Its name; the first 8 digits of the question's MD5 if none is given.

    >>> RAGTestCase("What is Python?", "A language").test_id
    'e8af0700'
    """

    question: str
    ground_truth: str
    contexts: List[str] = field(default_factory=list)
    metadata: Dict[str, Any] = field(default_factory=dict)
    test_id: str = ""

    def __post_init__(self) -> None:
        if not self.test_id:
            self.test_id = hashlib.md5(self.question.encode(), usedforsecurity=False).hexdigest()[:8]


@dataclass
class RAGEvaluationResult:
    """The answer of a system to a test case, with its scores.

    Attributes:
        test_case: The test case.
        retrieved_contexts: The texts that were retrieved, best first.
        generated_answer: The answer that was made from them.
        faithfulness: Share of the answer's sentences that the texts support, 0 to 1.
        answer_relevancy: Share of the question's words that the answer has, and its length, 0 to 1.
        context_precision: Share of the retrieved texts that are right, 0 to 1.
        context_recall: Share of the expected texts that were retrieved, 0 to 1.
        context_relevancy: Not computed; 0.
        answer_similarity: Similarity of the words of the answer and of the true one, 0 to 1.
        latency_ms: Retrieval and generation, in milliseconds.
        num_contexts_retrieved: How many texts were retrieved.
        timestamp: When it was evaluated, in UTC.
        model_version: The model that answered.
        experiment_id: The experiment that it is part of.

    >>> RAGEvaluationResult(RAGTestCase("q", "a"), [], "").faithfulness
    0.0
    """

    test_case: RAGTestCase
    retrieved_contexts: List[str]
    generated_answer: str
    faithfulness: float = 0.0
    answer_relevancy: float = 0.0
    context_precision: float = 0.0
    context_recall: float = 0.0
    context_relevancy: float = 0.0
    answer_similarity: float = 0.0
    latency_ms: float = 0.0
    num_contexts_retrieved: int = 0
    timestamp: datetime = field(default_factory=lambda: datetime.now(timezone.utc))
    model_version: str = ""
    experiment_id: str = ""


@dataclass
class AggregatedMetrics:
    """The figures of a suite: means, medians, population standard deviations, percentiles and pass rates.

    Scores and rates are from 0 to 1, latencies in milliseconds. `overall_quality_score` is 0.3 of faithfulness and of
    relevancy, 0.2 of precision and of recall.

    >>> from lexivec.platform.rag_evaluation import RAGEvaluator
    >>> result = RAGEvaluationResult(RAGTestCase("q", "a"), [], "", faithfulness=1.0, latency_ms=5.0)
    >>> figures = RAGEvaluator()._calculate_aggregated_metrics([result])
    >>> figures.faithfulness_mean, figures.latency_p90, figures.overall_quality_score
    (1.0, 5.0, 0.3)
    """

    num_test_cases: int
    faithfulness_mean: float
    faithfulness_median: float
    faithfulness_std: float
    answer_relevancy_mean: float
    answer_relevancy_median: float
    answer_relevancy_std: float
    context_precision_mean: float
    context_precision_median: float
    context_precision_std: float
    context_recall_mean: float
    context_recall_median: float
    context_recall_std: float
    latency_p50: float
    latency_p90: float
    latency_p99: float
    latency_mean: float
    overall_quality_score: float
    faithfulness_pass_rate: float
    answer_relevancy_pass_rate: float
    context_precision_pass_rate: float


#: Makes an answer from a question and texts.
AnswerGenerator = Callable[[str, List[str]], Awaitable[str]]


class RAGEvaluator:
    """Evaluates a system that retrieves texts and answers from them.

    The system has `query_rag(query=, domain=, n_results=)`, a coroutine whose result has `retrieved_documents` with a
    `content` each; `lexivec.platform.RAGService` is one. The generator is a coroutine function of a question and texts.

    Args:
        llm_client: Kept as an attribute; the scores need no model.

    >>> import asyncio
    >>> from lexivec.platform import RAGService
    >>> service = RAGService()
    >>> _ = service.add_document("Python is a language. It has lists.")
    >>> async def first(question, contexts):
    ...     return contexts[0]
    >>> case = RAGTestCase("what is Python", "a language")
    >>> results, figures = asyncio.run(RAGEvaluator().evaluate_test_suite([case], service, first))
    >>> results[0].faithfulness, figures.num_test_cases
    (1.0, 1)
    """

    def __init__(self, llm_client: Optional[Any] = None) -> None:
        self.llm_client = llm_client
        self.evaluation_history: List[RAGEvaluationResult] = []
        self.pass_threshold = 0.7

    async def evaluate_test_case(
        self, test_case: RAGTestCase, rag_system: Any, answer_generator: AnswerGenerator
    ) -> RAGEvaluationResult:
        """Asks the system one question, and scores what it gave."""
        start = time.perf_counter()
        domain = test_case.metadata.get("domain", DOMAIN)
        found = await rag_system.query_rag(query=test_case.question, domain=domain, n_results=RETRIEVED)
        contexts = [document.content for document in found.retrieved_documents]
        answer = await answer_generator(test_case.question, contexts)
        result = RAGEvaluationResult(
            test_case=test_case,
            retrieved_contexts=contexts,
            generated_answer=answer,
            latency_ms=(time.perf_counter() - start) * 1000,
            num_contexts_retrieved=len(contexts),
        )
        (
            result.faithfulness,
            result.answer_relevancy,
            result.context_precision,
            result.context_recall,
            result.answer_similarity,
        ) = _native.answer_metrics(test_case.question, test_case.ground_truth, test_case.contexts, contexts, answer)
        self.evaluation_history.append(result)
        if len(self.evaluation_history) > HISTORY:
            del self.evaluation_history[: -HISTORY]
        logger.debug("evaluated test case %s in %.2f ms", test_case.test_id, result.latency_ms)
        return result

    async def evaluate_test_suite(
        self,
        test_cases: List[RAGTestCase],
        rag_system: Any,
        answer_generator: AnswerGenerator,
        experiment_id: str = "",
    ) -> Tuple[List[RAGEvaluationResult], AggregatedMetrics]:
        """Evaluates test cases one after another; gives the result of each, and the figures of all.

        Raises:
            ValueError: There is no test case.
        """
        results = []
        for test_case in test_cases:
            result = await self.evaluate_test_case(test_case, rag_system, answer_generator)
            result.experiment_id = experiment_id
            results.append(result)
        return results, self._calculate_aggregated_metrics(results)

    async def _calculate_faithfulness(self, answer: str, contexts: List[str]) -> float:
        """Gives the share of the answer's sentences of whose words at least half are in the contexts."""
        return _native.faithfulness(answer, contexts)

    async def _calculate_answer_relevancy(self, question: str, answer: str) -> float:
        """Gives 0.7 for the question's words that the answer has, and 0.3 for an answer of twice as many words."""
        return _native.answer_relevancy(question, answer)

    async def _calculate_context_precision(
        self, question: str, retrieved_contexts: List[str], ground_truth_contexts: List[str]
    ) -> float:
        """Gives the share of the retrieved texts that are like an expected one, or have the question's words."""
        return _native.context_precision(question, retrieved_contexts, ground_truth_contexts)

    async def _calculate_context_recall(
        self, retrieved_contexts: List[str], ground_truth_contexts: List[str]
    ) -> float:
        """Gives the share of the expected texts that were retrieved; 1 where none is expected."""
        return _native.context_recall(retrieved_contexts, ground_truth_contexts)

    async def _calculate_answer_similarity(self, generated_answer: str, ground_truth_answer: str) -> float:
        """Gives the similarity of the words of the answer and of the true one."""
        return self._simple_text_similarity(generated_answer, ground_truth_answer)

    def _simple_text_similarity(self, text1: str, text2: str) -> float:
        """Gives the similarity of the words of two texts; 0 where one has none."""
        return _native.text_similarity(text1, text2)

    def _calculate_aggregated_metrics(self, results: List[RAGEvaluationResult]) -> AggregatedMetrics:
        """Gives the figures of results; without any it is a `ValueError`."""
        return AggregatedMetrics(**_native.aggregate(_rows(results), self.pass_threshold))

    async def compare_experiments(
        self, experiment_a_results: List[RAGEvaluationResult], experiment_b_results: List[RAGEvaluationResult]
    ) -> Dict[str, Any]:
        """Puts two suites side by side: their figures, the improvements in per cent of A, and the better one.

        Raises:
            ValueError: A suite has no result.
            ZeroDivisionError: The quality or the latency of A is 0.

        >>> import asyncio
        >>> def suite(score):
        ...     return [RAGEvaluationResult(RAGTestCase("q", "a"), [], "", faithfulness=score, latency_ms=4.0)]
        >>> compared = asyncio.run(RAGEvaluator().compare_experiments(suite(0.5), suite(1.0)))
        >>> compared["improvements"]["faithfulness"], compared["recommendation"]
        (100.0, 'experiment_b')
        """
        return _native.compare_suites(_rows(experiment_a_results), _rows(experiment_b_results))

    def _determine_winner(self, metrics_a: AggregatedMetrics, metrics_b: AggregatedMetrics) -> str:
        """Names the suite of the higher quality, or `"no_clear_winner"` for a difference below 0.05."""
        return _native.better_suite(metrics_a.overall_quality_score, metrics_b.overall_quality_score)

    def export_results(
        self, results: List[RAGEvaluationResult], output_path: Union[str, "os.PathLike[str]"]
    ) -> None:
        """Writes results and their figures into a JSON file; its folder is made if it is not there.

        >>> import tempfile
        >>> result = RAGEvaluationResult(RAGTestCase("q", "a"), ["text"], "answer", faithfulness=1.0)
        >>> with tempfile.TemporaryDirectory() as folder:
        ...     RAGEvaluator().export_results([result], folder + "/new/results.json")
        ...     json.load(open(folder + "/new/results.json"))["results"][0]["metrics"]["faithfulness"]
        1.0
        """
        exported = {
            "num_test_cases": len(results),
            "timestamp": datetime.now(timezone.utc).isoformat(),
            "aggregated": asdict(self._calculate_aggregated_metrics(results)) if results else None,
            "results": [_exported(result) for result in results],
        }
        path = Path(output_path)
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(json.dumps(exported, indent=2), encoding="utf-8")


def _rows(results: Sequence[RAGEvaluationResult]) -> List[Tuple[float, float, float, float, float]]:
    return [
        (r.faithfulness, r.answer_relevancy, r.context_precision, r.context_recall, r.latency_ms) for r in results
    ]


def _exported(result: RAGEvaluationResult) -> Dict[str, Any]:
    metrics = ("faithfulness", "answer_relevancy", "context_precision", "context_recall", "answer_similarity")
    return {
        "test_id": result.test_case.test_id,
        "question": result.test_case.question,
        "ground_truth": result.test_case.ground_truth,
        "retrieved_contexts": result.retrieved_contexts,
        "generated_answer": result.generated_answer,
        "metrics": {name: getattr(result, name) for name in metrics},
        "latency_ms": result.latency_ms,
        "model_version": result.model_version,
        "experiment_id": result.experiment_id,
    }
