"""Collections for `async` code: every call is awaited, and runs on another thread, so that the event loop goes on.

>>> import asyncio, lexivec
>>> async def main():
...     notes = lexivec.in_memory().aio
...     await notes.upsert({"id": "a", "text": "a wing"})
...     return (await notes.search("wing")).ids()
>>> asyncio.run(main())
['a']
"""

from __future__ import annotations

import asyncio
from types import TracebackType
from typing import TYPE_CHECKING, Any, AsyncIterator, Optional, Type, TypeVar

from . import _collection
from ._awaited import awaited, off_the_loop
from ._closing import Handle
from ._collection import Collection
from ._database import Database
from ._reading import SCAN_ROWS, Cursor, Reader, Searcher
from ._documents import Document

if TYPE_CHECKING:
    from ._lexivec import Answer
    from ._requests import Filter

H = TypeVar("H", bound="AsyncHandle")


class Twin:
    """An object whose calls are awaited: those of another one, on another thread."""

    def __init__(self, of: Any) -> None:
        self._of = of


class AsyncHandle(Twin):
    """A handle that `async with` closes."""

    close = awaited(Handle.close, "_of")

    async def __aenter__(self: H) -> H:
        return self

    async def __aexit__(
        self,
        kind: Optional[Type[BaseException]],
        error: Optional[BaseException],
        trace: Optional[TracebackType],
    ) -> None:
        await self.close()


class AsyncReader(Twin):
    """The reads of a collection, awaited; see `lexivec.Collection` for each of them."""

    search = awaited(Reader.search, "_of")
    search_many = awaited(Reader.search_many, "_of")
    explain = awaited(Reader.explain, "_of")  # type: ignore[arg-type]
    why_not = awaited(Reader.why_not, "_of")  # type: ignore[arg-type]
    suggest = awaited(Reader.suggest, "_of")  # type: ignore[arg-type]
    get = awaited(Reader.get, "_of")
    count = awaited(Reader.count, "_of")
    facet = awaited(Reader.facet, "_of")
    recall = awaited(Reader.recall, "_of")
    tune = awaited(Reader.tune, "_of")

    async def cursor(self, text: Optional[str] = None, *, reach: int = 1_000, **options: Any) -> "AsyncCursor":
        """Ranks up to `reach` hits once, and gives them page by page."""
        return AsyncCursor(await asyncio.to_thread(self._of.cursor, text, reach=reach, **options))

    async def scan(
        self, filter: Optional[Filter] = None, *, after: Optional[str] = None
    ) -> AsyncIterator[Document]:
        """All rows that a filter admits, in the order of their ids, of one state of the collection."""
        view = await asyncio.to_thread(self._of._view)
        while True:
            rows, after = await asyncio.to_thread(view.scroll, filter, after, SCAN_ROWS)
            for row in rows:
                yield Document(**row)
            if after is None:
                return


class AsyncCursor(Twin):
    """One ranked list, read page by page, awaited."""

    _of: Cursor

    next = awaited(Cursor.next, "_of")
    page = awaited(Cursor.page, "_of")

    async def pages(self, limit: int = 10) -> AsyncIterator[Answer]:
        """The pages that are left."""
        while len(page := await self.next(limit)):
            yield page


class AsyncSearcher(AsyncReader):
    """A read view of one state of a collection, awaited."""

    _of: Searcher


class AsyncCollection(AsyncHandle, AsyncReader):
    """A collection whose calls are awaited; `Collection.aio` gives that of an open one."""

    _of: Collection

    refresh = awaited(Collection.refresh, "_of")
    upsert = awaited(Collection.upsert, "_of")
    add = upsert
    check = awaited(Collection.check, "_of")
    patch = awaited(Collection.patch, "_of")
    delete = awaited(Collection.delete, "_of")
    delete_where = awaited(Collection.delete_where, "_of")
    flush = awaited(Collection.flush, "_of")
    compact = awaited(Collection.compact, "_of")
    stats = awaited(Collection.stats, "_of")
    snapshot = awaited(Collection.snapshot, "_of")
    export = awaited(Collection.export, "_of")
    set_profile = awaited(Collection.set_profile, "_of")
    remove_profile = awaited(Collection.remove_profile, "_of")
    set_synonyms = awaited(Collection.set_synonyms, "_of")
    remove_synonyms = awaited(Collection.remove_synonyms, "_of")
    add_feedback = awaited(Collection.add_feedback, "_of")
    train_adapter = awaited(Collection.train_adapter, "_of")
    adapters = awaited(Collection.adapters, "_of")
    activate_adapter = awaited(Collection.activate_adapter, "_of")
    delete_adapter = awaited(Collection.delete_adapter, "_of")

    async def searcher(self) -> AsyncSearcher:
        """A read view of this moment."""
        return AsyncSearcher(await asyncio.to_thread(self._of.searcher))


class AsyncDatabase(AsyncHandle):
    """A directory of collections whose calls are awaited; `lexivec.aio.database` opens one."""

    _of: Database

    names = awaited(Database.names, "_of")
    drop = awaited(Database.drop, "_of")

    async def create(self, name: str, **options: Any) -> AsyncCollection:
        """Creates a collection; see `lexivec.Database.create`."""
        return AsyncCollection(await asyncio.to_thread(self._of.create, name, **options))

    async def get(self, name: str) -> AsyncCollection:
        """The collection of this name; a missing one is a `KeyError`."""
        return AsyncCollection(await asyncio.to_thread(self._of.__getitem__, name))


async def database(*args: Any, **options: Any) -> AsyncDatabase:
    """Opens a directory of collections; see `lexivec.Database`.

    >>> import tempfile
    >>> async def main():
    ...     async with await database(tempfile.mkdtemp()) as shelves:
    ...         papers = await shelves.create("papers")
    ...         return await shelves.names()
    >>> asyncio.run(main())
    ['papers']
    """
    return AsyncDatabase(await asyncio.to_thread(Database, *args, **options))


async def create(*args: Any, **options: Any) -> AsyncCollection:
    """Creates a collection; see `lexivec.create`."""
    return AsyncCollection(await asyncio.to_thread(_collection.create, *args, **options))


async def open(*args: Any, **options: Any) -> AsyncCollection:
    """Opens a collection for reading and writing; see `lexivec.open`."""
    return AsyncCollection(await asyncio.to_thread(_collection.open, *args, **options))


async def open_read_only(*args: Any, **options: Any) -> AsyncCollection:
    """Opens a collection for reading; see `lexivec.open_read_only`."""
    return AsyncCollection(await asyncio.to_thread(_collection.open_read_only, *args, **options))


async def in_memory(*args: Any, **options: Any) -> AsyncCollection:
    """Makes a collection in memory; see `lexivec.in_memory`."""
    return AsyncCollection(await asyncio.to_thread(_collection.in_memory, *args, **options))


verify = off_the_loop(_collection.verify)
repair = off_the_loop(_collection.repair)
import_collection = off_the_loop(_collection.import_collection)
restore = off_the_loop(_collection.restore)
snapshots = off_the_loop(_collection.snapshots)
reembed = off_the_loop(_collection.reembed)
reindex = off_the_loop(_collection.reindex)
