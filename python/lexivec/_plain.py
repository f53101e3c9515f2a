"""Python values in the plain form that JSON has: what the native part cannot read by itself."""

from __future__ import annotations

import dataclasses
import datetime
import enum
import math
import os
import uuid
from decimal import Decimal
from typing import Any, Mapping


class Refused(ValueError):
    """A value without a plain form; the native part gives it the class of what it is part of."""


def plain(what: str, value: Any) -> Any:
    """The value with numbers of NumPy, dates, dataclasses, enumerations, paths, sets and filters made plain.

    Dates become texts of RFC 3339, which filters compare in time. `what` names the value in errors.
    """
    if isinstance(value, enum.Enum):
        return plain(what, value.value)
    if value is None or isinstance(value, (str, bool, int)):
        return value
    if isinstance(value, float):
        if not math.isfinite(value):
            raise Refused(f"{what}: {value} is no number that JSON has; leave it out")
        return value
    if isinstance(value, Mapping):
        return {_name(what, key): plain(f"{what}.{key}", one) for key, one in value.items()}
    if isinstance(value, (list, tuple)):
        return [plain(f"{what}[{index}]", one) for index, one in enumerate(value)]
    if isinstance(value, (set, frozenset)):
        return sorted((plain(what, one) for one in value), key=repr)
    if isinstance(value, (datetime.datetime, datetime.date, datetime.time)):
        return value.isoformat()
    if isinstance(value, (uuid.UUID, os.PathLike)):
        return str(value)
    if isinstance(value, Decimal):
        return plain(what, float(value))
    if dataclasses.is_dataclass(value) and not isinstance(value, type):
        return {field.name: plain(f"{what}.{field.name}", getattr(value, field.name))
                for field in dataclasses.fields(value)}
    for method in ("_to_filter", "tolist", "item"):
        # Filters; arrays and numbers of NumPy; numbers of other libraries.
        if hasattr(value, method):
            return plain(what, getattr(value, method)())
    raise Refused(
        f"{what}: a value of type {type(value).__name__} has no form in JSON; give a text, a number, a list or a dictionary"
    )


def _name(what: str, key: Any) -> str:
    if isinstance(key, str):
        return key
    raise Refused(f"{what}: the key {key!r} is no text")
