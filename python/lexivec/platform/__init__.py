"""The education platform's Python services as drop-in modules, with the arithmetic in Rust.

| module | contents |
|---|---|
| `rag_evaluation` | scores of answers, suites, comparisons |
| `hybrid_search` | BM25 and the fusion with vector hits |
| `cross_encoder_reranking` | reranking by a model |
| `data_access.rag_dao` | documents with embeddings in a folder |
| `demo_data_generator` | demo courses, students, labs, feedback, analytics |
| `lora_finetuning` | training data and adapters |
| `rag_service` | `RAGService` of the study |
| `embeddings` | `evaluate_embeddings`, `compute_similarity_scores`, `rank_results` |
| `exceptions` | `RAGException`, `ValidationException` and the others |

Each is importable as `lexivec.platform.rag_evaluation` and, shorter, as `lexivec.rag_evaluation`. Code that says
`import rag_evaluation` runs unchanged after `lexivec.platform.install()`.

>>> from lexivec.platform import evaluate_embeddings
>>> evaluate_embeddings([1.0, 0.0], [[0.0, 2.0], [3.0, 0.0]])
[(1, 1.0), (0, 0.0)]
"""

from __future__ import annotations

import sys
from importlib import import_module
from typing import List

from .embeddings import compute_similarity_scores, evaluate_embeddings, rank_results
from .rag_service import RAGQueryResult, RAGService, RetrievedDocument

__all__ = [
    "RAGQueryResult",
    "RAGService",
    "RetrievedDocument",
    "compute_similarity_scores",
    "evaluate_embeddings",
    "install",
    "rank_results",
]

#: Modules by their old top-level names.
OLD_NAMES = (
    "rag_evaluation",
    "hybrid_search",
    "cross_encoder_reranking",
    "demo_data_generator",
    "lora_finetuning",
    "data_access",
    "data_access.rag_dao",
)


def install() -> List[str]:
    """Makes the modules importable by their old top-level names, for the rest of the process; gives these names.

    Call it before the first of these imports. `exceptions` is left alone, as other services have their own: catch
    `lexivec.platform.exceptions.RAGException`.

    Raises:
        ImportError: A module of this name is loaded already; nothing was changed.

    >>> import lexivec.platform
    >>> "rag_evaluation" in lexivec.platform.install()
    True
    >>> import rag_evaluation
    >>> from data_access.rag_dao import RAGDAO
    >>> rag_evaluation.RAGTestCase("What is Python?", "A language").test_id
    'e8af0700'
    """
    modules = {name: import_module(f"{__name__}.{name}") for name in OLD_NAMES}
    for name, module in modules.items():
        loaded = sys.modules.get(name, module)
        if loaded is not module:
            where = getattr(loaded, "__file__", None)
            raise ImportError(f"the module {name} is loaded already, from {where}; call install() before that import")
    sys.modules.update(modules)
    return list(modules)
