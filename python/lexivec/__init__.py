"""An embedded hybrid search engine: vectors and words in one index, fused, with scores that add up.

>>> import lexivec
>>> notes = lexivec.in_memory(dim=2)
>>> _ = notes.upsert([
...     {"id": "a", "text": "a wing in a slipstream", "vector": [1, 0], "payload": {"year": 1958}},
...     {"id": "b", "text": "heat in a boundary layer", "vector": [0, 1], "payload": {"year": 1961}},
... ])
>>> answer = notes.search("slipstream", vector=[0.9, 0.1], filter=lexivec.field("year") < 1960)
>>> answer.ids()
['a']
"""

from . import aio, errors, filters
from ._collection import (
    Collection,
    create,
    import_collection,
    in_memory,
    open,
    open_read_only,
    reembed,
    reindex,
    repair,
    restore,
    snapshots,
    verify,
)
from ._database import Database
from ._documents import Document
from ._lexivec import Answer, Group, Hit, __version__
from ._models import Embedder, Reranker
from ._reading import Cursor, Reader, Searcher
from ._requests import request
from .errors import LexivecError
from .filters import field

__all__ = [
    "Answer",
    "Collection",
    "Cursor",
    "Database",
    "Document",
    "Embedder",
    "Group",
    "Hit",
    "LexivecError",
    "Reader",
    "Reranker",
    "Searcher",
    "__version__",
    "aio",
    "create",
    "errors",
    "field",
    "filters",
    "import_collection",
    "in_memory",
    "open",
    "open_read_only",
    "reembed",
    "reindex",
    "repair",
    "request",
    "restore",
    "snapshots",
    "verify",
]
