"""Exceptions of lexivec.

Every exception is a `LexivecError` with a `kind`, a stable name for programs. Where Python has an exception that people
expect, it is that one as well: a refused argument is a `ValueError`, a missing name a `KeyError`, a full disk an
`OSError`, a deadline a `TimeoutError`.

>>> import lexivec
>>> shelf = lexivec.in_memory(dim=2)
>>> try:
...     shelf.search(vector=[1.0, 2.0, 3.0])
... except ValueError as error:
...     print(type(error).__name__, error.kind)
DimensionMismatch dimension_mismatch
"""

from __future__ import annotations

import errno
from typing import Dict, Type


class LexivecError(Exception):
    """An error of lexivec."""

    kind: str = "error"

    def __str__(self) -> str:
        # `KeyError` shows its argument as a literal, and `OSError` by its number; a message is shown as it is.
        return str(self.args[0]) if self.args else ""


class InvalidRequest(LexivecError, ValueError):
    """A search request, filter, profile or evaluation is refused; the message names the member."""

    kind = "invalid_request"


class InvalidDocument(LexivecError, ValueError):
    """A document is refused, and nothing of its batch was written."""

    kind = "invalid_document"


class InvalidArgument(LexivecError, ValueError):
    """An option, a schema, a name or another argument is refused."""

    kind = "invalid_argument"


class DimensionMismatch(LexivecError, ValueError):
    """A vector has another number of components than its field."""

    kind = "dimension_mismatch"


class EmbedderError(LexivecError, ValueError):
    """The collection was made with another model, or with none; or the model failed."""

    kind = "embedder"


class NotFound(LexivecError, KeyError):
    """The named collection, snapshot, profile or version does not exist."""

    kind = "not_found"


class PathNotFound(LexivecError, FileNotFoundError):
    """There is no collection at the path."""

    kind = "not_found"


class AlreadyExists(LexivecError, FileExistsError):
    """The name is taken, or the directory is not empty."""

    kind = "already_exists"


class Conflict(LexivecError, ValueError):
    """The item is in a state that does not allow the operation."""

    kind = "conflict"


class Locked(LexivecError, BlockingIOError):
    """Another handle, of this process or another, has the collection open for writing."""

    kind = "locked"


class ReadOnly(LexivecError, PermissionError):
    """The handle was opened for reading."""

    kind = "read_only"


class Poisoned(LexivecError, OSError):
    """Writes are refused since an earlier one failed; open the collection again to see what is there."""

    kind = "poisoned"


class DurabilityUnknown(LexivecError, OSError):
    """A sync failed under this write, so it may or may not survive."""

    kind = "durability_unknown"


class Forked(LexivecError, RuntimeError):
    """The handle came into this process by a fork; open the collection again in this process."""

    kind = "forked"


class OutOfSpace(LexivecError, OSError):
    """The disk is full; nothing was published, and the write may be repeated once there is space."""

    kind = "out_of_space"

    def __init__(self, *args: object) -> None:
        super().__init__(*args)
        self.errno = errno.ENOSPC


class Corrupt(LexivecError, OSError):
    """Bytes on disk are not those that were written."""

    kind = "corrupt"


class NewerFormat(LexivecError, OSError):
    """A newer release wrote the files; nothing was changed."""

    kind = "newer_format"


class UnsafeFilesystem(LexivecError, OSError):
    """The directory is on a file system that does not keep what durability rests on."""

    kind = "unsafe_filesystem"


class NoDescriptors(LexivecError, OSError):
    """No file descriptor is left; nothing was written."""

    kind = "no_descriptors"


class IoError(LexivecError, OSError):
    """The operating system refused an operation."""

    kind = "io"


class Closed(LexivecError, ValueError):
    """The handle was closed; open the collection or the database again."""

    kind = "closed"


class Cancelled(LexivecError):
    """The work was cancelled; the collection is as it was."""

    kind = "cancelled"


class DeadlineExceeded(LexivecError, TimeoutError):
    """The search did not end within its deadline."""

    kind = "deadline_exceeded"


class OverBudget(LexivecError, MemoryError):
    """The answers take more memory than the reader was given."""

    kind = "over_budget"


#: The exceptions by the name of their kind; `path_not_found` is for paths, and `closed` for handles, which only Python has.
BY_KIND: Dict[str, Type[LexivecError]] = {
    **{
        error.kind: error
        for error in (
            InvalidRequest,
            InvalidDocument,
            InvalidArgument,
            DimensionMismatch,
            EmbedderError,
            NotFound,
            AlreadyExists,
            Conflict,
            Locked,
            ReadOnly,
            Poisoned,
            DurabilityUnknown,
            Forked,
            OutOfSpace,
            Corrupt,
            NewerFormat,
            UnsafeFilesystem,
            NoDescriptors,
            IoError,
            Cancelled,
            DeadlineExceeded,
            OverBudget,
            Closed,
        )
    },
    "path_not_found": PathNotFound,
}
