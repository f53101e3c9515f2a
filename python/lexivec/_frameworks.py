"""The common part of the adapters: when their collection is made, the order of metadata, checked filters."""

from __future__ import annotations

import dataclasses
import functools
import os
import threading
from typing import (
    Any,
    Callable,
    Dict,
    Iterable,
    Iterator,
    List,
    Mapping,
    Optional,
    Sequence,
)

import numpy as np

from . import _collection
from ._closing import Handle
from ._collection import Collection, Path
from ._lexivec import Hit
from ._reading import Reader
from .errors import Closed, InvalidArgument, PathNotFound
from .filters import Expression

#: Member of a payload that keeps the order of keys: payloads come back with their keys sorted. Metadata that has such a
#: key itself gets the order under a key that is longer by one `_`.
ORDER = "_order"
#: Hits that one search may have.
MOST_HITS = 10_000
#: Factor by which a search whose hits were checked and did not suffice is widened.
WIDENING = 4


class Once(Handle):
    """A collection that is made once, by the first thread that needs it."""

    def __init__(self, there: Optional[Collection] = None) -> None:
        self._lock = threading.Lock()
        self._ended = False
        self.there = there

    def get(self, make: Callable[[], Collection]) -> Collection:
        """The collection that is there; a new one if there is none yet."""
        with self._lock:
            if self._ended:
                raise Closed("the store is closed; make a new one")
            if self.there is None:
                self.there = make()
            return self.there

    def close(self) -> None:
        """Closes the collection, if there is one."""
        with self._lock:
            self._ended = True
            if self.there is not None:
                self.there.close()


class Store(Handle):
    """The collection of an adapter: a given one, that of a path, or one in memory.

    A new collection is made at the first write, when the length of the vectors is known.
    """

    def __init__(self, collection: Optional[Collection], path: Optional[Path], metric: Optional[str]) -> None:
        if collection is not None and (path is not None or metric is not None):
            raise InvalidArgument("collection: it has its path and its metric already; give either")
        self._path = None if path is None else os.path.abspath(path)
        self._metric = metric
        self._given = collection is not None
        self._once = Once(collection)

    @classmethod
    def opened(cls, collection: Optional[Collection], path: Optional[Path], metric: Optional[str]) -> "Store":
        """A store whose collection is opened now, if it is there, so that one which cannot be opened is said at once."""
        made = cls(collection, path, metric)
        _ = made.collection
        return made

    @property
    def collection(self) -> Optional[Collection]:
        """The collection; None before the first write to a new one."""
        if self._once.there is None and self._path is not None:
            try:
                return self._once.get(functools.partial(_collection.open, self._path))
            except PathNotFound:
                pass
        return self._once.there

    def close(self) -> None:
        """Closes the collection, unless it was given: it is closed where it was opened."""
        if not self._given:
            self._once.close()

    def __reduce__(self) -> Any:
        # A collection arrives as one that is opened for reading, by its first use.
        if self.collection is None:
            return Store, (None, self._path, self._metric)
        return _arrived, (self.collection, self._given)

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
        if self.collection is not None:
            return self.collection
        options: Dict[str, Any] = {"dim": dim, "metric": self._metric, "text": ["text"]}
        if self._path is None:
            return self._once.get(functools.partial(_collection.in_memory, **options))
        return self._once.get(functools.partial(_collection.create, self._path, **options))

    def metric(self) -> str:
        """The metric of the vectors."""
        if self.collection is None:
            return self._metric or "cosine"
        fields = self.collection.schema["vectors"]
        return str(fields[0]["metric"]) if fields else "cosine"


def _arrived(collection: Collection, given: bool) -> Store:
    """The store of a pickle. It closes what the pickled one would close."""
    made = Store(collection, None, None)
    made._given = given
    return made


def ordered(metadata: Mapping[str, Any]) -> Dict[str, Any]:
    """Metadata as a payload that `restored` brings back with the same order of keys.

    >>> ordered({"b": 1, "a": 2})
    {'b': 1, 'a': 2, '_order': [['b', 'a']]}
    >>> ordered({"_order": 1})
    {'_order': 1, '_order_': [['_order']]}
    """
    orders, taken = list(_orders(metadata)), _order_key(metadata)
    if taken is None and all(keys == sorted(keys) for keys in orders):
        return dict(metadata)
    return {**metadata, ORDER if taken is None else taken + "_": orders}


def restored(payload: Optional[Mapping[str, Any]]) -> Dict[str, Any]:
    """The metadata of a payload that `ordered` made.

    >>> restored({"_order": [["b", "a"]], "a": 2, "b": 1})
    {'b': 1, 'a': 2}
    """
    metadata = dict(payload or {})
    key = _order_key(metadata)
    # Rows of earlier releases may have a key of the user here.
    if key is None or not _is_orders(metadata[key]):
        return metadata
    orders = iter(metadata.pop(key))
    made: Dict[str, Any] = _in_order(metadata, orders)
    return made


def _order_key(metadata: Mapping[str, Any]) -> Optional[str]:
    """The longest key that `ordered` may have made."""
    keys = (key for key in metadata if isinstance(key, str) and key.rstrip("_") == ORDER)
    return max(keys, key=len, default=None)


def _is_orders(value: Any) -> bool:
    """True for lists of keys, the first of them those of the metadata."""
    return (
        isinstance(value, list)
        and bool(value)
        and all(isinstance(keys, list) and all(isinstance(key, str) for key in keys) for keys in value)
    )


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
