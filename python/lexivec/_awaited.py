"""The way off the event loop: coroutines of functions and methods that wait."""

from __future__ import annotations

import asyncio
import functools
from typing import TYPE_CHECKING, Any, Callable, Coroutine, TypeVar, overload

if TYPE_CHECKING:
    from typing_extensions import Concatenate, ParamSpec

    P = ParamSpec("P")
T = TypeVar("T")


@overload
def awaited(method: Callable[..., T]) -> Callable[..., Coroutine[Any, Any, T]]: ...


@overload
def awaited(
    method: "Callable[Concatenate[Any, P], T]", of: str
) -> "Callable[Concatenate[Any, P], Coroutine[Any, Any, T]]": ...


def awaited(method: Any, of: str = "") -> Any:
    """Gives the coroutine of a method: same arguments and result, on another thread, so that the event loop goes on.

    `of` names the attribute that has the object of the method; without it that is `self`.
    """

    @functools.wraps(method)
    async def twin(self: Any, /, *args: Any, **options: Any) -> Any:
        # By its name, so that the method of a subclass is called.
        called = getattr(getattr(self, of) if of else self, method.__name__)
        return await asyncio.to_thread(called, *args, **options)

    return twin


def off_the_loop(function: "Callable[P, T]") -> "Callable[P, Coroutine[Any, Any, T]]":
    """Gives the coroutine of a function: same arguments and result, on another thread."""

    @functools.wraps(function)
    async def twin(*args: "P.args", **options: "P.kwargs") -> T:
        return await asyncio.to_thread(function, *args, **options)

    return twin
