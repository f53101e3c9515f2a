"""Handles that are closed at the end of a `with` block."""

from __future__ import annotations

from types import TracebackType
from typing import Any, Optional, Type, TypeVar

T = TypeVar("T", bound="Closing")


class Closing:
    """A handle that `with` closes."""

    def close(self) -> None:
        """Gives up what the handle holds."""
        raise NotImplementedError

    def __enter__(self: T) -> T:
        return self

    def __exit__(
        self,
        kind: Optional[Type[BaseException]],
        error: Optional[BaseException],
        trace: Optional[TracebackType],
    ) -> None:
        self.close()


class Handle(Closing):
    """A handle of what there is once: a copy of it, deep or not, is the handle itself, and one `close` closes it."""

    def __copy__(self: T) -> T:
        return self

    def __deepcopy__(self: T, memo: Any) -> T:
        return self
