"""Models: embedders and rerankers of a folder, and Python callables in their place."""

from __future__ import annotations

import functools
import hashlib
import os
from typing import TYPE_CHECKING, Any, Callable, Dict, List, NamedTuple, Optional, Sequence, Tuple, Type, TypeVar, Union

from ._lexivec import RawEmbedder, RawReranker
from .errors import InvalidArgument

if TYPE_CHECKING:
    import numpy as np

    from ._requests import Vector

M = TypeVar("M")
#: What makes a model again, and its arguments.
Made = Tuple[Callable[..., Any], Tuple[Any, ...]]


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
        _check_callable("call", call)
        if query is not None:
            _check_callable("query", query)
        for what, number in (("dim", dim), ("batch_size", batch_size)):
            if number < 1:
                raise InvalidArgument(f"{what}: {number} is below 1")
        again = functools.partial(
            Embedder,
            dim=dim,
            name=name,
            fingerprint=fingerprint,
            query=query,
            batch_size=batch_size,
            contextual=contextual,
        )
        self._made: Made = again, (call,)
        fingerprint = name if fingerprint is None else fingerprint
        digest = hashlib.md5(fingerprint.encode(), usedforsecurity=False).hexdigest()
        self._raw = RawEmbedder.callable(call, query, name, digest, dim, batch_size, contextual)

    @classmethod
    def open(cls, folder: Union[str, "os.PathLike[str]"], *, precision: Optional[str] = None) -> "Embedder":
        """The model in a folder; `precision` is `"f32"` or another that the model has."""
        made, where = cls.__new__(cls), os.path.abspath(folder)
        made._raw = RawEmbedder.folder(where, precision)
        made._made = functools.partial(Embedder.open, precision=precision), (where,)
        return made

    def __reduce__(self) -> Made:
        # What it calls decides with the pickler whether it can travel: cloudpickle takes lambdas too.
        return self._made

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
        _check_callable("call", call)
        if batch_size < 1:
            raise InvalidArgument(f"batch_size: {batch_size} is below 1")
        self._made: Made = functools.partial(Reranker, name=name, batch_size=batch_size), (call,)
        self._raw = RawReranker.callable(call, name, batch_size)

    @classmethod
    def open(cls, folder: Union[str, "os.PathLike[str]"]) -> "Reranker":
        """The cross-encoder in a folder."""
        made, where = cls.__new__(cls), os.path.abspath(folder)
        made._raw = RawReranker.folder(where)
        made._made = Reranker.open, (where,)
        return made

    def __reduce__(self) -> Made:
        # What it calls decides with the pickler whether it can travel: cloudpickle takes lambdas too.
        return self._made

    @property
    def name(self) -> str:
        """Its name."""
        return self._raw.name

    def __repr__(self) -> str:
        return f"Reranker(name={self.name!r})"


def _check_callable(what: str, call: Any) -> None:
    if not callable(call):
        raise InvalidArgument(f"{what}: {call!r} cannot be called; give a function, or open a folder with .open(folder)")


#: An embedder, or the folder of one.
AnyEmbedder = Union[Embedder, str, "os.PathLike[str]"]
#: A reranker, or the folder of one.
AnyReranker = Union[Reranker, str, "os.PathLike[str]"]


def embedder_of(model: Optional[AnyEmbedder]) -> Optional[Embedder]:
    """An embedder, or that of a folder."""
    return Embedder.open(model) if isinstance(model, (str, os.PathLike)) else _checked("embedder", model, Embedder)


def reranker_of(model: Optional[AnyReranker]) -> Optional[Reranker]:
    """A reranker, or that of a folder."""
    return Reranker.open(model) if isinstance(model, (str, os.PathLike)) else _checked("reranker", model, Reranker)


def _checked(what: str, model: Any, kind: Type[M]) -> Optional[M]:
    if model is None or isinstance(model, kind):
        return model
    raise InvalidArgument(f"{what}: {model!r} is neither a lexivec.{kind.__name__} nor the folder of a model")


class Models(NamedTuple):
    """The models of a collection."""

    embedder: Optional[Embedder] = None
    reranker: Optional[Reranker] = None

    def raw(self) -> Tuple[Optional[RawEmbedder], Optional[RawReranker]]:
        """Their native parts."""
        embedder, reranker = self
        return None if embedder is None else embedder._raw, None if reranker is None else reranker._raw


def models_of(embedder: Optional[AnyEmbedder], reranker: Optional[AnyReranker]) -> Models:
    """Models, of which a folder is opened."""
    return Models(embedder_of(embedder), reranker_of(reranker))
