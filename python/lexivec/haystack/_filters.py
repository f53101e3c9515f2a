"""Filters of Haystack as filters of lexivec."""

from __future__ import annotations

import datetime
from typing import Any, Dict, Optional

from haystack.dataclasses import Document
from haystack.errors import FilterError

from .. import filters as _filters
from .._frameworks import Clause, all_of, any_of
from ..filters import Expression, Field

#: A filter of Haystack: a comparison or a logical operator, as a dictionary.
Filters = Dict[str, Any]


def clause_of(filters: Optional[Filters]) -> Clause:
    """A filter of Haystack as one of lexivec."""
    if not filters:
        return Clause(None)
    if "operator" not in filters and "conditions" not in filters:
        raise ValueError("Invalid filter syntax: there is no 'operator'; see docs.haystack.deepset.ai on filters.")
    return _condition(filters)


def _condition(condition: Filters) -> Clause:
    if "field" in condition:
        return _comparison(condition)
    operator, conditions = _member(condition, "operator"), _member(condition, "conditions")
    if operator not in ("AND", "OR", "NOT"):
        raise FilterError(f"Unknown logical operator '{operator}'. Valid operators are: AND, NOT, OR")
    clauses = [_condition(one) for one in conditions]
    if operator == "OR":
        return any_of(clauses)
    return all_of(clauses) if operator == "AND" else ~all_of(clauses)


def _member(condition: Filters, name: str) -> Any:
    if name not in condition:
        raise FilterError(f"'{name}' key missing in {condition}")
    return condition[name]


def _comparison(condition: Filters) -> Clause:
    name, operator, value = (_member(condition, key) for key in ("field", "operator", "value"))
    if operator in ("!=", "not in"):
        return ~_comparison({**condition, "operator": "==" if operator == "!=" else "in"})
    if operator == "in":
        if not isinstance(value, list):
            raise FilterError(f"Filter value must be a `list` when using operator 'in' or 'not in', not {type(value)}")
    elif operator in (">", ">=", "<", "<="):
        value = _bound(value, operator)
    elif operator != "==":
        raise FilterError(f"Unknown comparison operator '{operator}'. Valid are ==, !=, >, >=, <, <=, in, not in")
    path = _path(name)
    if path is None:
        # Haystack's own function looks at members of a document that are no metadata.
        return Clause(None, exact=False)
    if operator == "in":
        return any_of(_equal(path, one) for one in value)
    return _equal(path, value) if operator == "==" else _ordered(Field(path), operator, value)


def _path(name: str) -> Optional[str]:
    """The path in the payload of a field of Haystack: `meta.x`, or `x` alone; `id`; None for others."""
    if name.startswith("meta.") or name == "id":
        return name
    return None if "." in name or name in Document.__dataclass_fields__ else f"meta.{name}"


def _equal(path: str, value: Any) -> Clause:
    if isinstance(value, (list, dict)):
        return Clause(None, exact=False)
    if path == "id":
        return Clause(_filters.ids([value] if isinstance(value, str) else []))
    field = Field(path)
    if not isinstance(value, (datetime.datetime, str)) or _date(value) is None:
        return Clause(field == value)
    # Two texts of one point in time are equal.
    moment = _date(value)
    return Clause((field == value) | field.between(moment, moment))


def _bound(value: Any, operator: str) -> Any:
    """The value of a comparison by order: None, a number, or a date as text."""
    if value is None or isinstance(value, (int, float)):
        return value
    moment = _date(value)
    if moment is None:
        raise FilterError(
            f"Filter value {value!r} can't be compared using operator '{operator}'. "
            "Give a number, or a date in ISO format, such as '2020-01-31T12:30:00'."
        )
    return moment


def _ordered(field: Field, operator: str, value: Any) -> Clause:
    if value is None:
        return Clause(Expression("FALSE"))
    compared = {">": field.__gt__, ">=": field.__ge__, "<": field.__lt__, "<=": field.__le__}[operator]
    return Clause(compared(value))


def _date(value: Any) -> Optional[str]:
    """A date as text of RFC 3339, if it is one in ISO format."""
    if isinstance(value, datetime.datetime):
        return value.isoformat()
    if not isinstance(value, str) or len(value) < len("2020-01-31") or value[4] != "-":
        return None
    try:
        # Python before 3.11 reads no Z.
        zoned = value[:-1] + "+00:00" if value[-1] in "Zz" else value
        return datetime.datetime.fromisoformat(zoned).isoformat()
    except ValueError:
        return None
