"""Tables of pandas and Arrow: their columns as documents, and answers as tables."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any, Dict, List, NamedTuple, Optional, Tuple

from .errors import DimensionMismatch, InvalidArgument, InvalidDocument

if TYPE_CHECKING:
    from ._lexivec import Answer


class Columns(NamedTuple):
    """Documents as columns: what `RawCollection.upsert_columns` takes."""

    ids: List[Any]
    texts: Dict[str, List[Optional[str]]]
    vectors: Dict[str, Any]
    payloads: Optional[List[Optional[Dict[str, Any]]]]

    def documents(self) -> List[Dict[str, Any]]:
        """The documents as dictionaries."""
        made = []
        for row, id in enumerate(self.ids):
            texts = {name: column[row] for name, column in self.texts.items() if column[row] is not None}
            vectors = {name: column[row] for name, column in self.vectors.items()}
            payload = None if self.payloads is None else self.payloads[row]
            made.append({"id": id, "text": texts, "vectors": vectors, "payload": payload})
        return made


def is_table(documents: Any) -> bool:
    """True for a DataFrame of pandas or polars, and for a table or a batch of Arrow."""
    kind = type(documents)
    return kind.__name__ in ("DataFrame", "Table", "RecordBatch") and hasattr(documents, "columns")


def columns_of_table(table: Any, schema: Dict[str, Any]) -> Columns:
    """The columns of a table by their names: `id`, the text and vector fields of the schema, and all others as payload."""
    columns, count = _columns(table)
    if "id" not in columns:
        raise InvalidArgument(f"documents: the table has no column \"id\"; it has {sorted(columns)}")
    texts = {field["name"] for field in schema["text"]}
    fields = {field["name"]: field["dim"] for field in schema.get("vectors", [])}
    made = Columns(_plain(columns.pop("id")), {}, {}, None)
    rest: Dict[str, List[Any]] = {}
    for name, column in columns.items():
        if name in texts:
            made.texts[name] = [_text(name, row, value) for row, value in enumerate(_plain(column))]
        elif name in fields:
            made.vectors[name] = array_of(name, column, fields[name])
        else:
            rest[name] = _plain(column)
    given = rest.pop("payload", None)
    if not rest and given is None:
        return made
    payloads: List[Optional[Dict[str, Any]]] = []
    for row in range(count):
        payload = {name: column[row] for name, column in rest.items() if column[row] is not None}
        payload.update((given[row] if given else None) or {})
        payloads.append(payload)
    return made._replace(payloads=payloads)


def array_of(name: str, column: Any, dim: Optional[int] = None) -> Any:
    """An array of rows x components of float32 in row order. One that is so already is not copied.

    Rows of another length than `dim`, or than the first row without it, are a `DimensionMismatch`.
    """
    import numpy as np

    if hasattr(column, "to_arrow"):
        column = column.to_arrow()
    if hasattr(column, "null_count"):
        column = _array_of_arrow(name, column, dim)
    elif getattr(column, "ndim", 1) == 1 and not isinstance(column, (str, bytes)):
        column = list(column)
        _same_length(name, [_length(name, row, vector) for row, vector in enumerate(column)], dim)
    try:
        made = np.asarray(column)
        texts = made.dtype.kind == "O" and any(isinstance(one, (str, bytes)) for one in made.flat)
        if texts or made.dtype.kind not in "biufO":
            raise ValueError(f"{made.dtype} is no type of real numbers")
        made = np.ascontiguousarray(made, dtype=np.float32)
    except (TypeError, ValueError) as error:
        raise InvalidArgument(f"{name}: the vectors make no array of rows x components: {error}") from None
    if made.ndim != 2:
        raise InvalidArgument(f"{name}: an array of rows x components is expected, not of shape {made.shape}")
    return made


def _array_of_arrow(name: str, column: Any, dim: Optional[int]) -> Any:
    """The array of a column of lists of Arrow; its numbers lie one after the other, so they are not copied."""
    import pyarrow as pa
    import pyarrow.compute as pc

    if hasattr(column, "combine_chunks"):
        column = column.combine_chunks()
    # A tensor of fixed shape is kept as lists.
    column = getattr(column, "storage", column)
    kinds = (pa.types.is_list, pa.types.is_large_list, pa.types.is_fixed_size_list)
    is_list = any(is_one(column.type) for is_one in kinds)
    if not is_list or not (pa.types.is_integer(column.type.value_type) or pa.types.is_floating(column.type.value_type)):
        raise InvalidArgument(f"{name}: a column of lists of numbers is expected, not of {column.type}")
    count = len(column)
    if column.null_count:
        row = pc.index(pc.is_null(column), True).as_py()
        raise InvalidDocument(f"{name}: row {row} has no vector; write rows without one as dictionaries")
    length = _same_length(name, pc.list_value_length(column).to_numpy(zero_copy_only=False), dim)
    flat = column.flatten()
    if flat.null_count:
        row = pc.index(pc.is_null(flat), True).as_py() // length
        raise InvalidDocument(f"{name}: the vector of row {row} lacks a number")
    return flat.to_numpy(zero_copy_only=False).reshape(count, length)


def _length(name: str, row: int, vector: Any) -> int:
    if vector is None:
        raise InvalidDocument(f"{name}: row {row} has no vector; write rows without one as dictionaries")
    try:
        return len(vector)
    except TypeError:
        fault = f"an array of rows x components is expected, and row {row} is {vector!r}"
        raise InvalidArgument(f"{name}: {fault}") from None


def _same_length(name: str, lengths: Any, dim: Optional[int]) -> int:
    """The number of components that all rows have."""
    import numpy as np

    lengths = np.asarray(lengths, dtype=np.int64)
    if not len(lengths):
        return 0
    wanted = int(lengths[0]) if dim is None else dim
    other = np.flatnonzero(lengths != wanted)
    if len(other):
        row, why = int(other[0]), "the first row has" if dim is None else "the field has"
        raise DimensionMismatch(f"{name}: the vector of row {row} has {lengths[row]} components, and {why} {wanted}")
    return wanted


def to_arrow(answer: "Answer") -> Any:
    """The hits as an Arrow table: `id`, `score`, texts, and the payload's keys.

    A key whose values are of several types, such as numbers and texts, is a column of JSON texts.
    """
    import pyarrow as pa

    rows = _rows(answer)
    names = list(rows[0]) if rows else ["id", "score"]
    return pa.table({name: _column([row[name] for row in rows]) for name in names})


def _column(values: List[Any]) -> Any:
    import pyarrow as pa

    try:
        return pa.array(values)
    except (pa.ArrowException, OverflowError):
        return pa.array([None if value is None else json.dumps(value, ensure_ascii=False) for value in values])


def to_pandas(answer: "Answer") -> Any:
    """The hits as a DataFrame of pandas, with the columns of `to_arrow`."""
    import pandas as pd

    return pd.DataFrame(_rows(answer), columns=None if len(answer) else ["id", "score"])


def _rows(answer: "Answer") -> List[Dict[str, Any]]:
    rows = []
    names: Dict[str, None] = {"id": None, "score": None}
    for hit in answer:
        row = {"id": hit.id, "score": hit.score, **(hit.text or {}), **(hit.payload or {})}
        # A payload's own `id` or `score` does not hide those of the hit.
        row.update(id=hit.id, score=hit.score)
        names.update(dict.fromkeys(row))
        rows.append(row)
    return [{name: row.get(name) for name in names} for row in rows]


def _columns(table: Any) -> Tuple[Dict[str, Any], int]:
    names = getattr(table, "column_names", None) or list(table.columns)
    count = table.num_rows if hasattr(table, "num_rows") else len(table)
    twice = sorted({str(name) for name in names if list(names).count(name) > 1})
    if twice:
        raise InvalidArgument(f"documents: the table has several columns of the name {twice[0]!r}; keep one")
    return {str(name): table[name] for name in names}, count


def _text(name: str, row: int, value: Any) -> Optional[str]:
    if isinstance(value, (bytes, list, dict)):
        raise InvalidDocument(f"{name}: row {row} has a {type(value).__name__}; a text is expected")
    return None if value is None else str(value)


def _plain(column: Any) -> List[Any]:
    """The values of a column, `None` where a value is missing."""
    for method in ("to_pylist", "to_list", "tolist"):
        if hasattr(column, method):
            column = getattr(column, method)()
            break
    return [None if value is None or value is _missing() or value != value else value for value in map(_value, column)]


def _value(value: Any) -> Any:
    return value if not hasattr(value, "tolist") else value.tolist()


def _missing() -> Any:
    import sys

    pandas = sys.modules.get("pandas")
    return getattr(pandas, "NA", None) if pandas else None
