"""What the way through Python costs: `python python/benches/calls.py [MODEL]`, with the package of `make wheel` installed
and after `cargo build --release -p lexivec-benches -p lexivec-cli`.

A collection of ROWS rows with DIM components is searched by the same requests from Rust (`call-bench`) and from Python,
round by round in turn; the difference of the times of one request is the cost of a call. Then an array is added in Python and the same rows
by the command, in processor time; two threads search at once; and with the folder of a model, the resident memory of a
process that has opened it and a collection of ROWS texts.
"""

from __future__ import annotations

import json
import os
import resource
import statistics
import subprocess
import sys
import tempfile
import threading
import time
from pathlib import Path

import numpy as np

import lexivec

ROWS, DIM, ADDED = 10_000, 384, 100_000
WARM_UP, ROUNDS = 4, 60
SECONDS = 3.0
RELEASE = Path(__file__).parents[2] / "target" / "release"


def texts_of(rows: int, generator: np.random.Generator) -> list[str]:
    """Texts of 20 to 120 words whose frequencies are those of Zipf's law."""
    ranks = np.minimum(generator.zipf(1.3, size=(rows, 120)), 20_000)
    lengths = generator.integers(20, 121, size=rows)
    return [" ".join(f"w{rank}" for rank in row[:length]) for row, length in zip(ranks, lengths)]


def calls(place: str) -> None:
    """The cost of a call."""
    generator = np.random.default_rng(1)
    texts = texts_of(ROWS, generator)
    vectors = generator.normal(size=(ROWS, DIM)).astype(np.float32)
    where = f"{place}/calls"
    with lexivec.create(where, dim=DIM) as made:
        made.upsert(ids=range(ROWS), texts=texts, vectors=vectors, payloads=[{"n": n, "kind": f"k{n % 7}"} for n in range(ROWS)])
        made.compact()
    words = [" ".join(text.split()[:3]) for text in texts[:100]]
    kinds = {
        "text": [lexivec.request(one) for one in words],
        "vector": [lexivec.request(vector=[round(float(x), 6) for x in row]) for row in vectors[:100]],
        "hybrid": [lexivec.request(one, vector=[round(float(x), 6) for x in row]) for one, row in zip(words, vectors)],
    }
    with lexivec.open_read_only(where) as reader:
        for kind, requests in kinds.items():
            lines = Path(place, f"{kind}.jsonl")
            lines.write_text("\n".join(map(json.dumps, requests)))
            ready = [{**one, "vector": np.array(one["vector"], np.float32)} if "vector" in one else one for one in requests]
            rust, python = turns(where, lines, reader, ready)
            middles = " Rust {:.1f} us, Python {:.1f} us".format(*(np.median(times) for times in (rust, python)))
            low, middle, high = np.percentile(np.median(python - rust, axis=1), (25, 50, 75))
            print(f"{kind}:{middles}, {middle:+.1f} us ({low:+.1f} to {high:+.1f}, the middle half of {ROUNDS} rounds)")
        for kind, requests in kinds.items():
            one, two = (statistics.median(rate(reader, requests, threads) for _ in range(3)) for threads in (1, 2))
            print(f"{kind}: {one:.0f} a second with 1 thread, {two:.0f} with 2, {two / one:.2f} times")


def turns(where: str, lines: Path, reader: lexivec.Collection, requests: list[dict]) -> "tuple[np.ndarray, np.ndarray]":
    """Microseconds of each request in each round, of Rust and of Python, which take turns; the first rounds warm up."""
    rust, python = [], []
    with subprocess.Popen([RELEASE / "call-bench", where, lines], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as other:

        def by_rust() -> None:
            other.stdin.write("\n")
            other.stdin.flush()
            rust.append(json.loads(other.stdout.readline()))

        def by_python() -> None:
            times = []
            for one in requests:
                began = time.perf_counter()
                reader.search(**one)
                times.append((time.perf_counter() - began) * 1e6)
            python.append(times)

        for turn in range(WARM_UP + ROUNDS):
            for side in (by_rust, by_python) if turn % 2 else (by_python, by_rust):
                side()
        other.stdin.close()
    return np.array(rust[WARM_UP:]), np.array(python[WARM_UP:])


def rate(reader: lexivec.Collection, requests: list[dict], threads: int) -> float:
    """Searches a second of some threads."""
    counts, until = [0] * threads, time.perf_counter() + SECONDS

    def search(thread: int) -> None:
        while time.perf_counter() < until:
            for one in requests[thread::threads]:
                reader.search(**one)
                counts[thread] += 1

    began = time.perf_counter()
    running = [threading.Thread(target=search, args=(thread,)) for thread in range(threads)]
    [one.start() for one in running]
    [one.join() for one in running]
    return sum(counts) / (time.perf_counter() - began)


def adding(place: str) -> None:
    """The cost of adding an array, and of the command's ingestion of the same rows."""
    generator = np.random.default_rng(2)
    vectors = generator.normal(size=(ADDED, DIM)).astype(np.float32)
    np.save(f"{place}/vectors.npy", vectors)
    ratios = []
    for turn in range(3):
        command = [RELEASE / "lexivec", "ingest", f"{place}/command{turn}", "--vectors", f"{place}/vectors.npy"]
        program = (
            "import numpy, lexivec, sys\n"
            "vectors = numpy.load(sys.argv[1])\n"
            f"lexivec.create(sys.argv[2], dim={DIM}).upsert(ids=range(len(vectors)), vectors=vectors)\n"
        )
        python = [sys.executable, "-c", program, f"{place}/vectors.npy", f"{place}/python{turn}"]
        by_command, by_python = seconds(command), seconds(python)
        ratios.append(by_python / by_command)
        print(f"added {ADDED} x {DIM}: command {by_command:.1f} s, Python {by_python:.1f} s of processor time")
    print(f"ratio {statistics.median(ratios):.2f}")


def memory(place: str, model: str) -> None:
    """The resident memory of a process with a model and a collection, after 200 searches."""
    where = f"{place}/memory"
    with lexivec.create(where, embedder=model) as made:
        made.upsert(ids=range(ROWS), texts=texts_of(ROWS, np.random.default_rng(3)))
        made.flush()
    program = (
        "import lexivec, sys\n"
        "opened = lexivec.open(sys.argv[1], embedder=sys.argv[2])\n"
        "found = [opened.search(f'w{n} w{n * 3}') for n in range(200)]\n"
        "print(next(line for line in open('/proc/self/status') if line.startswith('VmRSS')).split()[1])\n"
    )
    ran = subprocess.run([sys.executable, "-c", program, where, model], capture_output=True, check=True)
    print(f"resident memory with model and {ROWS} rows: {int(ran.stdout) / 1024:.0f} MiB")


def seconds(command: list) -> float:
    """Processor seconds of a process."""
    before = resource.getrusage(resource.RUSAGE_CHILDREN)
    subprocess.run(command, check=True, stdout=subprocess.DEVNULL)
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    return after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime


if __name__ == "__main__":
    print(f"lexivec {lexivec.__version__}, {os.cpu_count()} cores, NumPy {np.__version__}")
    with tempfile.TemporaryDirectory() as place:
        calls(place)
        adding(place)
        if len(sys.argv) > 1:
            memory(place, sys.argv[1])
