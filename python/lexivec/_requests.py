"""Search requests: their options as keywords, and the dictionary that the native part reads."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Dict, List, Mapping, Optional, Sequence, Union

from ._lexivec import request as native_request
from .errors import InvalidRequest

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import ArrayLike

    from .filters import Expression

    #: A filter: SQL-like text, a dictionary in a JSON notation, or an expression of `lexivec.field`.
    Filter = Union[str, Mapping[str, Any], Expression]
    #: A vector: numbers, or an array of one dimension.
    Vector = Union[Sequence[float], "np.ndarray[Any, Any]", ArrayLike]
    #: A request as `lexivec.request` makes it.
    Request = Dict[str, Any]


def request(
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
) -> Request:
    """A search request, to be given to `search_many` or sent to a server as JSON.

    The keywords are those of `Collection.search`, which says what each of them means. What is left out is not in the
    dictionary.

    >>> import lexivec
    >>> lexivec.request("wing", limit=3, filter=lexivec.field("year") > 1950)
    {'text': 'wing', 'filter': '"year" > 1950', 'limit': 3}
    """
    return native_request(locals())


def requests_of(requests: Sequence[Union[str, Mapping[str, Any]]]) -> List[Request]:
    """Requests as new dictionaries; a text stands for a search for its words."""
    if isinstance(requests, (str, Mapping)):
        raise InvalidRequest("requests: one request is given; give a list of requests, or use search")
    return [{"text": one} if isinstance(one, str) else dict(one) for one in requests]
