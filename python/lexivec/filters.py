"""Filters written as Python expressions.

A filter of a search may be text (`"year >= 2020 AND NOT draft"`), a dictionary (`{"year": {"$gte": 2020}}`), or an
expression that is made here. All three mean the same; `docs/filters.md` has every clause.

>>> from lexivec import field
>>> recent = (field("year") >= 2020) & ~field("tag").is_in(["draft", "retracted"])
>>> print(recent)
"year" >= 2020 AND NOT ("tag" IN ('draft', 'retracted'))
"""

from __future__ import annotations

from typing import Any, Iterable, Tuple

from ._plain import Refused, plain
from .errors import InvalidArgument

__all__ = ["Expression", "Field", "at_least", "field", "ids", "matches"]


class Expression:
    """A filter. `&`, `|` and `~` are *and*, *or* and *not*; `str()` gives the SQL-like text."""

    __slots__ = ("_operator", "_parts")

    def __init__(self, *parts: str, operator: str = "") -> None:
        self._parts = parts
        self._operator = operator

    def __and__(self, other: "Expression") -> "Expression":
        return self._joined("AND", other)

    def __or__(self, other: "Expression") -> "Expression":
        return self._joined("OR", other)

    def __invert__(self) -> "Expression":
        return Expression(f"NOT ({self})")

    def __bool__(self) -> bool:
        raise TypeError("a filter is neither true nor false; join filters with &, | and ~")

    def __str__(self) -> str:
        return f" {self._operator} ".join(self._parts)

    def __repr__(self) -> str:
        return f"Expression({str(self)!r})"

    def _to_filter(self) -> str:
        return str(self)

    def _joined(self, operator: str, other: "Expression") -> "Expression":
        # Parts of one operator stay on one level: a filter may be nested 32 levels deep.
        return Expression(*self._under(operator), *_expression(other)._under(operator), operator=operator)

    def _under(self, operator: str) -> Tuple[str, ...]:
        if self._operator in ("", operator):
            return self._parts
        return (f"({self})",)


class Field:
    """The values at a dotted path of the payload, to be compared with others."""

    __slots__ = ("_path",)
    __hash__ = None  # type: ignore[assignment]

    def __init__(self, path: str) -> None:
        if not isinstance(path, str):
            raise InvalidArgument(f"field: {path!r} is no path; give a text, such as 'author.name'")
        self._path = '"' + path.replace('"', '""') + '"'

    def __eq__(self, value: object) -> "Expression":  # type: ignore[override]
        """Rows with this value; `None` admits rows without any value."""
        return Expression(f"{self._path} IS NULL") if value is None else self._than("=", value)

    def __ne__(self, value: object) -> "Expression":  # type: ignore[override]
        """Rows without this value, those without any value included."""
        return Expression(f"{self._path} IS NOT NULL") if value is None else self._than("!=", value)

    def __lt__(self, value: Any) -> Expression:
        return self._than("<", value)

    def __le__(self, value: Any) -> Expression:
        return self._than("<=", value)

    def __gt__(self, value: Any) -> Expression:
        return self._than(">", value)

    def __ge__(self, value: Any) -> Expression:
        return self._than(">=", value)

    def between(self, lower: Any, upper: Any) -> Expression:
        """Rows with one value between the two, both included."""
        return Expression(f"{self._path} BETWEEN {_literal(lower)} AND {_literal(upper)}")

    def is_in(self, values: Iterable[Any]) -> Expression:
        """Rows with one of these values."""
        listed = _literals(values)
        return Expression(f"{self._path} IN ({listed})" if listed else "FALSE")

    def not_in(self, values: Iterable[Any]) -> Expression:
        """Rows with none of these values, those without any value included."""
        listed = _literals(values)
        return Expression(f"{self._path} NOT IN ({listed})" if listed else "TRUE")

    def contains(self, part: Any) -> Expression:
        """Rows with a string that has this part, or a list that has this element."""
        return self._than("CONTAINS", part)

    def exists(self) -> Expression:
        """Rows with any value."""
        return Expression(f"{self._path} IS NOT NULL")

    def missing(self) -> Expression:
        """Rows without a value."""
        return Expression(f"{self._path} IS NULL")

    def matches(self, words: str) -> Expression:
        """Rows of which this indexed text has all the words; the path is the name of a text field here."""
        return self._than("MATCH", words)

    def __repr__(self) -> str:
        return f"Field({self._path})"

    def _than(self, operator: str, value: Any) -> Expression:
        return Expression(f"{self._path} {operator} {_literal(value)}")


def field(path: str) -> Field:
    """The values at a dotted path of the payload.

    >>> print((field("author.name") == "Ito") | field("year").between(1990, 1999))
    "author.name" = 'Ito' OR "year" BETWEEN 1990 AND 1999
    """
    return Field(path)


def matches(words: str) -> Expression:
    """Rows of which an indexed text has all the words."""
    return Expression(f"MATCH({_literal(words)})")


def ids(ids: Iterable[str]) -> Expression:
    """Rows with one of these ids."""
    listed = _literals(ids)
    return Expression(f"HAS_ID({listed})" if listed else "FALSE")


def at_least(count: int, filters: Iterable[Expression]) -> Expression:
    """Rows that at least `count` of the filters admit."""
    parts = "".join(f", {_expression(one)}" for one in filters)
    return Expression(f"AT_LEAST({int(count)}{parts})")


def _expression(filter: object) -> Expression:
    if isinstance(filter, Expression):
        return filter
    raise TypeError(f"a filter expression is expected, not {filter!r}; compare a field, as in field('year') >= 2020")


def _literals(values: Iterable[Any]) -> str:
    if isinstance(values, (str, bytes)):
        raise InvalidArgument(f"filter: {values!r} is one value; give a list of values")
    return ", ".join(_literal(value) for value in values)


def _literal(value: Any) -> str:
    """The value as payloads have it: an enumeration by its value, a date, a UUID or a path as text."""
    try:
        made = None if isinstance(value, Expression) else plain("filter", value)
    except Refused as refused:
        raise InvalidArgument(str(refused)) from None
    if isinstance(made, str):
        return "'" + made.replace("'", "''") + "'"
    if isinstance(made, bool):
        return "TRUE" if made else "FALSE"
    if isinstance(made, (int, float)):
        # Subclasses, such as numbers of NumPy, print themselves in other ways.
        return repr(int(made) if isinstance(made, int) else float(made))
    if value is None:
        return "NULL"
    raise InvalidArgument(f"filter: {value!r} is no text, number, date or truth value")
