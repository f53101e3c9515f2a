"""A directory of collections."""

from __future__ import annotations

import os
from typing import Any, Iterator, List, Mapping, Optional, Sequence, Union

from ._closing import Closing
from ._collection import Collection, Path, options_of
from ._lexivec import RawDatabase
from ._models import AnyEmbedder, AnyReranker, raw_embedder, raw_reranker


class Database(Closing):
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
        self._path = os.fspath(path)
        self._embedder = raw_embedder(embedder)
        self._raw = RawDatabase(self._path, self._embedder, raw_reranker(reranker))

    def create(
        self,
        name: str,
        *,
        dim: Optional[int] = None,
        metric: Optional[str] = None,
        embed: bool = False,
        text: Optional[Sequence[Union[str, Mapping[str, Any]]]] = None,
        vectors: Optional[Union[Mapping[str, int], Sequence[Mapping[str, Any]]]] = None,
        tokens: Optional[int] = None,
        embed_tokens: bool = False,
        **options: Any,
    ) -> Collection:
        """Creates a collection; with `embed` the database's embedder makes its vectors. See `lexivec.create`."""
        made = options_of(None, dim, metric, text, vectors, tokens, options)
        raw = self._raw.create(name, made, self._embedder if embed else None, embed_tokens)
        return Collection(raw, self._raw.path_of(name))

    def __getitem__(self, name: str) -> Collection:
        """The collection of this name; a missing one is a `KeyError`."""
        return Collection(self._raw.get(name), self._raw.path_of(name))

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

    def __repr__(self) -> str:
        return f"Database({self._path!r})"
