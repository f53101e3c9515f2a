"""Handles that are closed at the end of a `with` block."""

from __future__ import annotations

from types import TracebackType
from typing import Optional, Type, TypeVar

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
