"""Haystack: a document store in a lexivec collection, and retrievers by embedding, by words (BM25) and by both.

`pip install lexivec[haystack]` brings what is needed. The content of a document is the text of a row, its embedding the
vector, its `meta` the member `meta` of the payload. Filters are Haystack's. Three things are as in `docs/filters.md`: a
list in the metadata satisfies a comparison if one of its elements does, 1 and true are not equal, and a date without an
offset is one in UTC. Haystack loads a saved pipeline with these classes by
`Pipeline.loads(text, allowed_modules=["lexivec.haystack.*"])`.

>>> from haystack import Document
>>> from lexivec.haystack import LexivecDocumentStore, LexivecHybridRetriever
>>> store = LexivecDocumentStore(embedding_dim=2)
>>> store.write_documents([
...     Document(id="a", content="a wing in a slipstream", embedding=[1.0, 0.0], meta={"year": 1958}),
...     Document(id="b", content="heat in a boundary layer", embedding=[0.0, 1.0], meta={"year": 1961}),
... ])
2
>>> retriever = LexivecHybridRetriever(store, top_k=1)
>>> [found.id for found in retriever.run(query="slipstream", query_embedding=[0.9, 0.1])["documents"]]
['a']
"""

from __future__ import annotations

try:
    import haystack.document_stores.types
except ImportError as error:
    raise ImportError(
        f"lexivec.haystack needs haystack-ai ({error}); install it by: pip install lexivec[haystack]"
    ) from error

from .document_store import LexivecDocumentStore
from .retrievers import LexivecBM25Retriever, LexivecEmbeddingRetriever, LexivecHybridRetriever

__all__ = ["LexivecBM25Retriever", "LexivecDocumentStore", "LexivecEmbeddingRetriever", "LexivecHybridRetriever"]
