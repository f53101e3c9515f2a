"""What goes wrong, or comes in an odd form: arrays at any address, values without an end, interrupts, failing models."""

from __future__ import annotations

import dataclasses
import os
import pickle
import signal
import subprocess
import sys
import threading
from collections import UserDict
from pathlib import Path

import numpy as np
import pyarrow as pa
import pytest

import lexivec
from lexivec import errors
from lexivec.platform import evaluate_embeddings


def unaligned(rows: np.ndarray) -> list[np.ndarray]:
    """The same numbers at addresses, and in steps, that no array of their own has."""
    fields = np.zeros(rows.shape, dtype=[("mark", "u1"), ("value", rows.dtype)])
    fields["value"] = rows
    shifted = np.frombuffer(b"\0" + rows.tobytes(), rows.dtype, offset=1).reshape(rows.shape)
    return [fields["value"], shifted]


@pytest.mark.parametrize("place", [0, 1])
def test_arrays_at_any_address_are_read_as_they_are(place):
    rows = np.arange(1, 25, dtype=np.float32).reshape(3, 8)
    odd = unaligned(rows)[place]
    with lexivec.in_memory(dim=8) as made:
        made.upsert(ids=["a", "b", "c"], vectors=odd)
        made.upsert({"id": "d", "vector": unaligned(rows[0])[place]})
        for id, row in zip("abcd", [*rows, rows[0]]):
            assert made[id].vectors["vector"].tolist() == row.tolist()
        found = made.search(vector=unaligned(rows[1])[place], params={"exact": True})
        assert found.ids() == made.search(vector=rows[1], params={"exact": True}).ids()
    for kind in (np.float32, np.float64):
        plain, query = rows.astype(kind), np.ones(8, kind)
        assert evaluate_embeddings(query, unaligned(plain)[place]) == evaluate_embeddings(query, plain)
        assert evaluate_embeddings(unaligned(query)[place], plain) == evaluate_embeddings(query, plain)
        assert evaluate_embeddings(query[::-1], plain[:, ::-1]) == evaluate_embeddings(query, plain)


def test_complex_numbers_are_refused():
    with lexivec.in_memory(dim=2) as made:
        for call in (
            lambda: made.upsert({"id": "a", "vector": np.array([1, 2j])}),
            lambda: made.search(vector=np.array([1, 2j])),
            lambda: evaluate_embeddings([1.0, 0.0], np.array([[1, 2j]])),
        ):
            with pytest.raises(ValueError, match="vector|rows"):
                call()


@pytest.mark.parametrize(
    "vectors",
    [np.array([["1", "2"]], object), np.array([["1", "2"]]), pa.array([["1", "2"]]), [["1", "2"]]],
    ids=["objects", "texts", "arrow", "list"],
)
def test_texts_are_no_numbers_of_a_vector(vectors):
    with lexivec.in_memory(dim=2) as made, pytest.raises(errors.LexivecError):
        made.upsert(ids=["a"], vectors=vectors)


@dataclasses.dataclass
class Link:
    next: object = None


def endless() -> list:
    link = Link()
    link.next = [link]
    itself: dict = {}
    itself["x"] = itself
    mapping: UserDict = UserDict()
    mapping["x"] = mapping
    deep: list = []
    for _ in range(50_000):
        deep = [deep]
    array = np.empty(1, object)
    array[0] = array
    return [itself, mapping, {"x": deep}, {"x": link}, {"x": array}]


@pytest.mark.parametrize("value", endless(), ids=["dict", "mapping", "list", "dataclass", "array"])
def test_values_without_an_end_are_refused(value):
    with lexivec.in_memory() as made:
        with pytest.raises(errors.InvalidDocument, match="nested"):
            made.upsert({"id": "a", "payload": value})
        with pytest.raises(errors.InvalidRequest, match="nested"):
            made.count(dict(value))
        with pytest.raises(errors.InvalidRequest, match="nested"):
            made.search("a", params=dict(value))
        assert len(made) == 0


@pytest.mark.parametrize(
    ("call", "words"),
    [
        (lambda made: made.search(vector=["a", 1.0]), r"vector\[0\]: a number is expected, not \"a\""),
        (lambda made: made.add_feedback([{"foo": 1}]), r"feedback\[0\]"),
        (lambda made: made.upsert(ids=["a"], texts=[5]), r"\[0\]: .* is expected, not 5"),
    ],
)
def test_a_fault_in_a_list_names_its_place(call, words):
    with lexivec.in_memory(dim=2) as made, pytest.raises(lexivec.LexivecError, match=words):
        call(made)


def test_a_model_that_gives_no_numbers_makes_no_collection(tmp_path):
    broken = lexivec.Embedder(lambda texts: [[float("nan"), 1.0] for _ in texts], dim=2, name="broken")
    with pytest.raises(errors.EmbedderError, match="not a finite number"):
        lexivec.create(tmp_path / "a", embedder=broken)
    lexivec.create(tmp_path / "a").close()


def test_the_exception_of_a_model_is_the_cause():
    def embed(texts):
        if "bad" in texts[0]:
            raise LookupError("no vector for this")
        return [[1.0, 0.0] for _ in texts]

    with lexivec.in_memory(embedder=lexivec.Embedder(embed, dim=2, name="small")) as made:
        with pytest.raises(errors.EmbedderError, match="small.*no vector for this") as raised:
            made.upsert({"id": "a", "text": "bad"})
        assert isinstance(raised.value.__cause__, LookupError)
        with pytest.raises(errors.EmbedderError) as raised:
            made.search_many(["good", "bad"])
        assert isinstance(raised.value.__cause__, LookupError)


def test_an_interrupt_in_an_embedder_is_an_interrupt():
    def embed(texts):
        if texts == ["stop"]:
            raise KeyboardInterrupt
        return [[1.0, 0.0] for _ in texts]

    with lexivec.in_memory(embedder=lexivec.Embedder(embed, dim=2)) as made:
        made.upsert({"id": "a", "text": "one"})
        with pytest.raises(KeyboardInterrupt):
            made.upsert({"id": "b", "text": "stop"})
        assert [row.id for row in made.scan()] == ["a"]


def test_the_end_of_a_reranker_ends_its_search_alone():
    def leave(*_):
        raise SystemExit

    with lexivec.in_memory(reranker=lexivec.Reranker(leave)) as made, lexivec.in_memory() as other:
        for one in (made, other):
            one.upsert({"id": "a", "text": "one"})
        answer = made.search("one", rerank="model")
        assert answer.ids() == ["a"] and "SystemExit" in answer.rerank["reason"]
        assert other.search("one").ids() == ["a"]


INTERRUPTED = """
import sys, threading, _thread, lexivec, numpy as np
made = lexivec.create(sys.argv[1], dim=64, background=False)
rows = np.random.default_rng(1).normal(size=(12_000, 64)).astype(np.float32)
for part in range(4):
    made.upsert(ids=range(part * 3_000, part * 3_000 + 3_000), vectors=rows[part * 3_000 : part * 3_000 + 3_000])
    made.flush()
segments = len(made.stats()["segments"])
main = threading.main_thread().ident
def interrupt():
    while sys._current_frames()[main].f_code.co_name != "compact":
        pass
    _thread.interrupt_main()
threading.Thread(target=interrupt).start()
try:
    made.compact()
except KeyboardInterrupt:
    assert len(made.stats()["segments"]) == segments, "it was done"
    print("interrupted", len(made))
"""


def test_an_interrupt_ends_a_compaction(tmp_path):
    ran = subprocess.run([sys.executable, "-c", INTERRUPTED, str(tmp_path / "a")], capture_output=True, text=True)
    assert ran.stdout == "interrupted 12000\n", ran.stderr


#: Does something to the process once an export has begun to write.
EXPORTED = """
import os, signal, sys, threading, lexivec
made = lexivec.create(sys.argv[1] + "/a")
made.upsert(ids=range(20_000), texts=[f"wing {n} " * 50 for n in range(20_000)])
made.flush()
def act():
    while not any(name.startswith(".lexivec-") for name in os.listdir(sys.argv[1])):
        pass
    ACTION
threading.Thread(target=act, daemon=True).start()
made.export(sys.argv[1] + "/b")
"""


def exported(place: Path, action: str) -> "subprocess.CompletedProcess[str]":
    program = EXPORTED.replace("ACTION", action)
    return subprocess.run([sys.executable, "-c", program, str(place)], capture_output=True, text=True)


def test_a_killed_export_leaves_no_file_of_its_name(tmp_path):
    ran = exported(tmp_path, "os.kill(os.getpid(), signal.SIGKILL)")
    assert ran.returncode == -signal.SIGKILL, ran.stderr
    assert not Path(tmp_path, "b").exists()
    with lexivec.open(tmp_path / "a") as made:
        made.export(tmp_path / "b")
    assert sorted(os.listdir(tmp_path)) == ["a", "b"]


def test_a_refused_export_or_import_leaves_no_file(tmp_path):
    with lexivec.create(tmp_path / "a") as made:
        with pytest.raises(errors.LexivecError):
            made.export("/dev/null/x")
    with pytest.raises(errors.Closed):
        made.export(tmp_path / "b")
    with pytest.raises(errors.PathNotFound, match="nowhere"):
        lexivec.import_collection(tmp_path / "nowhere", tmp_path / "c")
    assert os.listdir(tmp_path) == ["a"]


def test_answers_and_hits_travel_in_pickles():
    with lexivec.in_memory() as made:
        made.upsert([{"id": "a", "text": "a wing", "payload": {"kind": "x"}}, {"id": "b", "text": "wings of a wing", "payload": {"kind": "y"}}])
        for answer in (made.search("wing", explain=True, with_text=True, highlight=True), made.search("wing", group_by="kind")):
            again = pickle.loads(pickle.dumps(answer))
            assert again == answer and again.to_dict() == answer.to_dict()
        hit = made.search("wing")[0]
        assert pickle.loads(pickle.dumps(hit)) == hit and len({hit, made.search("wing")[0]}) == 1
