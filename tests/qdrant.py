"""Drives qdrant-client against a server, and compares each answer with that of the client's own local mode:

    qdrant.py ADDRESS ROUNDS [--planted]

The last line is JSON: how many answers were compared, and how many were different. `--planted` changes the local side
in the middle, so that there has to be a difference.
"""

import json
import random
import sys
import uuid
import warnings

from qdrant_client import QdrantClient, models as m
from qdrant_client.http.exceptions import UnexpectedResponse

warnings.simplefilter("ignore")
ADDRESS, ROUNDS, PLANTED = sys.argv[1], int(sys.argv[2]), "--planted" in sys.argv
NAME, TOLERANCE, SHOWN = "Compared points", 1e-5, 3
WORDS = ["ant", "bee", "cat", "dog", "eel", "fox"]
TIMES = ["2020-01-01T00:00:00Z", "2021-06-01T12:00:00+02:00", "2022-12-31"]
SIZES = {"text": 8, "image": 5, "vector": 3}
DISTANCES = {"text": m.Distance.COSINE, "image": m.Distance.DOT, "vector": m.Distance.EUCLID}

rng = random.Random(7)
remote = QdrantClient(url=ADDRESS, prefer_grpc=False, timeout=60)
local = QdrantClient(":memory:")


def word():
    return rng.choice(WORDS)


def words(count):
    return rng.sample(WORDS, count)


def vector(name):
    return [rng.uniform(-1, 1) for _ in range(SIZES[name])]


def payload():
    made = {
        "word": word(),
        "n": rng.randint(0, 9),
        "f": rng.choice([0.5, 1.25, 3.75, -2.5]),
        "flag": rng.random() < 0.5,
        "tags": rng.choice([None, [], words(1), words(2), words(3)]),
        "nums": rng.sample(range(10), rng.randint(0, 3)),
        "when": rng.choice(TIMES),
        "o": rng.choice([{}, {"a": rng.randint(0, 3), "b": word()}, {"a": None}]),
        "items": [{"kind": word(), "k": rng.randint(0, 3)} for _ in range(rng.randint(0, 3))],
    }
    return {key: value for key, value in made.items() if rng.random() < 0.7}


def point(id_):
    vectors = {name: vector(name) for name in SIZES if name == "vector" or rng.random() < 0.9}
    return m.PointStruct(id=id_, vector=vectors, payload=payload())


def uuid_of(bits):
    return str(uuid.UUID(int=bits, version=4))


IDS = [number * 7 for number in range(150)] + [uuid_of(rng.getrandbits(128)) for _ in range(100)]


def in_element():
    inner = [
        m.Filter(must=[
            m.FieldCondition(key="kind", match=m.MatchAny(any=words(2))),
            m.FieldCondition(key="k", range=m.Range(gte=rng.randint(0, 3))),
        ]),
        m.Filter(must_not=[m.FieldCondition(key="kind", match=m.MatchValue(value=word()))]),
        m.Filter(should=[m.FieldCondition(key="k", match=m.MatchValue(value=1))]),
    ]
    return m.NestedCondition(nested=m.Nested(key="items", filter=rng.choice(inner)))


def condition():
    field, value = m.FieldCondition, m.MatchValue
    count = {rng.choice(["lt", "lte", "gt", "gte"]): rng.randint(0, 3)}
    return rng.choice([
        lambda: field(key="word", match=value(value=word())),
        lambda: field(key="tags", match=value(value=word())),
        lambda: field(key="n", match=value(value=rng.randint(0, 9))),
        lambda: field(key="flag", match=value(value=rng.random() < 0.5)),
        lambda: field(key=rng.choice(["tags", "word"]), match=m.MatchAny(any=words(2))),
        lambda: field(key=rng.choice(["tags", "word"]), match=m.MatchExcept(**{"except": words(3)})),
        lambda: field(key="nums", match=m.MatchExcept(**{"except": rng.sample(range(10), 3)})),
        lambda: field(key="word", match=m.MatchText(text=rng.choice(["a", "e", "ox"]))),
        lambda: field(
            key=rng.choice(["n", "f", "nums", "o.a"]),
            range=m.Range(gte=rng.uniform(-2, 4), lt=rng.uniform(3, 9)),
        ),
        lambda: field(key="nums", range=m.Range(gt=rng.randint(0, 9), gte=2)),
        lambda: field(key="when", range=m.DatetimeRange(gte=rng.choice(TIMES[:2]))),
        lambda: field(key="o.b", match=value(value=word())),
        lambda: field(key="items[].kind", match=value(value=word())),
        lambda: field(key="items[0].k", match=value(value=rng.randint(0, 3))),
        lambda: field(
            key=rng.choice(["tags", "nums", "word", "items"]), values_count=m.ValuesCount(**count)
        ),
        lambda: m.IsNullCondition(
            is_null=m.PayloadField(key=rng.choice(["tags", "word", "o.a"]))
        ),
        lambda: m.IsEmptyCondition(
            is_empty=m.PayloadField(key=rng.choice(["tags", "nums", "word", "o", "items", "o.a"]))
        ),
        lambda: m.HasIdCondition(has_id=rng.sample(IDS, 40)),
        in_element,
    ])()


def a_filter(depth=0):
    def some():
        inner = depth < 2 and rng.random() < 0.2
        return [a_filter(depth + 1) if inner else condition() for _ in range(rng.randint(1, 3))]

    clauses = {c: some() for c in ("must", "should", "must_not") if rng.random() < 0.4}
    if rng.random() < 0.1:
        clauses["min_should"] = m.MinShould(conditions=some(), min_count=rng.randint(1, 2))
    return m.Filter(**clauses) if clauses else m.Filter(must=[condition()])


def selector():
    return rng.choice([
        True,
        False,
        ["word", "o.a"],
        m.PayloadSelectorExclude(exclude=["o.a", "tags"]),
        m.PayloadSelectorInclude(include=["items[].k", "n"]),
    ])


def scored(points):
    return [(p.id, p.score, p.payload, p.vector) for p in points]


def records(points):
    return [(p.id, p.payload, p.vector) for p in points]


def by_id(points):
    """Points in the order of their ids: fused scores are often equal."""
    return sorted(((p.id, p.score) for p in points), key=lambda pair: str(pair[0]))


def question():
    """A request, as a function of a client."""
    using = rng.choice(list(SIZES))
    asked = {"collection_name": NAME, "using": using, "limit": rng.randint(1, 30)}
    admitted = a_filter() if rng.random() < 0.8 else None
    asked["query_filter"] = admitted
    shown = {"with_payload": selector(), "with_vectors": rng.choice([True, False, ["text"]])}
    near, limit = vector(using), asked["limit"]

    def prefetches(filtered):
        return [
            m.Prefetch(
                query=vector(name),
                using=name,
                limit=rng.randint(1, 20),
                filter=a_filter() if filtered and rng.random() < 0.5 else None,
            )
            for name in ("text", "image")
        ]

    kind = rng.randint(0, 10)
    if kind <= 2:
        offset, threshold = rng.choice([None, 3]), rng.choice([None, rng.uniform(-0.5, 1)])
        return lambda c: scored(
            c.query_points(query=near, offset=offset, score_threshold=threshold, **asked, **shown).points
        )
    if kind == 3:
        id_ = rng.choice(IDS)
        asked["using"] = "vector"
        return lambda c: scored(c.query_points(query=id_, **asked, **shown).points)
    if kind == 4:
        asked["using"] = "vector"
        examples = m.RecommendInput(positive=rng.sample(IDS, 2), negative=rng.sample(IDS, rng.randint(0, 2)))
        return lambda c: scored(c.query_points(query=m.RecommendQuery(recommend=examples), **asked).points)
    if kind == 5:
        fusion = rng.choice([
            m.FusionQuery(fusion=m.Fusion.RRF),
            m.FusionQuery(fusion=m.Fusion.DBSF),
            m.RrfQuery(rrf=m.Rrf(k=60)),
            m.RrfQuery(rrf=m.Rrf(weights=[2.0, 0.5])),
        ])
        inner = prefetches(True)
        return lambda c: by_id(c.query_points(NAME, query=fusion, prefetch=inner, limit=1000).points)
    if kind == 6:
        inner = prefetches(False)
        return lambda c: scored(c.query_points(query=near, prefetch=inner, **asked, **shown).points)
    if kind == 7:
        offset = rng.choice([None, rng.choice(IDS)])

        def page(client):
            points, following = client.scroll(NAME, admitted, limit, offset=offset, **shown)
            return records(points), following

        return page
    if kind == 8:
        return lambda c: c.count(NAME, count_filter=admitted).count
    if kind == 9:
        key = rng.choice(["word", "tags", "n", "items[].kind", "flag"])
        return lambda c: [(h.value, h.count) for h in c.facet(NAME, key, facet_filter=admitted, limit=limit).hits]
    key, size = rng.choice(["word", "n", "o.b"]), rng.randint(1, 3)
    return lambda c: [
        (group.id, scored(group.hits))
        for group in c.query_points_groups(
            NAME, key, query=near, using=using, query_filter=admitted, limit=4, group_size=size
        ).groups
    ]


def change():
    """A write, as a function of a client."""
    some, admitted = rng.sample(IDS, 5), a_filter()
    chosen = admitted if rng.random() < 0.3 else some
    keys, near, whole = {"n": rng.randint(0, 9), "extra": word()}, vector("text"), point(some[0])
    return rng.choice([
        lambda c: c.set_payload(NAME, keys, points=chosen),
        lambda c: c.set_payload(NAME, {"a": 2}, points=some, key="o"),
        lambda c: c.overwrite_payload(NAME, keys, points=some),
        lambda c: c.delete_payload(NAME, ["n", "extra"], points=chosen),
        lambda c: c.clear_payload(NAME, some[:2]),
        lambda c: c.update_vectors(NAME, [m.PointVectors(id=some[0], vector={"text": near})]),
        lambda c: c.delete_vectors(NAME, ["image"], points=some[:1]),
        lambda c: c.upsert(NAME, [whole]),
    ])


def alike(a, b):
    if isinstance(a, float) or isinstance(b, float):
        return isinstance(a, (int, float)) and isinstance(b, (int, float)) and abs(a - b) <= TOLERANCE
    if isinstance(a, dict) and isinstance(b, dict):
        return a.keys() == b.keys() and all(alike(a[key], b[key]) for key in a)
    if isinstance(a, (list, tuple)) and isinstance(b, (list, tuple)):
        return len(a) == len(b) and all(map(alike, a, b))
    return a == b and isinstance(a, bool) == isinstance(b, bool)


def compare():
    config = {name: m.VectorParams(size=SIZES[name], distance=DISTANCES[name]) for name in SIZES}
    points = [point(id_) for id_ in IDS]
    for client in (remote, local):
        client.create_collection(NAME, vectors_config=config)
        client.upsert(NAME, points)
    compared = different = 0
    for number in range(ROUNDS):
        if number % 20 == 19:
            made = change()
            made(remote)
            made(local)
            continue
        if PLANTED and number == ROUNDS // 2:
            local.set_payload(NAME, {"word": "planted"}, points=IDS[:50])
        asked = question()
        compared += 1
        found, expected = asked(remote), asked(local)
        if not alike(found, expected):
            different += 1
            if different <= SHOWN and not PLANTED:
                inside = [cell.cell_contents for cell in asked.__closure__]
                print(f"{number}: {inside}\n  {found}\n  {expected}", file=sys.stderr)
    return {"compared": compared, "different": different}


def refused(part, call):
    try:
        call()
    except UnexpectedResponse as error:
        assert part in error.content.decode(), (part, error.content)
        return
    raise AssertionError(f"{part} was not refused")


def walk():
    """The calls that are not compared: collections, aliases, batches, refusals."""
    c, size = remote, m.VectorParams(size=2, distance=m.Distance.EUCLID)
    assert c.collection_exists("walk") is False
    c.create_collection("walk", vectors_config=size)
    assert c.get_collection("walk").config.params.vectors.size == 2
    assert "walk" in [one.name for one in c.get_collections().collections]
    refused("walk", lambda: c.create_collection("walk", vectors_config=size))
    refused("Manhattan", lambda: c.create_collection(
        "x", vectors_config=m.VectorParams(size=2, distance=m.Distance.MANHATTAN)))
    refused("sparse_vectors", lambda: c.create_collection(
        "x", vectors_config={}, sparse_vectors_config={"s": m.SparseVectorParams()}))
    c.upsert("walk", m.Batch(ids=[1, 2**64 - 1], vectors=[[0.0, 0.0], [3.0, 4.0]], payloads=[{"a": 1}, {}]))
    found = c.query_points("walk", query=[0.0, 0.0]).points
    assert [(p.id, p.score) for p in found] == [(1, 0.0), (2**64 - 1, 5.0)], found
    assert found[0].payload == {"a": 1}
    refused("id", lambda: c.upsert("walk", [m.PointStruct(id="no-uuid", vector=[1.0, 1.0])]))
    refused("sample", lambda: c.query_points("walk", query=m.SampleQuery(sample=m.Sample.RANDOM)))
    refused("order_by", lambda: c.scroll("walk", order_by="a"))
    refused("geo_radius", lambda: c.count("walk", count_filter=m.Filter(must=[m.FieldCondition(
        key="a", geo_radius=m.GeoRadius(center=m.GeoPoint(lon=1, lat=1), radius=1))])))
    refused("missing", lambda: c.count("missing"))
    refused("No point", lambda: c.query_points("walk", query=77))
    c.update_collection_aliases([m.CreateAliasOperation(
        create_alias=m.CreateAlias(collection_name="walk", alias_name="Other name"))])
    assert c.count("Other name").count == 2
    assert [a.alias_name for a in c.get_collection_aliases("walk").aliases] == ["Other name"]
    c.batch_update_points("walk", [
        m.UpsertOperation(upsert=m.PointsList(points=[m.PointStruct(id=3, vector=[1.0, 1.0], payload={"b": 2})])),
        m.SetPayloadOperation(set_payload=m.SetPayload(payload={"c": 3}, points=[3])),
        m.DeleteOperation(delete=m.PointIdsList(points=[1])),
    ])
    assert c.retrieve("walk", [3, 1])[0].payload == {"b": 2, "c": 3}
    answers = c.query_batch_points("walk", [m.QueryRequest(query=[1.0, 1.0], limit=1)] * 2)
    assert [[p.id for p in answer.points] for answer in answers] == [[3], [3]]
    c.delete("walk", points_selector=m.Filter(must=[m.FieldCondition(key="b", match=m.MatchValue(value=2))]))
    assert c.count("walk").count == 1
    c.upload_points("walk", [m.PointStruct(id=n, vector=[n, 1.0]) for n in range(300)], batch_size=64)
    assert c.count("walk").count == 301
    c.create_payload_index("walk", "a", m.PayloadSchemaType.KEYWORD)
    refused("field_schema", lambda: c.create_payload_index("walk", "a", m.PayloadSchemaType.TEXT))
    assert c.delete_collection("walk") is True
    assert c.delete_collection("walk") is False
    refused("Other name", lambda: c.count("Other name"))


walk()
print(json.dumps(compare()))
