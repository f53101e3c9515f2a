"""Collections for `async` code: every call is awaited, and runs on a thread that holds no event loop.

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
import functools
from types import TracebackType
from typing import TYPE_CHECKING, Any, AsyncIterator, Callable, Coroutine, Optional, Type, TypeVar

from . import _collection
from ._collection import Collection
from ._reading import SCAN_ROWS, Cursor, Reader, Searcher
from ._documents import Document

if TYPE_CHECKING:
    from typing_extensions import Concatenate, ParamSpec

    from ._lexivec import Answer
    from ._requests import Filter

    P = ParamSpec("P")
T = TypeVar("T")


def _twin(
    method: "Callable[Concatenate[Any, P], T]",
) -> "Callable[Concatenate[Any, P], Coroutine[Any, Any, T]]":
    """The coroutine of a method: same name, arguments and result."""

    @functools.wraps(method)
    async def twin(self: Any, *args: Any, **options: Any) -> T:
        return await asyncio.to_thread(method, self._of, *args, **options)

    return twin  # type: ignore[return-value]


class AsyncReader:
    """The reads of a collection, awaited; see `lexivec.Collection` for each of them."""

    def __init__(self, of: Any) -> None:
        self._of = of

    search = _twin(Reader.search)
    search_many = _twin(Reader.search_many)
    explain = _twin(Reader.explain)  # type: ignore[arg-type]
    why_not = _twin(Reader.why_not)  # type: ignore[arg-type]
    suggest = _twin(Reader.suggest)  # type: ignore[arg-type]
    get = _twin(Reader.get)
    count = _twin(Reader.count)
    facet = _twin(Reader.facet)
    recall = _twin(Reader.recall)
    tune = _twin(Reader.tune)

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


class AsyncCursor:
    """One ranked list, read page by page, awaited."""

    def __init__(self, of: Cursor) -> None:
        self._of = of

    next = _twin(Cursor.next)
    page = _twin(Cursor.page)

    async def pages(self, limit: int = 10) -> AsyncIterator[Answer]:
        """The pages that are left."""
        while len(page := await self.next(limit)):
            yield page


class AsyncSearcher(AsyncReader):
    """A read view of one state of a collection, awaited."""

    _of: Searcher


class AsyncCollection(AsyncReader):
    """A collection whose calls are awaited; `Collection.aio` gives that of an open one."""

    _of: Collection

    close = _twin(Collection.close)
    refresh = _twin(Collection.refresh)
    upsert = _twin(Collection.upsert)
    add = upsert
    check = _twin(Collection.check)
    patch = _twin(Collection.patch)
    delete = _twin(Collection.delete)
    delete_where = _twin(Collection.delete_where)
    flush = _twin(Collection.flush)
    compact = _twin(Collection.compact)
    stats = _twin(Collection.stats)
    snapshot = _twin(Collection.snapshot)
    export = _twin(Collection.export)
    set_profile = _twin(Collection.set_profile)
    remove_profile = _twin(Collection.remove_profile)
    set_synonyms = _twin(Collection.set_synonyms)
    remove_synonyms = _twin(Collection.remove_synonyms)
    add_feedback = _twin(Collection.add_feedback)
    train_adapter = _twin(Collection.train_adapter)
    adapters = _twin(Collection.adapters)
    activate_adapter = _twin(Collection.activate_adapter)
    delete_adapter = _twin(Collection.delete_adapter)

    async def searcher(self) -> AsyncSearcher:
        """A read view of this moment."""
        return AsyncSearcher(await asyncio.to_thread(self._of.searcher))

    async def __aenter__(self) -> "AsyncCollection":
        return self

    async def __aexit__(
        self,
        kind: Optional[Type[BaseException]],
        error: Optional[BaseException],
        trace: Optional[TracebackType],
    ) -> None:
        await self.close()


async def create(*args: Any, **options: Any) -> AsyncCollection:
    """Creates a collection; see `lexivec.create`."""
    return AsyncCollection(await asyncio.to_thread(_collection.create, *args, **options))


async def open(*args: Any, **options: Any) -> AsyncCollection:
    """Opens a collection for reading and writing; see `lexivec.open`."""
    return AsyncCollection(await asyncio.to_thread(_collection.open, *args, **options))


async def open_read_only(*args: Any, **options: Any) -> AsyncCollection:
    """Opens a collection for reading; see `lexivec.open_read_only`."""
    return AsyncCollection(await asyncio.to_thread(_collection.open_read_only, *args, **options))
