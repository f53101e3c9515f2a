"""Similarity of one query with many documents, by their embeddings.

The embeddings may be lists of numbers or NumPy arrays. An array of `float32` or `float64` in row order is read in place;
the sums are those of `float64`, whatever the numbers are.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, List, Optional, Sequence, Tuple, Union

from .. import _lexivec as _native

if TYPE_CHECKING:
    import numpy as np
    import numpy.typing as npt

    #: One embedding.
    Vector = Union[Sequence[float], npt.NDArray[np.floating]]
    #: An embedding for each document.
    Rows = Union[Sequence[Sequence[float]], npt.NDArray[np.floating]]
    #: Numbers of `float64`.
    Floats = npt.NDArray[np.float64]


def compute_similarity_scores(query_embedding: "Vector", document_embeddings: "Rows") -> "Floats":
    """Gives the cosine of the query with each document, -1 to 1, in their order; 0 where a vector is zero.

    Args:
        query_embedding: The numbers of the query.
        document_embeddings: As many numbers for each document.

    Returns:
        An array of `float64`, one number a document.

    Raises:
        ValueError: A document has more or fewer numbers than the query, or a number is not finite.

    >>> import numpy as np
    >>> documents = np.array([[2.0, 0.0], [0.0, 3.0], [0.0, 0.0]], dtype=np.float32)
    >>> compute_similarity_scores([1.0, 0.0], documents).tolist()
    [1.0, 0.0, 0.0]
    """
    scores: "Floats" = _native.cosines(query_embedding, document_embeddings)
    return scores


def rank_results(
    similarity_scores: Union[Sequence[float], "Floats"], top_k: Optional[int] = None
) -> List[Tuple[int, float]]:
    """Gives places and scores, the highest score first; equal ones stay in their order.

    Args:
        similarity_scores: A score for each document.
        top_k: Most places wanted; all by default.

    >>> rank_results([0.25, 0.75, 0.25], top_k=2)
    [(1, 0.75), (0, 0.25)]
    """
    return _native.rank_scores(similarity_scores, top_k)


def evaluate_embeddings(query_embedding: "Vector", document_embeddings: "Rows") -> List[Tuple[int, float]]:
    """Gives the place and the cosine of each document, the most similar one first; equal ones stay in their order.

    Args:
        query_embedding: The numbers of the query.
        document_embeddings: As many numbers for each document.

    Raises:
        ValueError: A document has more or fewer numbers than the query, or a number is not finite.

    >>> evaluate_embeddings([1.0, 0.0], [[0.0, 2.0], [3.0, 0.0]])
    [(1, 1.0), (0, 0.0)]
    """
    return rank_results(compute_similarity_scores(query_embedding, document_embeddings))
