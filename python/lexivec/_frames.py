"""Tables of pandas and Arrow: their columns as documents, and answers as tables."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Dict, List, NamedTuple, Optional, Tuple

from .errors import InvalidArgument

if TYPE_CHECKING:
    from ._lexivec import Answer


class Columns(NamedTuple):
    """Documents as columns: what `RawCollection.upsert_columns` takes."""

    ids: List[Any]
    texts: Dict[str, List[Optional[str]]]
    vectors: Dict[str, Any]
    payloads: Optional[List[Optional[Dict[str, Any]]]]


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
            made.texts[name] = [None if value is None else str(value) for value in _plain(column)]
        elif name in fields:
            made.vectors[name] = array_of(name, column)
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


def array_of(name: str, column: Any) -> Any:
    """An array of rows x components of float32 in row order. One that is so already is not copied."""
    import numpy as np

    if hasattr(column, "to_arrow"):
        column = column.to_arrow()
    if hasattr(column, "combine_chunks"):
        # Lists of Arrow lie one after the other.
        column = column.combine_chunks()
    if hasattr(column, "flatten") and hasattr(column, "null_count"):
        if column.null_count:
            raise InvalidArgument(f"{name}: {column.null_count} rows have no vector; write those rows as dictionaries")
        count = len(column)
        flat = column.flatten().to_numpy(zero_copy_only=False)
        column = flat.reshape(count, -1) if count else flat.reshape(0, 0)
    elif getattr(column, "dtype", None) == object:
        column = list(column)
    try:
        made = np.ascontiguousarray(column, dtype=np.float32)
    except ValueError as error:
        raise InvalidArgument(f"{name}: the vectors make no array of rows x components: {error}") from None
    if made.ndim != 2:
        raise InvalidArgument(f"{name}: an array of rows x components is expected, not of shape {made.shape}")
    return made


def to_arrow(answer: "Answer") -> Any:
    """The hits as an Arrow table: `id`, `score`, texts, and the payload's keys."""
    import pyarrow as pa

    return pa.Table.from_pylist(_rows(answer)) if len(answer) else pa.table({"id": [], "score": []})


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
    return {str(name): table[name] for name in names}, count


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
