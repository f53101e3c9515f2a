"""What goes wrong, or comes in an odd form: arrays at any address, values without an end, interrupts, failing models."""

from __future__ import annotations

import os
import pickle
import signal
import subprocess
import sys
import threading
from collections import UserDict
from pathlib import Path

import numpy as np
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


def endless() -> list:
    itself: dict = {}
    itself["x"] = itself
    mapping: UserDict = UserDict()
    mapping["x"] = mapping
    deep: list = []
    for _ in range(50_000):
        deep = [deep]
    return [itself, mapping, {"x": deep}]


@pytest.mark.parametrize("value", endless(), ids=["dict", "mapping", "list"])
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


def test_an_interrupt_in_a_model_is_an_interrupt():
    def interrupted(*_):
        raise KeyboardInterrupt

    def embed(texts):
        return interrupted() if texts == ["stop"] else [[1.0, 0.0] for _ in texts]

    with lexivec.in_memory(embedder=lexivec.Embedder(embed, dim=2), reranker=lexivec.Reranker(interrupted)) as made:
        made.upsert({"id": "a", "text": "one"})
        with pytest.raises(KeyboardInterrupt):
            made.upsert({"id": "b", "text": "stop"})
        with pytest.raises(KeyboardInterrupt):
            made.search("one", rerank="model")
        assert [row.id for row in made.scan()] == ["a"]


INTERRUPTED = """
import sys, threading, _thread, lexivec, numpy as np
made = lexivec.create(sys.argv[1], dim=64, background=False)
rows = np.random.default_rng(1).normal(size=(12_000, 64)).astype(np.float32)
for part in range(4):
    made.upsert(ids=range(part * 3_000, part * 3_000 + 3_000), vectors=rows[part * 3_000 : part * 3_000 + 3_000])
    made.flush()
segments = len(made.stats()["segments"])
threading.Timer(0.2, _thread.interrupt_main).start()
try:
    made.compact()
except KeyboardInterrupt:
    assert len(made.stats()["segments"]) == segments, "it was done"
    print("interrupted", len(made))
"""


def test_an_interrupt_ends_a_compaction(tmp_path):
    ran = subprocess.run([sys.executable, "-c", INTERRUPTED, str(tmp_path / "a")], capture_output=True, text=True)
    assert ran.stdout == "interrupted 12000\n", ran.stderr


def test_an_interrupted_export_leaves_no_file(tmp_path):
    program = (
        "import sys, lexivec, threading, _thread\n"
        "made = lexivec.create(sys.argv[1] + '/a')\n"
        "made.upsert(ids=range(1000), texts=['wing ' * 200] * 1000)\n"
        "made.flush()\n"
        "try:\n"
        "    made.export('/dev/null/x')\n"
        "except lexivec.LexivecError as error:\n"
        "    print(type(error).__name__)\n"
        "made.close()\n"
        "try:\n"
        "    made.export(sys.argv[1] + '/b')\n"
        "except lexivec.LexivecError as error:\n"
        "    print(error.kind)\n"
    )
    ran = subprocess.run([sys.executable, "-c", program, str(tmp_path)], capture_output=True, text=True)
    assert ran.stdout.split() == ["IoError", "closed"], ran.stderr
    assert os.listdir(tmp_path) == ["a"]


def test_a_killed_export_leaves_no_file_of_its_name(tmp_path):
    program = (
        "import os, sys, signal, threading, time, lexivec\n"
        "made = lexivec.create(sys.argv[1] + '/a')\n"
        "made.upsert(ids=range(20_000), texts=[f'wing {n} ' * 50 for n in range(20_000)])\n"
        "made.flush()\n"
        "def kill():\n"
        "    while not any(name.startswith('.lexivec-') for name in os.listdir(sys.argv[1])):\n"
        "        pass\n"
        "    os.kill(os.getpid(), signal.SIGKILL)\n"
        "threading.Thread(target=kill, daemon=True).start()\n"
        "made.export(sys.argv[1] + '/b')\n"
    )
    ran = subprocess.run([sys.executable, "-c", program, str(tmp_path)], capture_output=True, text=True)
    assert ran.returncode == -signal.SIGKILL, ran.stderr
    assert not Path(tmp_path, "b").exists()
    with lexivec.open(tmp_path / "a") as made:
        made.export(tmp_path / "b")
    assert sorted(os.listdir(tmp_path)) == ["a", "b"]


def test_answers_and_hits_travel_in_pickles():
    with lexivec.in_memory() as made:
        made.upsert([{"id": "a", "text": "a wing", "payload": {"kind": "x"}}, {"id": "b", "text": "wings of a wing", "payload": {"kind": "y"}}])
        for answer in (made.search("wing", explain=True, with_text=True, highlight=True), made.search("wing", group_by="kind")):
            again = pickle.loads(pickle.dumps(answer))
            assert again.to_dict() == answer.to_dict() and again.ids() == answer.ids()
        hit = made.search("wing")[0]
        assert pickle.loads(pickle.dumps(hit)) == hit and len({hit, made.search("wing")[0]}) == 1


def test_other_threads_run_while_documents_are_read():
    rows = [{"id": str(n), "text": "wing"} for n in range(3_000)]
    ready, begin, ran = threading.Event(), threading.Event(), []

    def other() -> None:
        ready.set()
        begin.wait()
        ran.append(True)

    thread, interval = threading.Thread(target=other), sys.getswitchinterval()
    thread.start()
    ready.wait()
    # The other thread gets the lock only if this one gives it away, and not since its time is over.
    sys.setswitchinterval(3_600)
    try:
        with lexivec.in_memory() as made:
            begin.set()
            with pytest.raises(errors.InvalidDocument):
                made.check([*rows, {"id": None}])
            assert ran
    finally:
        sys.setswitchinterval(interval)
        thread.join()
