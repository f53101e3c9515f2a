"""Documents: the light object of a row, and what Python has in its place."""

from __future__ import annotations

import dataclasses
from typing import TYPE_CHECKING, Any, Dict, Iterable, List, Mapping, Optional, Union

from .errors import InvalidArgument

if TYPE_CHECKING:
    import numpy as np

#: Members of a document; other fields of a dataclass or columns of a table are its payload.
MEMBERS = ("id", "title", "text", "vector", "vectors", "tokens", "payload")


@dataclasses.dataclass
class Document:
    """A row of a collection. `upsert` takes it, and `get` gives it.

    Attributes:
        id: Its key.
        text: A text, or texts by field.
        vectors: Vectors by field, as arrays of float32.
        tokens: Token vectors by field, as arrays of tokens x components.
        payload: A dictionary of any content, filterable by dotted path.

    >>> Document("a", "a wing", payload={"year": 1958}).payload["year"]
    1958
    """

    id: str
    text: Union[str, Dict[str, str]] = dataclasses.field(default_factory=dict)
    vectors: Dict[str, "np.ndarray[Any, Any]"] = dataclasses.field(default_factory=dict)
    tokens: Dict[str, Any] = dataclasses.field(default_factory=dict)
    payload: Dict[str, Any] = dataclasses.field(default_factory=dict)

    @property
    def vector(self) -> Optional["np.ndarray[Any, Any]"]:
        """The vector of the field `vector`, or None."""
        return self.vectors.get("vector")

    def to_dict(self) -> Dict[str, Any]:
        """The members as a dictionary, without those that are empty."""
        members = {field.name: getattr(self, field.name) for field in dataclasses.fields(self)}
        return {name: value for name, value in members.items() if name == "id" or len(value)}


def members_of(document: Any) -> Dict[str, Any]:
    """The members of one document as a dictionary: of a mapping, a dataclass or an object with `to_dict`."""
    if isinstance(document, dict):
        return document
    if isinstance(document, Mapping):
        return dict(document)
    if isinstance(document, Document):
        return document.to_dict()
    if dataclasses.is_dataclass(document) and not isinstance(document, type):
        fields = {field.name: getattr(document, field.name) for field in dataclasses.fields(document)}
        members = {name: value for name, value in fields.items() if name in MEMBERS}
        rest = {name: value for name, value in fields.items() if name not in MEMBERS}
        if rest:
            members["payload"] = {**rest, **(members.get("payload") or {})}
        return members
    raise InvalidArgument(
        f"documents: a {type(document).__name__} is no document; give a dictionary, a dataclass, a Document, or a "
        "table of pandas or Arrow"
    )


def column_of(what: str, values: Iterable[Any]) -> List[Any]:
    """The values of a column, one a row; a text alone would be taken for its letters, so it is refused."""
    if isinstance(values, (str, bytes)):
        raise InvalidArgument(f"{what}: {values!r} is one value; give a list with one for each row")
    return list(values)


def list_of(documents: Any) -> List[Dict[str, Any]]:
    """The documents of what `upsert` was given, as a list of dictionaries."""
    if isinstance(documents, (str, bytes)):
        raise InvalidArgument("documents: a text is no document; give a dictionary with an id and a text")
    one = isinstance(documents, Mapping) or dataclasses.is_dataclass(documents)
    many: Iterable[Any] = [documents] if one else documents
    try:
        items = iter(many)
    except TypeError:
        items = iter([documents])
    return [members_of(document) for document in items]
