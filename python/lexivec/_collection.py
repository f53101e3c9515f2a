"""Collections: made, opened, written, kept."""

from __future__ import annotations

import os
import threading
from typing import TYPE_CHECKING, Any, Callable, Dict, Iterable, List, Mapping, Optional, Sequence, Union

from ._closing import Handle
from ._documents import column_of, list_of
from ._frames import array_of, columns_of_table, is_table
from ._lexivec import RawCollection, RawSearcher
from ._models import AnyEmbedder, AnyReranker, Models, embedder_of, models_of
from ._reading import Reader, Searcher
from .errors import Closed, InvalidArgument

if TYPE_CHECKING:
    import numpy as np

    from ._requests import Filter
    from .aio import AsyncCollection

#: A path of the file system.
Path = Union[str, "os.PathLike[str]"]


class Collection(Handle, Reader):
    """Documents in one directory, searched by words, vectors or both.

    `lexivec.create`, `lexivec.open`, `lexivec.open_read_only` and `lexivec.in_memory` make one. It may be used by any
    number of threads at once: no call holds the GIL while it works. `with` closes it at the end.

    A fork of a process that used lexivec is refused, with the way out. A pickled handle has its models with it, and is
    opened again, read-only, by its first use where it arrives.
    """

    def __init__(self, raw: Optional[RawCollection], path: Optional[str] = None, models: Models = Models()) -> None:
        self._opened = raw
        self._opening = threading.Lock()
        self._ended = False
        self._path = path
        self._models = models

    @property
    def _raw(self) -> RawCollection:
        if self._opened is None:
            with self._opening:
                if self._ended:
                    raise Closed("the collection is closed; open it again")
                if self._opened is None:
                    self._opened = RawCollection.open(self._path or "", True, False, *self._models.raw())
        return self._opened

    def _view(self, deadline_ms: Optional[int] = None) -> RawSearcher:
        return self._raw.searcher(deadline_ms)

    # Life

    def close(self) -> None:
        """Syncs what was written and gives the directory free. Read views that are held go on."""
        with self._opening:
            self._ended = True
        if self._opened is not None:
            self._opened.close()

    def __reduce__(self) -> Any:
        if self._path is None:
            raise TypeError("a collection in memory is in this process alone; pickle one that has a directory")
        return Collection, (None, self._path, self._models)

    def __repr__(self) -> str:
        state = "closed" if self.closed else "read-only" if self.read_only else "open"
        return f"Collection({self._path or 'in memory'!r}, {state})"

    @property
    def path(self) -> Optional[str]:
        """The directory, or None for a collection in memory."""
        return self._path

    @property
    def closed(self) -> bool:
        """True once it was closed."""
        return self._ended

    @property
    def read_only(self) -> bool:
        """True if it was opened for reading."""
        return self._opened is None or self._opened.read_only

    @property
    def generation(self) -> int:
        """The number of the present generation of segment files."""
        return self._raw.generation

    @property
    def schema(self) -> Dict[str, Any]:
        """Name, fields and models, in the JSON form."""
        return self._raw.schema

    @property
    def aio(self) -> "AsyncCollection":
        """The collection for `async` code: every call is awaited and blocks no event loop."""
        from .aio import AsyncCollection

        return AsyncCollection(self)

    def searcher(self) -> Searcher:
        """A read view of this moment."""
        return Searcher(self._view())

    def refresh(self) -> bool:
        """Makes a collection that was opened for reading see what was written since; true if there was something."""
        return self._raw.refresh()

    # Writes

    def upsert(
        self,
        documents: Any = None,
        *,
        ids: Optional[Sequence[Any]] = None,
        texts: Optional[Union[Sequence[Optional[str]], Mapping[str, Sequence[Optional[str]]]]] = None,
        vectors: Optional[Any] = None,
        payloads: Optional[Sequence[Optional[Mapping[str, Any]]]] = None,
        durability: Optional[str] = None,
    ) -> Dict[str, Any]:
        """Writes whole rows, all or none. A row whose id is there already is replaced.

        Args:
            documents: A document or several: dictionaries with `id`, `title`, `text`, `vector`, `payload`; `Document`s;
                dataclasses, whose other fields are the payload; a table of pandas, polars or Arrow, whose columns are
                `id`, the fields of the schema, and the payload.
            ids: Or columns: ids, with the next three.
            texts: A text a row, or such lists by field.
            vectors: An array of rows x components, or such arrays by field. One of float32 in row order is read in
                place; other kinds are converted.
            payloads: A dictionary a row.
            durability: `"sync"`, `"interval"` or `"bulk"`; by default that of the collection.

        Returns:
            The receipt: `seq`, `durable`, `generation`, `written`, `deleted`.

        Raises:
            InvalidDocument: The message names the document; nothing was written.

        Ctrl-C ends a long write, of which nothing is left then.

        >>> import numpy as np, lexivec
        >>> shelf = lexivec.in_memory(dim=3)
        >>> shelf.upsert(ids=["a", "b"], vectors=np.eye(2, 3, dtype=np.float32))["written"]
        2
        """
        if documents is None:
            if ids is None:
                raise InvalidArgument("documents: none are given; give documents, or columns with ids")
            return self._raw.upsert_columns(
                column_of("ids", ids),
                _named(texts, "text", column_of),
                _named(vectors, "vector", array_of),
                None if payloads is None else column_of("payloads", payloads),
                durability,
            )
        if ids is not None or texts is not None or vectors is not None or payloads is not None:
            raise InvalidArgument("documents: documents and columns are given; give either")
        if is_table(documents):
            return self._raw.upsert_columns(*columns_of_table(documents, self.schema), durability)
        return self._raw.upsert(list_of(documents), durability)

    add = upsert

    def check(self, documents: Any) -> None:
        """Checks documents like a write of them, and writes nothing."""
        if is_table(documents):
            documents = columns_of_table(documents, self.schema).documents()
        self._raw.check(list_of(documents))

    def patch(self, id: str, changes: Mapping[str, Any]) -> Optional[Dict[str, Any]]:
        """Sets keys of a row's payload, and removes those that are None; None if there is no such row.

        >>> import lexivec
        >>> notes = lexivec.in_memory()
        >>> _ = notes.upsert({"id": "a", "text": "wing", "payload": {"year": 1958, "draft": True}})
        >>> _ = notes.patch("a", {"year": 1959, "draft": None})
        >>> notes["a"].payload
        {'year': 1959}
        """
        return self._raw.patch(str(id), dict(changes))

    def delete(self, ids: Union[str, Iterable[str]], *, durability: Optional[str] = None) -> Dict[str, Any]:
        """Deletes rows by id; those that are not there are passed over."""
        listed = [ids] if isinstance(ids, str) else [str(id) for id in ids]
        return self._raw.delete(listed, durability)

    def delete_where(self, filter: Filter, *, durability: Optional[str] = None) -> Dict[str, Any]:
        """Deletes every row that a filter admits."""
        return self._raw.delete_where(filter, durability)

    # Upkeep

    def flush(self) -> int:
        """Brings the rows that only the log has into a segment file; the number of the generation."""
        return self._raw.flush()

    def compact(self, *, memory: Optional[int] = None) -> Dict[str, Any]:
        """Merges segments, and drops deleted rows; `memory` bounds what a merge takes, in bytes."""
        return self._raw.compact(memory)

    def cancel_compaction(self) -> None:
        """Ends a compaction that another thread runs."""
        self._raw.cancel_compaction()

    def stats(self) -> Dict[str, Any]:
        """Rows, segments, bytes, the log, and what background work failed at."""
        return self._raw.stats()

    def damage(self) -> Optional[str]:
        """A fault of the files that does not keep the collection from being open, or None."""
        return self._raw.damage()

    def snapshot(self, name: str) -> Dict[str, Any]:
        """Keeps the present state under a name, in the folder `snapshots` of the directory."""
        return self._raw.snapshot(name)

    def export(self, path: Path) -> int:
        """Writes the collection into one new file, which `lexivec.import_collection` reads; its bytes.

        The file gets its name once it is complete.
        """
        return self._raw.export(os.fspath(path))

    # Settings

    def profiles(self) -> Dict[str, Any]:
        """The profiles by name."""
        return self._raw.profiles()

    def set_profile(self, name: str, profile: Mapping[str, Any]) -> int:
        """Keeps settings of searches under a name, for `search(profile=name)`."""
        return self._raw.set_profile(name, dict(profile))

    def remove_profile(self, name: str) -> int:
        """Removes a profile."""
        return self._raw.remove_profile(name)

    def synonyms(self) -> str:
        """The rules of synonyms, a line each."""
        return self._raw.synonyms()

    def set_synonyms(self, rules: str) -> int:
        """Replaces the synonyms: a rule a line, `aeroplane, airplane` or `usa => united states`. Nothing is indexed again.

        >>> import lexivec
        >>> notes = lexivec.in_memory()
        >>> _ = notes.set_synonyms("aeroplane, airplane")
        >>> _ = notes.upsert({"id": "a", "text": "an airplane"})
        >>> notes.search("aeroplane").ids()
        ['a']
        """
        return self._raw.set_synonyms(rules)

    def remove_synonyms(self) -> int:
        """Removes the synonyms."""
        return self._raw.remove_synonyms()

    # Learning

    def add_feedback(self, feedback: Sequence[Mapping[str, Any]]) -> Dict[str, Any]:
        """Stores which rows were relevant for a query: `text` or `vector`, `relevant` ids, and the ids `shown`."""
        return self._raw.add_feedback([dict(one) for one in feedback])

    def train_adapter(
        self,
        *,
        rank: Optional[int] = None,
        alpha: Optional[float] = None,
        rate: Optional[float] = None,
        epochs: Optional[int] = None,
        folds: Optional[int] = None,
        seed: Optional[int] = None,
    ) -> Dict[str, Any]:
        """Trains a query adapter on the stored feedback, and measures it on queries that had no part in it."""
        return self._raw.train_adapter(rank=rank, alpha=alpha, rate=rate, epochs=epochs, folds=folds, seed=seed)

    def adapters(self) -> List[Dict[str, Any]]:
        """The query adapters, the active one marked."""
        return self._raw.adapters()

    def activate_adapter(self, version: Optional[int]) -> None:
        """Makes an adapter the one that queries use; None for none."""
        self._raw.activate_adapter(version)

    def delete_adapter(self, version: int) -> None:
        """Deletes an adapter that is not active."""
        self._raw.delete_adapter(version)


def _named(columns: Any, field: str, one: Callable[[str, Any], Any]) -> Dict[str, Any]:
    """Columns by field; a column alone is that of the usual field."""
    if columns is None:
        return {}
    named = columns if isinstance(columns, Mapping) else {field: columns}
    return {name: one(name, column) for name, column in named.items()}


def options_of(
    name: Optional[str],
    dim: Optional[int],
    metric: Optional[str],
    text: Optional[Union[str, Sequence[Union[str, Mapping[str, Any]]]]],
    vectors: Optional[Union[Mapping[str, int], Sequence[Mapping[str, Any]]]],
    tokens: Optional[int],
    options: Mapping[str, Any],
) -> Dict[str, Any]:
    """The options of a new collection in their JSON form."""
    made: Dict[str, Any] = {key: value for key, value in options.items() if value is not None}
    fields: List[Dict[str, Any]] = []
    if dim is not None:
        fields.append({"name": "vector", "dim": dim})
    if isinstance(vectors, Mapping):
        fields += [{"name": name, "dim": dim} for name, dim in vectors.items()]
    elif vectors is not None:
        fields += [dict(field) for field in vectors]
    if metric is not None:
        made["metric"] = metric
        fields = [{"metric": metric, **field} for field in fields]
    if fields:
        made["vectors"] = fields
    if name is not None:
        made["name"] = name
    if text is not None:
        text = [text] if isinstance(text, str) else text
        made["text"] = [{"name": field} if isinstance(field, str) else dict(field) for field in text]
    if tokens is not None:
        made["tokens"] = [{"name": "tokens", "dim": tokens}]
    if isinstance(made.get("fusion"), str):
        made["fusion"] = {made["fusion"]: {}}
    return made


def create(
    path: Path,
    *,
    dim: Optional[int] = None,
    metric: Optional[str] = None,
    embedder: Optional[AnyEmbedder] = None,
    reranker: Optional[AnyReranker] = None,
    name: Optional[str] = None,
    text: Optional[Union[str, Sequence[Union[str, Mapping[str, Any]]]]] = None,
    join_text: Optional[bool] = None,
    vectors: Optional[Union[Mapping[str, int], Sequence[Mapping[str, Any]]]] = None,
    tokens: Optional[int] = None,
    embed_tokens: bool = False,
    bm25: Optional[Mapping[str, float]] = None,
    fusion: Optional[Union[str, Mapping[str, Any]]] = None,
    seed: Optional[int] = None,
    graph_min_rows: Optional[int] = None,
    durability: Optional[str] = None,
    background: bool = True,
    exist_ok: bool = False,
) -> Collection:
    """Creates a collection in a new or empty directory.

    Args:
        path: The directory.
        dim: Components of the vectors of the field `vector`; none without it, unless the embedder brings it.
        metric: `"cosine"`, `"dot"` or `"l2"`.
        embedder: A model that makes the vectors of texts, or its folder.
        reranker: A model for requests with `rerank="model"`, or its folder.
        name: Its name; `documents` by default.
        text: Text fields, or one: names, or dictionaries with `name`, `analyzer` and `weight`; `title` and `text` by
            default.
        join_text: False to search each text field by itself.
        vectors: More vector fields: dimensions by name, or with `m`, `ef_construction` and `quantization`.
        tokens: Components of token vectors, for late interaction.
        embed_tokens: True if the embedder makes token vectors as well.
        bm25: The constants of BM25.
        fusion: The rule that fuses the legs.
        seed: Seed of every random choice while building.
        graph_min_rows: Rows from which a segment gets a graph.
        durability: `"sync"` (the default), `"interval"` or `"bulk"`.
        background: False to flush and compact within writes instead of in the background.
        exist_ok: True to open a collection that is there already, if these options describe it.

    Raises:
        AlreadyExists: There is a collection, or another file, in the directory.

    >>> import lexivec, tempfile
    >>> with lexivec.create(tempfile.mkdtemp() + "/papers", dim=384) as papers:
    ...     papers.upsert({"id": "a", "text": "a wing", "vector": [0.1] * 384})["written"]
    1
    """
    options = {"join_text": join_text, "bm25": bm25, "fusion": fusion, "seed": seed,
               "graph_min_rows": graph_min_rows, "durability": durability}
    made = options_of(name, dim, metric, text, vectors, tokens, options)
    return _created(os.path.abspath(path), made, embedder, embed_tokens, reranker, background, exist_ok)


def in_memory(
    *,
    dim: Optional[int] = None,
    metric: Optional[str] = None,
    embedder: Optional[AnyEmbedder] = None,
    reranker: Optional[AnyReranker] = None,
    name: Optional[str] = None,
    text: Optional[Union[str, Sequence[Union[str, Mapping[str, Any]]]]] = None,
    join_text: Optional[bool] = None,
    vectors: Optional[Union[Mapping[str, int], Sequence[Mapping[str, Any]]]] = None,
    tokens: Optional[int] = None,
    embed_tokens: bool = False,
    bm25: Optional[Mapping[str, float]] = None,
    fusion: Optional[Union[str, Mapping[str, Any]]] = None,
    seed: Optional[int] = None,
    graph_min_rows: Optional[int] = None,
) -> Collection:
    """Creates a collection that lives in memory only. The options are those of `create`.

    >>> import lexivec
    >>> notes = lexivec.in_memory()
    >>> _ = notes.upsert({"id": "a", "text": "a wing in a slipstream"})
    >>> notes.search("slipstream").ids()
    ['a']
    """
    options = {"join_text": join_text, "bm25": bm25, "fusion": fusion, "seed": seed, "graph_min_rows": graph_min_rows}
    made = options_of(name, dim, metric, text, vectors, tokens, options)
    return _created(None, made, embedder, embed_tokens, reranker)


def _created(
    path: Optional[str],
    options: Dict[str, Any],
    embedder: Optional[AnyEmbedder],
    embed_tokens: bool,
    reranker: Optional[AnyReranker],
    background: bool = False,
    exist_ok: bool = False,
) -> Collection:
    """A new collection in a directory, or in memory without a path."""
    models = models_of(embedder, reranker)
    raw_embedder, raw_reranker = models.raw()
    raw = RawCollection.create(path, options, background, exist_ok, raw_embedder, embed_tokens, raw_reranker)
    return Collection(raw, path, models)


def open(
    path: Path,
    *,
    embedder: Optional[AnyEmbedder] = None,
    reranker: Optional[AnyReranker] = None,
    background: bool = True,
) -> Collection:
    """Opens a collection for reading and writing. One handle at a time may.

    Raises:
        PathNotFound: There is no collection.
        Locked: Another handle has it open for writing; the message names the process.
        Corrupt: Something acknowledged cannot be read; the message names file and byte.
    """
    return _opened(path, embedder, reranker, background=background)


def open_read_only(
    path: Path,
    *,
    embedder: Optional[AnyEmbedder] = None,
    reranker: Optional[AnyReranker] = None,
) -> Collection:
    """Opens a collection for reading, next to a writer and in any number of processes. `refresh` brings later writes."""
    return _opened(path, embedder, reranker, read_only=True)


def _opened(
    path: Path,
    embedder: Optional[AnyEmbedder],
    reranker: Optional[AnyReranker],
    read_only: bool = False,
    background: bool = False,
) -> Collection:
    # The path of a handle stays right when the process goes to another folder.
    where, models = os.path.abspath(path), models_of(embedder, reranker)
    return Collection(RawCollection.open(where, read_only, background, *models.raw()), where, models)


def verify(path: Path, *, level: str = "full") -> Dict[str, Any]:
    """Looks at every file of a collection: `level` is `"quick"`, `"full"` or `"deep"`. `sound` is true without a fault.

    >>> import lexivec, tempfile
    >>> where = tempfile.mkdtemp() + "/papers"
    >>> lexivec.create(where).close()
    >>> lexivec.verify(where)["sound"]
    True
    """
    return RawCollection.verify(os.fspath(path), level)


def repair(source: Path, target: Path) -> Dict[str, Any]:
    """Makes a sound collection in `target` of what can be read in `source`, which stays as it is."""
    return RawCollection.repair(os.fspath(source), os.fspath(target))


def import_collection(export: Path, path: Path, *, name: Optional[str] = None) -> None:
    """Makes a collection of a file that `Collection.export` wrote."""
    RawCollection.import_from(os.fspath(path), os.fspath(export), name)


def restore(snapshot: Path, path: Path, *, name: Optional[str] = None) -> Dict[str, Any]:
    """Makes a collection of a snapshot."""
    return RawCollection.restore(os.fspath(snapshot), os.fspath(path), name)


def snapshots(path: Path) -> Dict[str, Any]:
    """The snapshots of a collection, and those that cannot be opened."""
    return RawCollection.snapshots(os.fspath(path))


def reembed(path: Path, embedder: AnyEmbedder) -> Dict[str, Any]:
    """Replaces the vectors of every row by those of another model. Readers keep the old ones until they open again."""
    model = embedder_of(embedder)
    if model is None:
        raise InvalidArgument("embedder: None is given; give a lexivec.Embedder or the folder of a model")
    return RawCollection.reembed(os.fspath(path), model._raw)


def reindex(path: Path) -> Dict[str, Any]:
    """Analyzes the texts of every row again by the present version of analysis."""
    return RawCollection.reindex(os.fspath(path))
