"""Models: embedders and rerankers of a folder, and Python callables in their place."""

from __future__ import annotations

import hashlib
import os
from typing import TYPE_CHECKING, Any, Callable, Dict, List, Optional, Sequence, Union

from ._lexivec import RawEmbedder, RawReranker

if TYPE_CHECKING:
    import numpy as np

    from ._requests import Vector


class Embedder:
    """A model that turns texts into vectors.

    `Embedder.open(folder)` opens a model that runs in the process, without Python and without the GIL: a static model
    (Model2Vec) or a sentence transformer with its `tokenizer.json` and `safetensors`. `Embedder(call, ...)` takes any
    callable.

    Args:
        call: Takes a list of texts; gives a vector for each, as lists or as an array, or None for a text without one.
        dim: Components of every vector.
        name: Its name, recorded in the collection.
        fingerprint: What decides its output: another text than at the creation of a collection is refused when it is
            opened. By default the name.
        query: Takes the text of a query, for models that embed queries otherwise; by default `call`.
        batch_size: Most texts of one call.
        contextual: False for models whose vector of a word does not depend on the words around it.

    >>> import lexivec
    >>> lengths = lexivec.Embedder(lambda texts: [[len(text), 1.0] for text in texts], dim=2, name="lengths")
    >>> notes = lexivec.in_memory(embedder=lengths)
    >>> _ = notes.upsert([{"id": "a", "text": "wing"}, {"id": "b", "text": "boundary layer"}])
    >>> notes.search("slip", mode="vector").ids()
    ['a', 'b']
    """

    def __init__(
        self,
        call: Callable[[List[str]], Any],
        *,
        dim: int,
        name: str = "python",
        fingerprint: Optional[str] = None,
        query: Optional[Callable[[str], Optional[Vector]]] = None,
        batch_size: int = 64,
        contextual: bool = True,
    ) -> None:
        fingerprint = name if fingerprint is None else fingerprint
        digest = hashlib.md5(fingerprint.encode(), usedforsecurity=False).hexdigest()
        self._raw = RawEmbedder.callable(call, query, name, digest, dim, batch_size, contextual)

    @classmethod
    def open(cls, folder: Union[str, "os.PathLike[str]"], *, precision: Optional[str] = None) -> "Embedder":
        """The model in a folder; `precision` is `"f32"` or another that the model has."""
        made = cls.__new__(cls)
        made._raw = RawEmbedder.folder(os.fspath(folder), precision)
        return made

    @property
    def name(self) -> str:
        """Its name."""
        return self._raw.name

    @property
    def dim(self) -> int:
        """Components of every vector."""
        return self._raw.dim

    @property
    def fingerprint(self) -> str:
        """The hash that collections record, 32 hexadecimal digits."""
        return self._raw.hash

    def embed(self, texts: Sequence[str]) -> List[Optional[List[float]]]:
        """One vector a text; None for a text without one."""
        return self._raw.embed(list(texts))

    def embed_query(self, text: str) -> Optional[List[float]]:
        """The vector of a query."""
        return self._raw.embed_query(text)

    def __repr__(self) -> str:
        return f"Embedder(name={self.name!r}, dim={self.dim})"


class Reranker:
    """A scorer of the best rows of a search, for requests with `rerank="model"`.

    `Reranker.open(folder)` opens a cross-encoder that runs in the process. `Reranker(call, ...)` takes any callable.

    Args:
        call: Takes the query's text and a list of candidates, dictionaries with `id`, `rank`, `score`, `text` (texts
            by field) and `payload`; gives a number for each, higher is better. If it fails, the answer is in fused
            order and says why.
        name: Its name, for messages.
        batch_size: Most candidates of one call.

    >>> import lexivec
    >>> shorter = lexivec.Reranker(lambda query, rows: [-len(row["text"]["text"]) for row in rows], name="shorter")
    >>> notes = lexivec.in_memory(reranker=shorter)
    >>> _ = notes.upsert([{"id": "a", "text": "wing of a bird"}, {"id": "b", "text": "wing"}])
    >>> notes.search("wing", rerank="model").ids()
    ['b', 'a']
    """

    def __init__(
        self,
        call: Callable[[Optional[str], List[Dict[str, Any]]], Sequence[float]],
        *,
        name: str = "python",
        batch_size: int = 256,
    ) -> None:
        self._raw = RawReranker.callable(call, name, batch_size)

    @classmethod
    def open(cls, folder: Union[str, "os.PathLike[str]"]) -> "Reranker":
        """The cross-encoder in a folder."""
        made = cls.__new__(cls)
        made._raw = RawReranker.folder(os.fspath(folder))
        return made

    @property
    def name(self) -> str:
        """Its name."""
        return self._raw.name

    def __repr__(self) -> str:
        return f"Reranker(name={self.name!r})"


#: An embedder, or the folder of one.
AnyEmbedder = Union[Embedder, str, "os.PathLike[str]"]
#: A reranker, or the folder of one.
AnyReranker = Union[Reranker, str, "os.PathLike[str]"]


def raw_embedder(model: Optional[AnyEmbedder]) -> Optional[RawEmbedder]:
    """The native part of an embedder or of the model in a folder."""
    if model is None:
        return None
    if isinstance(model, Embedder):
        return model._raw
    return Embedder.open(model)._raw


def raw_reranker(model: Optional[AnyReranker]) -> Optional[RawReranker]:
    """The native part of a reranker or of the model in a folder."""
    if model is None:
        return None
    if isinstance(model, Reranker):
        return model._raw
    return Reranker.open(model)._raw
