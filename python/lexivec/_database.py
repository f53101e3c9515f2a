"""A directory of collections."""

from __future__ import annotations

import os
from typing import Any, Iterator, List, Mapping, Optional, Sequence, Union

from ._closing import Handle
from ._collection import Collection, Path, options_of
from ._lexivec import RawCollection, RawDatabase
from ._models import AnyEmbedder, AnyReranker, Models, models_of


class Database(Handle):
    """A directory of collections, each under its name. It is made if it is not there.

    >>> import lexivec, tempfile
    >>> with lexivec.Database(tempfile.mkdtemp()) as shelves:
    ...     _ = shelves.create("papers", dim=384)
    ...     shelves.names()
    ['papers']
    """

    def __init__(
        self,
        path: Path,
        *,
        embedder: Optional[AnyEmbedder] = None,
        reranker: Optional[AnyReranker] = None,
    ) -> None:
        self._path = os.path.abspath(path)
        self._models = models_of(embedder, reranker)
        self._raw = RawDatabase(self._path, *self._models.raw())

    def create(
        self,
        name: str,
        *,
        dim: Optional[int] = None,
        metric: Optional[str] = None,
        embed: bool = False,
        text: Optional[Union[str, Sequence[Union[str, Mapping[str, Any]]]]] = None,
        vectors: Optional[Union[Mapping[str, int], Sequence[Mapping[str, Any]]]] = None,
        tokens: Optional[int] = None,
        embed_tokens: bool = False,
        **options: Any,
    ) -> Collection:
        """Creates a collection; with `embed` the database's embedder makes its vectors. See `lexivec.create`."""
        made = options_of(None, dim, metric, text, vectors, tokens, options)
        raw = self._raw.create(name, made, self._models.raw()[0] if embed else None, embed_tokens)
        return self._collection(name, raw)

    def __getitem__(self, name: str) -> Collection:
        """The collection of this name; a missing one is a `KeyError`."""
        return self._collection(name, self._raw.get(name))

    def _collection(self, name: str, raw: RawCollection) -> Collection:
        # The database's embedder is the model of those collections that were made with one.
        embedder = self._models.embedder if raw.schema.get("embedder") else None
        return Collection(raw, os.fspath(self._raw.path_of(name)), Models(embedder, self._models.reranker))

    def __contains__(self, name: object) -> bool:
        return name in self.names()

    def __iter__(self) -> Iterator[str]:
        return iter(self.names())

    def __len__(self) -> int:
        return len(self.names())

    def names(self) -> List[str]:
        """The names of the collections."""
        return self._raw.names()

    def drop(self, name: str, *, snapshots: bool = False) -> None:
        """Removes a collection; with `snapshots` also one that has some."""
        self._raw.drop(name, snapshots)

    @property
    def path(self) -> str:
        """The directory."""
        return self._path

    def close(self) -> None:
        """Closes the database. Collections that are held go on."""
        self._raw.close()

    def __reduce__(self) -> Any:
        raise TypeError("a database is open for writing in this process alone; pickle its collections, or its path")

    def __repr__(self) -> str:
        return f"Database({self._path!r})"
