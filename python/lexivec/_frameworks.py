"""What the adapters of frameworks share: when their collection is made, the order of metadata, and checked filters."""

from __future__ import annotations

import asyncio
import dataclasses
import functools
import threading
from typing import (
    TYPE_CHECKING,
    Any,
    Callable,
    Coroutine,
    Dict,
    Iterable,
    Iterator,
    List,
    Mapping,
    Optional,
    Sequence,
    TypeVar,
)

import numpy as np

from . import _collection
from ._collection import Collection, Path
from ._lexivec import Hit
from ._reading import Reader
from .errors import InvalidArgument, PathNotFound
from .filters import Expression

if TYPE_CHECKING:
    from typing_extensions import Concatenate, ParamSpec

    P = ParamSpec("P")
T = TypeVar("T")

#: Member of a payload that keeps the order of keys: payloads come back with their keys sorted.
ORDER = "_order"
#: Hits that one search may have.
MOST_HITS = 10_000
#: Factor by which a search whose hits were checked and did not suffice is widened.
WIDENING = 4


class Store:
    """The collection of an adapter: a given one, that of a path, or one in memory.

    A new collection is made at the first write, when the length of the vectors is known.
    """

    def __init__(self, collection: Optional[Collection], path: Optional[Path], metric: Optional[str]) -> None:
        if collection is not None and (path is not None or metric is not None):
            raise InvalidArgument("collection: it has its path and its metric already; give either")
        self._path = path
        self._metric = metric
        self._lock = threading.Lock()
        self.collection = collection
        if path is not None:
            try:
                self.collection = _collection.open(path)
            except PathNotFound:
                pass

    def __reduce__(self) -> Any:
        # A collection arrives as one that is opened for reading.
        given = (self.collection, None, None) if self.collection is not None else (None, self._path, self._metric)
        return Store, given

    def write(
        self,
        ids: List[str],
        texts: List[str],
        vectors: Sequence[Sequence[float]],
        payloads: Optional[Sequence[Mapping[str, Any]]],
        durability: Optional[str] = None,
    ) -> None:
        """Writes rows, all or none; of those with one id the last."""
        if not ids:
            return
        array = np.asarray(vectors, dtype=np.float32)
        last = sorted({id: index for index, id in enumerate(ids)}.values())
        if len(last) < len(ids):
            ids, texts, array = [ids[index] for index in last], [texts[index] for index in last], array[last]
            payloads = None if payloads is None else [payloads[index] for index in last]
        self.made(array.shape[1]).upsert(ids=ids, texts=texts, vectors=array, payloads=payloads, durability=durability)

    def made(self, dim: int) -> Collection:
        """The collection; made with vectors of this length if it is not there yet."""
        with self._lock:
            if self.collection is None:
                options: Dict[str, Any] = {"dim": dim, "metric": self._metric, "text": ["text"]}
                if self._path is None:
                    self.collection = _collection.in_memory(**options)
                else:
                    self.collection = _collection.create(self._path, **options)
            return self.collection

    def metric(self) -> str:
        """The metric of the vectors."""
        if self.collection is None:
            return self._metric or "cosine"
        fields = self.collection.schema["vectors"]
        return str(fields[0]["metric"]) if fields else "cosine"


def ordered(metadata: Mapping[str, Any]) -> Dict[str, Any]:
    """Metadata as a payload that `restored` brings back with the same order of keys.

    >>> ordered({"b": 1, "a": 2})
    {'b': 1, 'a': 2, '_order': [['b', 'a']]}
    """
    orders = list(_orders(metadata))
    return dict(metadata) if all(keys == sorted(keys) for keys in orders) else {**metadata, ORDER: orders}


def restored(payload: Optional[Mapping[str, Any]]) -> Dict[str, Any]:
    """The metadata of a payload that `ordered` made.

    >>> restored({"_order": [["b", "a"]], "a": 2, "b": 1})
    {'b': 1, 'a': 2}
    """
    metadata = dict(payload or {})
    orders = metadata.pop(ORDER, None)
    made: Dict[str, Any] = metadata if orders is None else _in_order(metadata, iter(orders))
    return made


def _orders(value: Any) -> Iterator[List[str]]:
    """The keys of every dictionary, outer ones before inner ones."""
    if isinstance(value, Mapping):
        yield list(value)
    parts = value.values() if isinstance(value, Mapping) else value if isinstance(value, (list, tuple)) else ()
    for part in parts:
        yield from _orders(part)


def _in_order(value: Any, orders: Iterator[List[str]]) -> Any:
    if isinstance(value, dict):
        # Keys that were set or removed since are last, or passed over.
        keys = dict.fromkeys(key for key in next(orders, []) if key in value)
        return {key: _in_order(value[key], orders) for key in {**keys, **value}}
    if isinstance(value, list):
        return [_in_order(part, orders) for part in value]
    return value


@dataclasses.dataclass(frozen=True)
class Clause:
    """A filter of a framework, as far as lexivec has one for it.

    Attributes:
        filter: Admits every row that the framework's filter does; None admits all.
        exact: True if it admits no other row, so that nothing is left to be checked.
    """

    filter: Optional[Expression]
    exact: bool = True

    def __invert__(self) -> "Clause":
        """The rows that the filter does not admit; all of them are to be checked if it admits too many."""
        if not self.exact:
            return Clause(None, exact=False)
        return Clause(Expression("FALSE") if self.filter is None else ~self.filter)


def all_of(clauses: Iterable[Clause]) -> Clause:
    """The rows that every clause admits."""
    listed = list(clauses)
    parts = [clause.filter for clause in listed if clause.filter is not None]
    joined = functools.reduce(lambda left, right: left & right, parts) if parts else None
    return Clause(joined, exact=all(clause.exact for clause in listed))


def any_of(clauses: Iterable[Clause]) -> Clause:
    """The rows that at least one clause admits."""
    listed = list(clauses)
    exact = all(clause.exact for clause in listed)
    parts = [clause.filter for clause in listed if clause.filter is not None]
    if len(parts) < len(listed):
        return Clause(None, exact)
    return Clause(functools.reduce(lambda left, right: left | right, parts, Expression("FALSE")), exact)


def hits(
    reader: Reader,
    text: Optional[str] = None,
    *,
    limit: int,
    check: Optional[Callable[[Hit], bool]] = None,
    **options: Any,
) -> List[Hit]:
    """The best hits that pass a check: where a filter cannot say all, the search is widened until enough passed.

    A limit over what one search may have is lowered to the number of rows, which is an error only if it is over it too.
    """
    if limit > MOST_HITS:
        limit = min(limit, max(MOST_HITS, len(reader)))
    wanted = limit
    while True:
        found = reader.search(text, limit=wanted, **options).hits
        passed = found if check is None else [hit for hit in found if check(hit)]
        if len(passed) >= limit or len(found) < wanted or wanted >= MOST_HITS:
            return passed[:limit]
        wanted = min(wanted * WIDENING, MOST_HITS)


def vectors_of(reader: Reader, found: Sequence[Hit]) -> "np.ndarray[Any, Any]":
    """The vectors of the hits of a search by vector, a row each."""
    rows = [reader[hit.id].vectors["vector"] for hit in found]
    return np.stack(rows) if rows else np.empty((0, 0), dtype=np.float32)


def awaited(method: "Callable[Concatenate[Any, P], T]") -> "Callable[Concatenate[Any, P], Coroutine[Any, Any, T]]":
    """The coroutine of a method: same arguments and result, on a thread that holds no event loop."""

    async def twin(self: Any, /, *args: "P.args", **options: "P.kwargs") -> T:
        return await asyncio.to_thread(method, self, *args, **options)

    functools.update_wrapper(twin, method, assigned=("__module__", "__annotations__"))
    twin.__doc__ = f"Does what `{method.__name__}` does, awaited."
    return twin
