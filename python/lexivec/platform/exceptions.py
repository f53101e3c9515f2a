"""Exceptions of the drop-in modules, with the attributes that the platform's own have."""

from __future__ import annotations

from datetime import datetime, timezone
from typing import Any, Dict, Mapping, Optional


class CourseCreatorBaseException(Exception):
    """An error with a code for programs.

    Attributes:
        message: What failed.
        error_code: The code; the name of the class in capitals if none is given.
        details: What it was about.
        original_exception: The exception that it was made of, or None.
        timestamp: When it was made, in UTC.

    >>> error = RAGException("No answer", error_code="QUERY_FAILED", details={"query": "wing"})
    >>> error.error_code, error.to_dict()["details"]
    ('QUERY_FAILED', {'query': 'wing'})
    """

    def __init__(
        self,
        message: str,
        error_code: Optional[str] = None,
        details: Optional[Mapping[str, Any]] = None,
        original_exception: Optional[BaseException] = None,
    ) -> None:
        super().__init__(message)
        self.message = message
        self.error_code = error_code or type(self).__name__.upper()
        self.details: Dict[str, Any] = dict(details or {})
        self.original_exception = original_exception
        self.timestamp = datetime.now(timezone.utc)

    def to_dict(self) -> Dict[str, Any]:
        """The error as a dictionary, for an answer or a log."""
        return {
            "error_type": type(self).__name__,
            "error_code": self.error_code,
            "message": self.message,
            "details": self.details,
            "timestamp": self.timestamp.isoformat(),
            "original_error": None if self.original_exception is None else str(self.original_exception),
        }


class RAGException(CourseCreatorBaseException):
    """Documents could not be stored or found."""


class EmbeddingException(RAGException):
    """A text could not be made a vector."""


class DatabaseException(CourseCreatorBaseException):
    """A store could not be read or written."""


class BusinessRuleException(CourseCreatorBaseException):
    """A rule of the platform does not allow it."""


class ValidationException(CourseCreatorBaseException):
    """An argument is refused.

    Attributes:
        field_errors: What is wrong, by the name of the argument. `validation_errors` is another name of it.

    >>> error = ValidationException("Not found", validation_errors={"collection": "there is none"})
    >>> error.field_errors
    {'collection': 'there is none'}
    """

    def __init__(
        self,
        message: str,
        field_errors: Optional[Mapping[str, str]] = None,
        error_code: Optional[str] = None,
        details: Optional[Mapping[str, Any]] = None,
        original_exception: Optional[BaseException] = None,
        *,
        validation_errors: Optional[Mapping[str, str]] = None,
    ) -> None:
        super().__init__(message, error_code, details, original_exception)
        self.field_errors: Dict[str, str] = dict(field_errors or validation_errors or {})
        self.validation_errors = self.field_errors
        self.details["field_errors"] = self.field_errors
