#!/usr/bin/env python3
"""Whole engines compared with lexivec, in one run: engines.py --bench BENCH.PY --lexivec BINARY --data FOLDER
--out FOLDER [--rounds 3] ENGINE...

Text, vectors, both, and both under filters, over one set of documents. One thread, pinned; each engine in a
separate process, rounds of all in turn, medians; queries a second are of processor time. BENCH.PY has
the engines' adapters and their data (FOLDER); lexivec answers through its own command. Writes Markdown.
"""

import argparse
import json
import os
import pathlib
import statistics
import sys
import time

from peers import processor

CANDIDATES, EF = "50", "96"
# Name, flags of our bench, and the same of the peers' results.
CELLS = [
    ("text", ["--mode", "text"], "text"),
    ("vector", ["--mode", "vector", "--ef", EF], "vec"),
    ("hybrid", ["--mode", "hybrid", "--ef", EF, "--candidates", CANDIDATES], "hybrid"),
]
for percent, least in ((1, 1), (10, 10)):
    where = ["--filter", json.dumps({"bucket": {"$lt": least}})]
    both = ["--mode", "hybrid", "--candidates", CANDIDATES]
    CELLS.append((f"vector {percent} %", ["--mode", "vector", *where], f"vec_f{least}"))
    CELLS.append((f"hybrid {percent} %", [*both, *where], f"hyb_f{least}"))
TRUTH = {"vector": "gt.npy", "vector 1 %": "gt_f1.npy", "vector 10 %": "gt_f10.npy"}


def ours_build(arguments, index):
    import numpy as np

    scratch, data = arguments.out, arguments.data
    texts, buckets = json.loads((data / "docs.json").read_text()), np.load(data / "bucket.npy")
    names = json.loads((data / "names.json").read_text())
    with open(scratch / "docs.jsonl", "w") as out:
        for row, (text, name, bucket) in enumerate(zip(texts, names, buckets)):
            payload = {"name": name, "bucket": int(bucket)}
            out.write(json.dumps({"id": str(row), "text": text, "payload": payload}) + "\n")
    queries = json.loads((data / "queries.json").read_text())
    lines = (json.dumps({"text": text}) + "\n" for text in queries)
    (scratch / "queries.jsonl").write_text("".join(lines))
    command = [arguments.lexivec, "ingest", index, "--jsonl", scratch / "docs.jsonl"]
    spent, _ = processor([*command, "--vectors", data / "x.f16.npy"])
    return spent


def ours(arguments, index):
    results = {}
    common = ["--query-vectors", arguments.data / "q.npy", "--query-text", arguments.out / "queries.jsonl"]
    for name, flags, _ in CELLS:
        truth = ["--truth", arguments.data / TRUTH[name]] if name in TRUTH else []
        command = [arguments.lexivec, "bench", index, *common, *flags, *truth, "--json"]
        setting = json.loads(processor(command)[1])["settings"][0]
        results[name] = {
            "qps": setting["qps"], "p99": setting["p99_ms"], "recall": setting.get("recall@10"),
        }
    vector = json.dumps([0.05] * 384)
    command = [arguments.lexivec, "search", index, "array sorting", "--vector", vector]
    start = time.time()
    processor(command)
    results["first"] = time.time() - start
    return results


def theirs(arguments, engine):
    out = arguments.out / "round.json"
    out.unlink(missing_ok=True)
    command = [sys.executable, arguments.bench, "_db", engine, "--out", out, "--threads", 1]
    environment = os.environ | {"BENCH_OUT": str(arguments.out)}
    processor([*command, "--modes", "text,vec,hybrid,filtered"], env=environment, timeout=900)
    found = json.loads(out.read_text())
    results = {"first": found["cold_open_first_query_s"]}
    for name, _, key in CELLS:
        cell = found.get(key, {})
        results[name] = {"qps": cell.get("qps"), "p99": cell.get("p99_ms"), "recall": cell.get("recall")}
    return results


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--bench", required=True)
    parser.add_argument("--lexivec", required=True)
    parser.add_argument("--data", type=pathlib.Path, required=True)
    parser.add_argument("--out", type=pathlib.Path, required=True)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("engines", nargs="*", help="built before by BENCH.PY with BENCH_OUT=OUT")
    arguments = parser.parse_args()
    index = arguments.out / "lexivec"
    if not index.exists():
        spent = ours_build(arguments, index)
        (arguments.out / "lexivec.json").write_text(json.dumps(spent))
        print(f"lexivec: ingested in {spent:.1f} CPU-seconds", file=sys.stderr)
    rounds = {name: [] for name in ["lexivec", *arguments.engines]}
    for _ in range(arguments.rounds):
        for name, found in rounds.items():
            found.append(ours(arguments, index) if name == "lexivec" else theirs(arguments, name))
            print(name, {k: v if k == "first" else v["qps"] for k, v in found[-1].items()}, file=sys.stderr)
    median = lambda values: statistics.median(values) if None not in values else None
    show = lambda value, form: "-" if value is None else form.format(value)
    print("| engine | " + " | ".join(name for name, *_ in CELLS) + " | first answer, s |")
    print("|---" * (len(CELLS) + 2) + "|")
    for engine, found in rounds.items():
        cells = []
        for name, *_ in CELLS:
            cell = {k: median([r[name][k] for r in found]) for k in ("qps", "p99", "recall")}
            recall = "" if cell["recall"] is None else f", {cell['recall']:.3f}"
            p99 = show(cell["p99"], "{:.1f} ms")
            cells.append(f"{show(cell['qps'], '{:,.0f}')} ({p99}{recall})")
        first = median([r["first"] for r in found])
        print(f"| {engine} | {' | '.join(cells)} | {first:.3f} |")


if __name__ == "__main__":
    main()
