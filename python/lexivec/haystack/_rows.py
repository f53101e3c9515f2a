"""Documents of Haystack as rows of a collection, and rows as documents."""

from __future__ import annotations

import base64
from typing import Any, Dict, Mapping, Optional

import numpy as np
from haystack.dataclasses import ByteStream, Document, SparseEmbedding

from .._documents import Document as Row
from .._frameworks import ordered, restored
from .._lexivec import Hit
from .._reading import Reader


def row_of(document: Document, written: int, cosine: bool, exact: bool) -> Dict[str, Any]:
    """The row of a document.

    `written` is its place in the order of writes. The payload has the embedding as it was given where it is not what
    is searched: a zero vector has no direction, so under the cosine such a document is kept, but not found by
    embedding; and with `exact` where 32 bits a number do not hold it.
    """
    payload: Dict[str, Any] = {"meta": ordered(document.meta), "written": written}
    row: Dict[str, Any] = {"id": document.id, "payload": payload}
    if document.content is not None:
        row["text"] = document.content
    if document.score is not None:
        payload["score"] = float(document.score)
    if document.embedding is not None:
        given = np.asarray(document.embedding, dtype="<f8")
        vector = given.astype(np.float32)
        searched = not cosine or bool(vector.any())
        if searched:
            row["vector"] = vector
        if not searched or (exact and not np.array_equal(vector, given)):
            payload["embedding"] = base64.b64encode(given.tobytes()).decode()
    if document.blob is not None:
        blob = document.blob
        data = base64.b64encode(blob.data).decode()
        payload["blob"] = {"data": data, "mime_type": blob.mime_type, "meta": ordered(blob.meta)}
    if document.sparse_embedding is not None:
        payload["sparse_embedding"] = document.sparse_embedding.to_dict()
    return row


def _document(id: str, content: Optional[str], payload: Mapping[str, Any], vector: Any, score: Any) -> Document:
    embedding = None if vector is None else vector.tolist()
    if "embedding" in payload:
        embedding = np.frombuffer(base64.b64decode(payload["embedding"]), dtype="<f8").tolist()
    blob, sparse = payload.get("blob"), payload.get("sparse_embedding")
    if blob is not None:
        blob = ByteStream(base64.b64decode(blob["data"]), meta=restored(blob["meta"]), mime_type=blob["mime_type"])
    return Document(
        id=id,
        content=content,
        blob=blob,
        meta=restored(payload["meta"]),
        score=score,
        embedding=embedding,
        sparse_embedding=None if sparse is None else SparseEmbedding.from_dict(sparse),
    )


def document_of(row: Row) -> Document:
    """The document of a row, as it was written."""
    content = row.text.get("text") if isinstance(row.text, dict) else row.text
    return _document(row.id, content, row.payload, row.vector, row.payload.get("score"))


def found_document(view: Reader, hit: Hit, score: float, with_embedding: bool) -> Document:
    """The document of a hit."""
    payload = dict(hit.payload or {})
    vector = view[hit.id].vector if with_embedding else None
    if not with_embedding:
        payload.pop("embedding", None)
    return _document(hit.id, (hit.text or {}).get("text"), payload, vector, score)
