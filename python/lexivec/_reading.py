"""Everything a collection and its read views can be asked."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Dict, Iterator, List, Mapping, Optional, Sequence, Union

from ._documents import Document
from ._lexivec import Answer, RawCursor, RawSearcher
from ._lexivec import request as native_request
from ._requests import request, requests_of

if TYPE_CHECKING:
    from ._requests import Filter, Request, Vector

#: Rows of a page of `scan`.
SCAN_ROWS = 1_000


class Reader:
    """The reads of a collection. Those of a `Collection` see every write before them, those of a `Searcher` one state."""

    def _view(self, deadline_ms: Optional[int] = None) -> RawSearcher:
        raise NotImplementedError

    def search(
        self,
        text: Optional[str] = None,
        *,
        vector: Optional[Vector] = None,
        filter: Optional[Filter] = None,
        limit: int = 10,
        offset: int = 0,
        mode: Optional[str] = None,
        syntax: Optional[str] = None,
        synonyms: Optional[bool] = None,
        typos: Optional[Union[str, int]] = None,
        vector_field: Optional[str] = None,
        adapter: Optional[Union[str, int]] = None,
        legs: Optional[Mapping[str, Any]] = None,
        bm25: Optional[Mapping[str, float]] = None,
        field_weights: Optional[Mapping[str, float]] = None,
        fusion: Optional[Union[str, Mapping[str, Any]]] = None,
        rerank: Optional[Union[str, Mapping[str, Any]]] = None,
        score_threshold: Optional[float] = None,
        profile: Optional[str] = None,
        floor: Optional[Mapping[str, Any]] = None,
        group_by: Optional[Union[str, Mapping[str, Any]]] = None,
        facets: Optional[Sequence[Union[str, Mapping[str, Any]]]] = None,
        params: Optional[Mapping[str, Any]] = None,
        with_payload: bool = True,
        with_text: bool = False,
        highlight: Optional[Union[bool, Mapping[str, Any]]] = None,
        explain: bool = False,
        deadline_ms: Optional[int] = None,
    ) -> Answer:
        """Searches by words, by a vector, or by both.

        Args:
            text: Words to look for. A collection with an embedder searches by their vector as well.
            vector: The query's vector, as long as those of its field.
            filter: Text, a dictionary or an expression that every hit satisfies.
            limit: Hits wanted.
            offset: Hits skipped before the first one.
            mode: `"text"`, `"vector"` or `"hybrid"`; by default the legs that the request has words or a vector for.
            syntax: `"words"`, or `"query_string"` for quotes, `+`, `-`, `*` and fields.
            synonyms: False to leave the collection's synonyms out.
            typos: Typing errors that a word may have: 0, 1, 2 or `"auto"`.
            vector_field: The vector field; the first by default.
            adapter: `"active"`, `"off"`, or the version of a query adapter.
            legs: Settings of the legs, as `{"text": {"weight": 2}}`.
            bm25: The constants of BM25, as `{"k1": 1.2, "b": 0.75}`.
            field_weights: Weights of text fields by name.
            fusion: `"rrf"`, `"dbsf"`, or as `{"weighted": {"alpha": 0.3, "normalize": "zscore"}}`.
            rerank: `"mmr"`, `"exact"`, `"late_interaction"`, `"model"`, or a dictionary with options.
            score_threshold: Lowest score of a hit.
            profile: Name of a profile of the collection, for settings that are not given.
            floor: Raw score below which the answer says that it is not confident.
            group_by: Payload field by whose values the hits are grouped.
            facets: Payload fields whose values are counted.
            params: Exactness against speed, as `{"target_recall": 0.99}` or `{"exact": True}`.
            with_payload: False for hits without payload.
            with_text: True for hits with their texts.
            highlight: True, or options, for the best passages of the texts.
            explain: True for the scores of terms and the plan.
            deadline_ms: Time the search has, in milliseconds.

        Raises:
            InvalidRequest: The message names the member.
            DimensionMismatch: The vector is longer or shorter than those of its field.
            DeadlineExceeded: It did not end in time.

        >>> import lexivec
        >>> papers = lexivec.in_memory(dim=2)
        >>> _ = papers.upsert([
        ...     {"id": "a", "text": "a wing in a slipstream", "vector": [1, 0], "payload": {"year": 1958}},
        ...     {"id": "b", "text": "heat in a boundary layer", "vector": [0, 1], "payload": {"year": 1961}},
        ... ])
        >>> papers.search("slipstream", vector=[0.9, 0.1]).ids()
        ['a', 'b']
        >>> [hit.payload["year"] for hit in papers.search("heat", limit=1)]
        [1961]
        """
        return self._view(deadline_ms).search(native_request(locals()))

    def search_many(self, requests: Sequence[Union[str, Mapping[str, Any]]]) -> List[Answer]:
        """Answers many requests on all cores, in their order: texts, or what `lexivec.request` makes.

        >>> import lexivec
        >>> notes = lexivec.in_memory()
        >>> _ = notes.upsert([{"id": "a", "text": "wing"}, {"id": "b", "text": "heat"}])
        >>> [answer.ids() for answer in notes.search_many(["wing", lexivec.request("heat", limit=1)])]
        [['a'], ['b']]
        """
        return self._view().search_many(requests_of(requests))

    def explain(self, text: Optional[str] = None, **options: Any) -> Answer:
        """Searches like `search`, with the scores of terms and the plan of every segment."""
        return self._view(options.get("deadline_ms")).search(request(text, **{**options, "explain": True}))

    def cursor(self, text: Optional[str] = None, *, reach: int = 1_000, **options: Any) -> "Cursor":
        """Ranks up to `reach` hits once, and gives them page by page. The options are those of `search`.

        >>> import lexivec
        >>> notes = lexivec.in_memory()
        >>> _ = notes.upsert([{"id": str(n), "text": "wing"} for n in range(5)])
        >>> [page.ids() for page in notes.cursor("wing").pages(2)]
        [['0', '1'], ['2', '3'], ['4']]
        """
        return Cursor(self._view(options.get("deadline_ms")).cursor(request(text, **options), reach))

    def why_not(self, id: str, text: Optional[str] = None, **options: Any) -> Dict[str, Any]:
        """Says at which step of a search a row was left out, or at which rank it is."""
        return self._view(options.get("deadline_ms")).why_not(request(text, **options), str(id))

    def suggest(self, text: str, **options: Any) -> Dict[str, Any]:
        """Completions of the last word, and a correction, from the words of the rows.

        >>> import lexivec
        >>> notes = lexivec.in_memory()
        >>> _ = notes.upsert({"id": "a", "text": "slipstream"})
        >>> [one["text"] for one in notes.suggest("sli")["completions"]]
        ['slipstream']
        """
        return self._view().suggest({"text": text, **options})

    def get(self, id: str) -> Optional[Document]:
        """The row with this id, or None.

        >>> import lexivec
        >>> notes = lexivec.in_memory()
        >>> _ = notes.upsert({"id": "a", "text": "wing", "payload": {"year": 1958}})
        >>> notes.get("a").payload
        {'year': 1958}
        """
        found = self._view().get(str(id))
        return None if found is None else Document(**found)

    def __getitem__(self, id: str) -> Document:
        """The row with this id; a missing one is a `KeyError`."""
        found = self.get(id)
        if found is None:
            raise KeyError(id)
        return found

    def __contains__(self, id: object) -> bool:
        return self._view().get(str(id)) is not None

    def __len__(self) -> int:
        return self.count()

    def __iter__(self) -> Iterator[str]:
        """The ids of all rows in their order, as a dictionary gives its keys; `scan` gives the rows.

        >>> import lexivec
        >>> notes = lexivec.in_memory()
        >>> _ = notes.upsert([{"id": "b", "text": "x"}, {"id": "a", "text": "y"}])
        >>> list(notes)
        ['a', 'b']
        """
        return (row.id for row in self.scan())

    def __bool__(self) -> bool:
        # An empty collection is still a collection.
        return True

    def count(self, filter: Optional[Filter] = None) -> int:
        """The exact number of rows that a filter admits; of all rows without one."""
        return self._view().count(filter)

    def facet(self, field: str, *, filter: Optional[Filter] = None, limit: int = 10) -> Dict[str, Any]:
        """Exact counts of the values at a payload path, over the rows that a filter admits.

        >>> import lexivec
        >>> notes = lexivec.in_memory()
        >>> _ = notes.upsert([{"id": str(n), "text": "w", "payload": {"even": n % 2 == 0}} for n in range(3)])
        >>> notes.facet("even")["values"]
        [{'value': True, 'count': 2}, {'value': False, 'count': 1}]
        """
        return self._view().facet(field, filter, limit)

    def scan(self, filter: Optional[Filter] = None, *, after: Optional[str] = None) -> Iterator[Document]:
        """All rows that a filter admits, in the order of their ids, of one state of the collection.

        >>> import lexivec
        >>> notes = lexivec.in_memory()
        >>> _ = notes.upsert([{"id": "b", "text": "x"}, {"id": "a", "text": "y"}])
        >>> [row.id for row in notes.scan()]
        ['a', 'b']
        """
        view = self._view()
        while True:
            rows, after = view.scroll(filter, after, SCAN_ROWS)
            for row in rows:
                yield Document(**row)
            if after is None:
                return

    def recall(
        self,
        *,
        field: Optional[str] = None,
        k: int = 10,
        params: Optional[Mapping[str, Any]] = None,
        filter: Optional[Filter] = None,
        queries: Optional[Sequence[Vector]] = None,
        samples: int = 100,
        seed: int = 1,
    ) -> Dict[str, Any]:
        """Measures how many of the exact nearest rows a vector search finds, for sampled rows or given queries."""
        return self._view().recall(
            field=field,
            k=k,
            params=dict(params or {}),
            filter=filter,
            queries=queries,
            samples=samples,
            seed=seed,
        )

    def tune(
        self,
        queries: Sequence[Mapping[str, Any]],
        *,
        metric: str = "ndcg@10",
        folds: int = 5,
        seed: int = 1,
    ) -> Dict[str, Any]:
        """Chooses settings of a search by judged queries, and measures the choice on queries that had no part in it.

        A judged query has an `id`, a `request` and `judgments`, the grades of documents by id: above 0 is relevant.
        Nothing is saved; `set_profile` does that.

        >>> import lexivec
        >>> notes = lexivec.in_memory()
        >>> _ = notes.upsert([{"id": "a", "text": "wing"}, {"id": "b", "text": "heat"}])
        >>> judged = [{"id": id, "request": {"text": notes[id].text["text"]}, "judgments": {id: 1}} for id in notes]
        >>> notes.tune(judged, metric="mrr@10", folds=2)["default"]
        1.0
        """
        return self._view().tune(list(queries), metric, folds, seed)

    @property
    def schema(self) -> Dict[str, Any]:
        """Name, fields and models, in the JSON form."""
        return self._view().schema

    @property
    def seq(self) -> int:
        """The number of the last write that answers include."""
        return self._view().seq


class Searcher(Reader):
    """A read view of one state of a collection: every answer is of the same rows, whatever is written later.

    >>> import lexivec
    >>> notes = lexivec.in_memory()
    >>> _ = notes.upsert({"id": "a", "text": "wing"})
    >>> before = notes.searcher()
    >>> _ = notes.upsert({"id": "b", "text": "wing"})
    >>> len(before), len(notes)
    (1, 2)
    """

    def __init__(self, raw: RawSearcher) -> None:
        self._raw = raw

    def _view(self, deadline_ms: Optional[int] = None) -> RawSearcher:
        return self._raw

    def scoped(self, filter: Filter) -> "Searcher":
        """A view to which the rows outside the filter do not exist: the filter is a part of every read."""
        return Searcher(self._raw.scoped(filter))

    @property
    def generation(self) -> int:
        """The number of the generation of segment files that answers."""
        return self._raw.generation

    def __repr__(self) -> str:
        return f"Searcher(seq={self.seq})"


class Cursor:
    """One ranked list, read page by page; `Reader.cursor` makes it."""

    def __init__(self, raw: RawCursor) -> None:
        self._raw = raw

    def next(self, limit: int = 10) -> Answer:
        """The next page; empty once all hits were given."""
        return self._raw.next(limit)

    def page(self, first: int, limit: int = 10) -> Answer:
        """The page from this hit on, counted from 0; the cursor does not move."""
        return self._raw.page(first, limit)

    def pages(self, limit: int = 10) -> Iterator[Answer]:
        """The pages that are left."""
        while len(page := self.next(limit)):
            yield page

    def __len__(self) -> int:
        """Hits of all pages together."""
        return self._raw.rows()

    @property
    def left(self) -> int:
        """Hits that `next` has not given yet."""
        return self._raw.left()

    def __repr__(self) -> str:
        return f"Cursor(hits={len(self)}, left={self.left})"
