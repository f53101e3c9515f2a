"""A service that stores texts by domain and finds those for a question: the one that the study sketches."""

from __future__ import annotations

import asyncio
import os
import uuid
from dataclasses import dataclass, field
from typing import Any, Dict, List, Mapping, Optional, Union

from .. import _lexivec as _native
from .._closing import Handle
from .._collection import Collection, in_memory
from .._database import Database
from .._frameworks import Once
from .._models import Embedder, embedder_of
from .exceptions import ValidationException

__all__ = ["RAGQueryResult", "RAGService", "RetrievedDocument"]

#: Domain of documents and questions that name none.
DOMAIN = "content_generation"
#: The one text of a document.
TEXT = "text"
#: Documents of which a context is made.
CONTEXT_DOCUMENTS = 3


@dataclass
class RetrievedDocument:
    """A document that was found.

    >>> RetrievedDocument("a", "a wing", {}, 0.5).content
    'a wing'
    """

    document_id: str
    content: str
    metadata: Dict[str, Any]
    score: float


@dataclass
class RAGQueryResult:
    """The documents for a question, best first.

    Attributes:
        query: The question.
        domain: The domain that was searched.
        retrieved_documents: The documents.
        enhanced_context: The texts of the first three, for a prompt; empty without documents.

    >>> RAGQueryResult("q", "d", [RetrievedDocument("a", "a wing", {}, 0.5)]).score
    0.5
    """

    query: str
    domain: str
    retrieved_documents: List[RetrievedDocument] = field(default_factory=list)
    enhanced_context: str = ""

    @property
    def similarity_scores(self) -> List[float]:
        """The score of each document, falling."""
        return [document.score for document in self.retrieved_documents]

    @property
    def score(self) -> float:
        """The score of the best document; 0 without one."""
        return max(self.similarity_scores, default=0.0)


class RAGService(Handle):
    """Stores texts and finds those for a question.

    With an embedder a document's score is the cosine of its vector with that of the question, at least 0; without one
    it is the share of the question's words that it has, more if they stand together. Both are from 0 to 1.

    Args:
        evaluation_backend: `"rust"`, the only one.
        folder: Where the documents are kept; in memory without it.
        embedder: A model that makes the vectors of texts, or its folder.

    >>> service = RAGService(evaluation_backend="rust")
    >>> _ = service.add_document("What is Python? Python is a language.", metadata={"level": 1})
    >>> result = service.query("What is Python?")
    >>> result.score > 0.8, result.retrieved_documents[0].metadata["level"]
    (True, 1)
    """

    def __init__(
        self,
        evaluation_backend: str = "rust",
        folder: Optional[Union[str, "os.PathLike[str]"]] = None,
        embedder: Optional[Union[Embedder, str, "os.PathLike[str]"]] = None,
    ) -> None:
        if evaluation_backend != "rust":
            raise ValueError(f"evaluation_backend: {evaluation_backend!r} is not known; the only one is 'rust'")
        self.evaluation_backend = evaluation_backend
        self._embedder = embedder_of(embedder)
        self._database = None if folder is None else Database(folder, embedder=self._embedder)
        self._domains: Dict[str, Once] = {}
        if self._database is not None:
            self._domains = {name: Once(self._database[name]) for name in self._database}

    def close(self) -> None:
        """Closes the collections of all domains, and the folder."""
        for domain in list(self._domains.values()):
            domain.close()
        if self._database is not None:
            self._database.close()

    def add_document(
        self,
        content: str,
        domain: str = DOMAIN,
        source: str = "api",
        metadata: Optional[Mapping[str, Any]] = None,
        document_id: Optional[str] = None,
    ) -> str:
        """Stores a document and gives its id; one with this id is replaced.

        Args:
            content: The text.
            domain: Where it belongs.
            source: Where it is from; `source` of the metadata unless they have one.
            metadata: Anything else.
            document_id: Its id; a new one if none is given.

        >>> RAGService().add_document("a wing", document_id="a")
        'a'
        """
        id = document_id or str(uuid.uuid4())
        collection = self._domains.setdefault(domain, Once()).get(lambda: self._create(domain))
        payload = {"source": source, **(metadata or {})}
        collection.upsert({"id": id, "text": content, "payload": payload})
        return id

    def _create(self, domain: str) -> Collection:
        if self._database is None:
            return in_memory(embedder=self._embedder, text=[TEXT])
        return self._database.create(domain, embed=self._embedder is not None, text=[TEXT])

    def query(
        self,
        query: str,
        domain: str = DOMAIN,
        n_results: int = 5,
        metadata_filter: Optional[Mapping[str, Any]] = None,
    ) -> RAGQueryResult:
        """Finds the documents of a domain for a question.

        Args:
            query: The question.
            domain: The domain; one without documents gives none.
            n_results: Most documents wanted, from 1.
            metadata_filter: Values by key, which all must match.

        Raises:
            ValidationException: `n_results` is below 1.
        """
        if n_results < 1:
            fault = {"n_results": "a number from 1 is expected"}
            raise ValidationException(f"n_results: {n_results} is below 1", fault, "INVALID_N_RESULTS")
        collection = self._domains.get(domain, Once()).there
        if collection is None:
            return RAGQueryResult(query, domain)
        found = collection.search(
            query,
            mode="text" if self._embedder is None else "vector",
            filter=dict(metadata_filter) if metadata_filter else None,
            limit=n_results,
            with_text=True,
        )
        texts = [(hit.text or {}).get(TEXT, "") for hit in found]
        if self._embedder is None:
            scores = _native.lexical_scores(query, texts)
        else:
            scores = [max(0.0, hit.score) for hit in found]
        documents = [
            RetrievedDocument(hit.id, text, hit.payload or {}, score) for hit, text, score in zip(found, texts, scores)
        ]
        documents.sort(key=lambda document: document.score, reverse=True)
        return RAGQueryResult(query, domain, documents, _context(documents))

    async def query_rag(
        self,
        query: str,
        domain: str = DOMAIN,
        n_results: int = 5,
        metadata_filter: Optional[Mapping[str, Any]] = None,
    ) -> RAGQueryResult:
        """Finds like `query`, and blocks no event loop: what `RAGEvaluator` calls."""
        return await asyncio.to_thread(self.query, query, domain, n_results, metadata_filter)


def _context(documents: List[RetrievedDocument]) -> str:
    parts = [
        f"--- Context {number} (Source: {document.metadata.get('source', 'unknown')}) ---\n{document.content}"
        for number, document in enumerate(documents[:CONTEXT_DOCUMENTS], 1)
    ]
    return "\n\n".join(parts)
