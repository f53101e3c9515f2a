"""Documents with embeddings in named collections, in one folder: what the platform keeps in ChromaDB.

Distances are squared Euclidean, as those of a ChromaDB collection without settings. A document whose id is there
already is replaced, and several keys of a filter must all match; ChromaDB dropped such a document and refused such a
filter.
"""

from __future__ import annotations

import logging
import os
import re
import threading
from contextlib import contextmanager
from datetime import datetime, timezone
from typing import Any, Dict, Iterator, List, Mapping, Optional, Sequence, Tuple, Union

from ..._closing import Handle
from ..._database import Database
from ..._frameworks import Once, hits
from ..exceptions import RAGException, ValidationException

__all__ = ["RAGDAO", "RAGCollection"]

logger = logging.getLogger(__name__)

#: Names that a collection may have: it is a directory.
NAME = re.compile(r"[a-z0-9][a-z0-9_-]{0,62}")
#: The one text of a document.
TEXT = "text"
#: An id, a text, an embedding and metadata.
Entry = Tuple[str, str, Sequence[float], Mapping[str, Any]]


class RAGCollection:
    """A collection of a store. Its directory is made with the first document, whose embedding decides the dimension.

    >>> import tempfile
    >>> dao = RAGDAO(tempfile.mkdtemp())
    >>> notes = dao.initialize_collections([{"name": "notes", "description": "Notes"}])["notes"]
    >>> notes.name, notes.metadata, notes.count()
    ('notes', {'description': 'Notes'}, 0)
    """

    def __init__(self, database: Database, name: str, description: str) -> None:
        self.name = name
        self.metadata = {"description": description}
        self._database = database
        self._once = Once(database[name] if name in database else None)

    def count(self) -> int:
        """Documents in it."""
        return 0 if self._once.there is None else len(self._once.there)

    def add(self, entries: Sequence[Entry]) -> None:
        """Writes documents, all or none."""
        import numpy as np

        vectors = np.asarray([entry[2] for entry in entries], dtype=np.float32)
        if vectors.ndim != 2:
            raise ValueError("every embedding is a list of numbers, and all have equally many")
        dim = int(vectors.shape[1])
        collection = self._once.get(lambda: self._database.create(self.name, dim=dim, metric="l2", text=[TEXT]))
        collection.upsert(
            ids=[entry[0] for entry in entries],
            texts=[entry[1] for entry in entries],
            vectors=vectors,
            payloads=[dict(entry[3] or {}) for entry in entries],
        )

    def query(
        self, embedding: Sequence[float], n_results: int, filter: Optional[Mapping[str, Any]]
    ) -> List[Tuple[str, str, Dict[str, Any], float]]:
        """Ids, texts, metadata and squared distances of the nearest documents, the nearest first."""
        if n_results < 1:
            raise ValueError(f"n_results: {n_results} is below 1; give the number of documents that is wanted")
        if self._once.there is None:
            return []
        given = dict(filter) if filter else None
        found = hits(self._once.there, limit=n_results, vector=embedding, mode="vector", filter=given, with_text=True)
        # The score of this metric is the squared distance with its sign turned.
        return [(hit.id, (hit.text or {}).get(TEXT, ""), hit.payload or {}, abs(hit.score)) for hit in found]

    def delete(self, document_id: str) -> None:
        """Deletes a document; one that is not there is passed over."""
        if self._once.there is not None:
            self._once.there.delete(document_id)

    def update(self, document_id: str, metadata: Mapping[str, Any]) -> None:
        """Sets keys of a document's metadata, and removes those that are None."""
        if self._once.there is not None:
            self._once.there.patch(document_id, metadata)

    def close(self) -> None:
        """Closes it."""
        self._once.close()

    def __repr__(self) -> str:
        return f"RAGCollection({self.name!r}, documents={self.count()})"


class RAGDAO(Handle):
    """A store of collections in a folder. What it wrote is there when the folder is opened again.

    Args:
        folder: The folder; it is made if it is not there. One object at a time may have it open.

    Attributes:
        collections: The collections that were initialized, by name.

    >>> import tempfile
    >>> dao = RAGDAO(tempfile.mkdtemp())
    >>> _ = dao.initialize_collections([{"name": "labs", "description": "Lab notes"}])
    >>> dao.add_document_to_collection("labs", "a", "a wing", [1.0, 0.0], {"week": 1})
    True
    >>> found = dao.query_collection("labs", [0.0, 0.0], metadata_filter={"week": {"$gte": 1}})
    >>> found["ids"], found["distances"], found["metadatas"]
    ([['a']], [[1.0]], [[{'week': 1}]])
    """

    def __init__(self, folder: Union[str, "os.PathLike[str]"]) -> None:
        self.client = Database(folder)
        self.collections: Dict[str, RAGCollection] = {}
        self._known: Dict[str, RAGCollection] = {}
        self._lock = threading.Lock()

    def close(self) -> None:
        """Closes every collection, and the folder."""
        for collection in list(self._known.values()):
            collection.close()
        self.client.close()

    def initialize_collections(self, collection_configs: Sequence[Mapping[str, Any]]) -> Dict[str, RAGCollection]:
        """Opens collections, and makes those that are not there: dictionaries with `name` and `description`.

        Raises:
            RAGException: `COLLECTION_INIT_FAILED`; the details name the collection.
        """
        collections = {}
        for config in collection_configs:
            details = {"collection_name": config.get("name"), "collection_config": dict(config)}
            with _failing("Failed to initialize collection", "COLLECTION_INIT_FAILED", details):
                name = config["name"]
                if not NAME.fullmatch(name):
                    raise ValueError(f"{name!r} is refused; use 1 to 63 of a-z, 0-9, '_', '-', a letter or digit first")
                with self._lock:
                    if name not in self._known:
                        self._known[name] = RAGCollection(self.client, name, config["description"])
                collections[name] = self._known[name]
        self.collections = collections
        return collections

    def add_document_to_collection(
        self,
        collection_name: str,
        document_id: str,
        content: str,
        embedding: Sequence[float],
        metadata: Mapping[str, Any],
    ) -> bool:
        """Writes a document; one with this id is replaced. Gives True.

        Raises:
            ValidationException: `COLLECTION_NOT_FOUND`.
            RAGException: `DOCUMENT_ADD_FAILED`, as for an embedding of another dimension.

        >>> import tempfile
        >>> dao = RAGDAO(tempfile.mkdtemp())
        >>> try:
        ...     dao.add_document_to_collection("labs", "a", "a wing", [1.0, 0.0], {})
        ... except ValidationException as error:
        ...     print(error.error_code)
        COLLECTION_NOT_FOUND
        """
        collection = self._collection(collection_name, "COLLECTION_NOT_FOUND")
        details = {"collection_name": collection_name, "document_id": document_id, "metadata": metadata}
        with _failing("Failed to add document to collection", "DOCUMENT_ADD_FAILED", details):
            collection.add([(document_id, content, embedding, metadata)])
        return True

    def query_collection(
        self,
        collection_name: str,
        query_embedding: Sequence[float],
        n_results: int = 5,
        metadata_filter: Optional[Mapping[str, Any]] = None,
        include_metadata: bool = True,
        include_distances: bool = True,
    ) -> Dict[str, Any]:
        """Gives the nearest documents, the nearest first.

        Args:
            collection_name: The collection.
            query_embedding: The numbers of the query.
            n_results: Documents wanted; all if there are fewer.
            metadata_filter: Values by key, which all must match; the operators are those of ChromaDB and `$exists`.
            include_metadata: False for `metadatas` None.
            include_distances: False for `distances` None.

        Returns:
            `ids`, `documents`, `metadatas` and `distances`, each a list with one list.

        Raises:
            ValidationException: `QUERY_COLLECTION_NOT_FOUND`.
            RAGException: `COLLECTION_QUERY_FAILED`, as for an embedding of another dimension.
        """
        collection = self._collection(collection_name, "QUERY_COLLECTION_NOT_FOUND")
        details = {
            "collection_name": collection_name,
            "n_results": n_results,
            "has_filters": bool(metadata_filter),
        }
        with _failing("Failed to query collection", "COLLECTION_QUERY_FAILED", details):
            found = collection.query(query_embedding, n_results, metadata_filter)
        parts = {"metadatas": include_metadata, "distances": include_distances}
        return {
            "ids": [[row[0] for row in found]],
            "embeddings": None,
            "documents": [[row[1] for row in found]],
            "uris": None,
            "included": ["documents", *(name for name, wanted in parts.items() if wanted)],
            "data": None,
            "metadatas": [[row[2] for row in found]] if include_metadata else None,
            "distances": [[row[3] for row in found]] if include_distances else None,
        }

    def get_collection_stats(self, collection_name: str) -> Dict[str, Any]:
        """Gives `collection_name`, `document_count` and `last_updated`, the present time in UTC.

        Raises:
            ValidationException: `STATS_COLLECTION_NOT_FOUND`.
        """
        collection = self._collection(collection_name, "STATS_COLLECTION_NOT_FOUND")
        details = {"collection_name": collection_name}
        with _failing("Failed to get collection statistics", "COLLECTION_STATS_FAILED", details):
            count = collection.count()
        return {"collection_name": collection_name, "document_count": count, "last_updated": _now()}

    def get_all_collection_stats(self) -> Dict[str, Dict[str, Any]]:
        """Gives the statistics of each collection by name; of one that cannot be read `error` and a count of 0."""
        stats: Dict[str, Dict[str, Any]] = {}
        for name in self.collections:
            try:
                stats[name] = self.get_collection_stats(name)
            except RAGException as error:
                logger.warning("no statistics of %s: %s", name, error.original_exception)
                stats[name] = {"error": error.message, "document_count": 0}
        return stats

    def delete_document(self, collection_name: str, document_id: str) -> bool:
        """Deletes a document. Gives True, for one that is not there as well.

        Raises:
            ValidationException: `DELETE_COLLECTION_NOT_FOUND`.
            RAGException: `DOCUMENT_DELETE_FAILED`.
        """
        collection = self._collection(collection_name, "DELETE_COLLECTION_NOT_FOUND")
        details = {"collection_name": collection_name, "document_id": document_id}
        with _failing("Failed to delete document from collection", "DOCUMENT_DELETE_FAILED", details):
            collection.delete(document_id)
        return True

    def update_document_metadata(
        self, collection_name: str, document_id: str, new_metadata: Mapping[str, Any]
    ) -> bool:
        """Sets keys of a document's metadata; the others, the text and the embedding stay. Gives True.

        Raises:
            ValidationException: `UPDATE_COLLECTION_NOT_FOUND`.
            RAGException: `METADATA_UPDATE_FAILED`.
        """
        collection = self._collection(collection_name, "UPDATE_COLLECTION_NOT_FOUND")
        details = {
            "collection_name": collection_name,
            "document_id": document_id,
            "new_metadata": new_metadata,
        }
        with _failing("Failed to update document metadata", "METADATA_UPDATE_FAILED", details):
            collection.update(document_id, new_metadata)
        return True

    def batch_add_documents(self, collection_name: str, documents: Sequence[Entry]) -> int:
        """Writes documents, all or none: tuples of id, text, embedding, metadata. Gives how many there are.

        Raises:
            ValidationException: `BATCH_COLLECTION_NOT_FOUND`.
            RAGException: `BATCH_ADD_FAILED`; nothing was written.

        >>> import tempfile
        >>> dao = RAGDAO(tempfile.mkdtemp())
        >>> _ = dao.initialize_collections([{"name": "labs", "description": "Lab notes"}])
        >>> dao.batch_add_documents("labs", [("a", "wing", [1.0, 0.0], {}), ("b", "heat", [0.0, 1.0], {})])
        2
        """
        collection = self._collection(collection_name, "BATCH_COLLECTION_NOT_FOUND")
        if not documents:
            return 0
        details = {"collection_name": collection_name, "document_count": len(documents)}
        with _failing("Failed to batch add documents to collection", "BATCH_ADD_FAILED", details):
            collection.add(documents)
        return len(documents)

    def health_check(self) -> Dict[str, Any]:
        """Gives `status` (`"healthy"` or `"degraded"`) and that of each collection with its count."""
        health: Dict[str, Dict[str, Any]] = {}
        for name, collection in self.collections.items():
            try:
                health[name] = {"status": "healthy", "document_count": collection.count()}
            except Exception as error:
                health[name] = {"status": "unhealthy", "error": str(error)}
        healthy = all(state["status"] == "healthy" for state in health.values())
        return {
            "status": "healthy" if healthy else "degraded",
            "collections_initialized": len(self.collections),
            "collection_health": health,
            "timestamp": _now(),
        }

    def _collection(self, name: str, error_code: str) -> RAGCollection:
        collection = self.collections.get(name)
        if collection is None:
            raise ValidationException(
                "Collection not found",
                {"collection": f"Collection {name!r} is not initialized"},
                error_code,
                {"available_collections": list(self.collections)},
            )
        return collection


def _now() -> str:
    return datetime.now(timezone.utc).isoformat()


@contextmanager
def _failing(message: str, error_code: str, details: Mapping[str, Any]) -> Iterator[None]:
    """Raises a `RAGException` in place of what is raised inside."""
    try:
        yield
    except Exception as error:
        raise RAGException(f"{message}: {error}", error_code, details, error) from error
