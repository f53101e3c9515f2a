#!/usr/bin/env python3
"""Other vector indexes compared with lexivec, in one run: peers.py --bench BENCH.PY --lexivec BINARY
--sets FOLDER --out FOLDER [--rounds 3] [--only NAME...] SET...

One thread, pinned; each engine in a separate process; rounds of all engines in turn, medians. Queries a
second are of the process's processor time. BENCH.PY has the peers' adapters (classes with build, load,
set and query); SET is a folder that sets.py made. `report` in place of the sets writes what was measured
as Markdown, and pictures next to it.
"""

import argparse
import importlib.util
import json
import os
import pathlib
import resource
import shutil
import statistics
import subprocess
import sys

CORE = os.environ.get("BENCH_CORE", "1")
WIDTHS = [16, 24, 32, 48, 64, 96, 128, 192, 256, 384, 512]
TARGETS = [0.9, 0.95, 0.99]
PEERS = ["hnswlib", "zvec-i8", "vsag-sq8", "faiss-hnsw", "turbovec4"]
OURS = "lexivec"
# The same kind of rows, ever more of them.
SIZES = {"packages-10k": 10_000, "packages-100k": 100_000, "packages": 839_708}
GROWING = list(SIZES)


def adapters(path):
    for name in ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS"):
        os.environ.setdefault(name, "1")
    spec = importlib.util.spec_from_file_location("bench", path)
    bench = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(bench)
    return bench


def with_l2(bench, name):
    """The adapter for squared distances; None if the peer has none."""
    base = bench.ANN[name]
    if name == "hnswlib":
        class Hnswlib(base):
            def build(self, rows, threads, path):
                import hnswlib
                index = hnswlib.Index("l2", rows.shape[1])
                index.init_index(len(rows), ef_construction=200, M=16)
                index.set_num_threads(threads)
                index.add_items(rows, num_threads=threads)
                yield
                index.save_index(path + "/i")

            def load(self, path, dim, count):
                import hnswlib
                self.i = hnswlib.Index("l2", dim)
                self.i.load_index(path + "/i")
                self.i.set_num_threads(1)
        return Hnswlib
    if name.startswith("zvec"):
        class Zvec(base):
            def prm(self, zvec):
                kind = getattr(zvec.typing.QuantizeType, self.qt)
                return zvec.HnswIndexParam(zvec.MetricType.L2, 16, 200, kind)
        return Zvec
    if name.startswith("vsag"):
        class Vsag(base):
            def par(self, dim, threads):
                return super().par(dim, threads).replace('"ip"', '"l2"')
        return Vsag
    if name == "faiss-hnsw":
        class Faiss(base):
            def build(self, rows, threads, path):
                import faiss
                faiss.omp_set_num_threads(threads)
                index = faiss.index_factory(rows.shape[1], self.fac, faiss.METRIC_L2)
                index.hnsw.efConstruction = 200
                index.add(rows)
                yield
                faiss.write_index(index, path + "/i")
        return Faiss
    return None


def adapter(bench, name, folder):
    l2 = (folder / "metric.txt").read_text() == "l2"
    return with_l2(bench, name) if l2 else bench.ANN[name]


def folder_bytes(path):
    return sum(file.stat().st_size for file in pathlib.Path(path).rglob("*") if file.is_file())


def work_build(bench, name, folder, index):
    import time

    import numpy as np

    rows = np.load(folder / "x.npy")
    before = time.process_time()
    building = adapter(bench, name, folder)().build(rows, 1, str(index))
    next(building)
    cpu = time.process_time() - before
    for _ in building:
        pass
    return {"build_cpu": cpu}


def resident(kind):
    lines = pathlib.Path("/proc/self/status").read_text().splitlines()
    return int(next(line for line in lines if line.startswith(kind)).split()[1]) / 1024


def work_query(bench, name, folder, index):
    import time

    import numpy as np

    queries, truth = np.load(folder / "q.npy")[:1000], np.load(folder / "gt.npy")[:1000, :10]
    shape = np.load(folder / "x.npy", mmap_mode="r").shape
    engine = adapter(bench, name, folder)()
    before = resident("VmRSS")
    start = time.time()
    engine.load(str(index), shape[1], shape[0])
    opened = time.time() - start
    curve = []
    for setting in engine.sweep:
        engine.set(setting)
        for query in queries[:50]:
            engine.query(query)
        start = time.process_time()
        found = [engine.query(query) for query in queries]
        cpu = time.process_time() - start
        ids = np.full((len(found), 10), -1, np.int64)
        for row, hits in zip(ids, found):
            hits = np.asarray(hits).astype(np.int64).ravel()[:10]
            row[: len(hits)] = hits
        if hasattr(engine, "fix"):
            ids = engine.fix(ids)
        recall = np.mean([len(set(a) & set(b)) / 10 for a, b in zip(ids.tolist(), truth.tolist())])
        curve.append([str(setting), float(recall), len(queries) / cpu])
        if recall > 0.9975:
            break
    return {"curve": curve, "open_s": opened, "rss_mb": resident("VmRSS") - before}


def ours_build(lexivec, folder, index):
    metric = (folder / "metric.txt").read_text()
    command = [lexivec, "ingest", index, "--vectors", folder / "x.npy", "--metric", metric]
    return {"build_cpu": processor(command)[0]}


def ours_query(lexivec, folder, index, scratch):
    import numpy as np

    queries, truth = np.load(folder / "q.npy")[:1000], np.load(folder / "gt.npy")[:1000, :10]
    np.save(scratch / "q.npy", queries)
    np.save(scratch / "gt.npy", truth)
    command = [lexivec, "bench", index, "--query-vectors", scratch / "q.npy", "--json"]
    command += ["--truth", scratch / "gt.npy", "--ef", ",".join(map(str, WIDTHS))]
    command += ["--target-recall", ",".join(map(str, TARGETS))]
    settings = json.loads(processor(command)[1])["settings"]
    line = lambda s: [str(s.get("ef", s.get("target_recall"))), s["recall@10"], s["qps"]]
    return {
        "curve": [line(s) for s in settings if "ef" in s],
        "targets": [line(s) for s in settings if "target_recall" in s],
    }


def pinned(command):
    return ["taskset", "-c", CORE, *map(str, command)]


def processor(command, **more):
    """Runs a command; gives its processor seconds and what it printed."""
    before = resource.getrusage(resource.RUSAGE_CHILDREN)
    run = subprocess.run(pinned(command), check=True, capture_output=True, text=True, **more)
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    spent = after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime
    return spent, run.stdout


def worker(arguments, verb, name, folder, index):
    command = [sys.executable, __file__, "--bench", arguments.bench, "--worker", verb, name]
    run = subprocess.run(
        pinned([*command, folder, index]), capture_output=True, text=True, timeout=3_000
    )
    if run.returncode != 0:
        print(f"{name} {verb}: {run.stderr.strip().splitlines()[-1:]}", file=sys.stderr)
        return None
    return json.loads(run.stdout.strip().splitlines()[-1])


def at(curve, target):
    """Queries a second at a recall, between two settings along a line of logarithms."""
    import math

    points = sorted((recall, qps) for _, recall, qps in curve)
    best = max((qps for recall, qps in points if recall >= target), default=None)
    for (r0, q0), (r1, q1) in zip(points, points[1:]):
        if r0 < target <= r1 and r1 > r0:
            share = (target - r0) / (r1 - r0)
            between = math.exp((1 - share) * math.log(q0) + share * math.log(q1))
            best = max(best or 0.0, between)
    return best


def measure(arguments, name):
    bench = adapters(arguments.bench)
    folder, out = arguments.sets / name, arguments.out / name
    out.mkdir(parents=True, exist_ok=True)
    file = out / "results.json"
    results = json.loads(file.read_text()) if file.exists() else {}
    engines = [OURS, *(p for p in arguments.only or PEERS if adapter(bench, p, folder))]
    for engine in engines:
        index = out / "indexes" / engine
        if engine in results and index.exists():
            continue
        shutil.rmtree(index, ignore_errors=True)
        if engine == OURS:
            index.parent.mkdir(parents=True, exist_ok=True)
            built = ours_build(arguments.lexivec, folder, index)
        else:
            index.mkdir(parents=True)
            built = worker(arguments, "build", engine, folder, index)
        if built:
            results[engine] = built | {"bytes": folder_bytes(index), "rounds": []}
            print(name, engine, f"build {built['build_cpu']:.1f} CPU-s", flush=True)
            file.write_text(json.dumps(results))
    for engine in results:
        results[engine]["rounds"] = []
    for _ in range(arguments.rounds):
        for engine in [e for e in engines if e in results]:
            index = out / "indexes" / engine
            if engine == OURS:
                round_ = ours_query(arguments.lexivec, folder, index, out)
            else:
                round_ = worker(arguments, "query", engine, folder, index)
            if round_:
                results[engine]["rounds"].append(round_)
                speeds = [at(round_["curve"], target) for target in TARGETS]
                print(name, engine, [s and round(s) for s in speeds], flush=True)
        file.write_text(json.dumps(results))


def median(rounds, of):
    found = [value for value in map(of, rounds) if value is not None]
    return statistics.median(found) if found else None


def report(arguments):
    import matplotlib

    matplotlib.use("svg")
    import matplotlib.pyplot as plt

    for file in sorted(arguments.out.glob("*/results.json")):
        name, results = file.parent.name, json.loads(file.read_text())
        print(f"\n### {name}\n")
        print("| engine | build, CPU-s | MB on disk | q/s at 0.90 | at 0.95 | at 0.99 | highest recall |")
        print("|---|---|---|---|---|---|---|")
        figure, axes = plt.subplots(figsize=(7, 5))
        show = lambda value: "-" if value is None else f"{value:,.0f}"
        for engine, result in results.items():
            rounds = result["rounds"]
            if not rounds:
                continue
            speeds = [median(rounds, lambda r: at(r["curve"], target)) for target in TARGETS]
            best = max(recall for _, recall, _ in rounds[0]["curve"])
            print(
                f"| {engine} | {result['build_cpu']:.1f} | {result['bytes'] / 1e6:.0f} | "
                f"{' | '.join(map(show, speeds))} | {best:.4f} |"
            )
            settings = zip(*(r["curve"] for r in rounds))
            points = [(s[0][1], statistics.median(x[2] for x in s)) for s in settings]
            points = sorted(point for point in points if point[0] >= 0.8)
            style = {"linewidth": 2.5} if engine == OURS else {"linewidth": 1}
            axes.plot(*zip(*points), marker="o", markersize=3, label=engine, **style)
        ours = results[OURS]["rounds"]
        targets = zip(*(r["targets"] for r in ours))
        line = lambda t: f"{t[0][0]} gives {t[0][1]:.4f} at {statistics.median(x[2] for x in t):,.0f} q/s"
        print("\ntarget_recall:", "; ".join(line(t) for t in targets))
        axes.set(xlabel="recall@10", ylabel="queries per CPU-second", yscale="log", title=name)
        axes.grid(True, which="both", alpha=0.3)
        axes.legend()
        figure.tight_layout()
        figure.savefig(arguments.plots / f"{name}.svg")
    growth(arguments, plt)


def growth(arguments, plt):
    """Queries a second at one recall by the number of rows."""
    figure, axes = plt.subplots(figsize=(7, 5))
    points = {}
    for name in GROWING:
        file = arguments.out / name / "results.json"
        if not file.exists():
            return
        rows = SIZES[name]
        for engine, result in json.loads(file.read_text()).items():
            speed = median(result["rounds"], lambda r: at(r["curve"], 0.95))
            if speed:
                points.setdefault(engine, []).append((rows, speed))
    print("\n### Growth: q/s at recall 0.95\n")
    print("| engine |", " | ".join(f"{SIZES[name]:,} rows" for name in GROWING), "|")
    print("|---" * (len(GROWING) + 1) + "|")
    for engine, line in points.items():
        if len(line) == len(GROWING):
            print(f"| {engine} |", " | ".join(f"{speed:,.0f}" for _, speed in line), "|")
            style = {"linewidth": 2.5} if engine == OURS else {"linewidth": 1}
            axes.plot(*zip(*line), marker="o", label=engine, **style)
    axes.set(xlabel="rows of 256 components", ylabel="queries per CPU-second at recall@10 0.95")
    axes.set(xscale="log", yscale="log", title="growth")
    axes.grid(True, which="both", alpha=0.3)
    axes.legend()
    figure.tight_layout()
    figure.savefig(arguments.plots / "growth.svg")


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--bench", required=True)
    parser.add_argument("--lexivec")
    parser.add_argument("--sets", type=pathlib.Path)
    parser.add_argument("--out", type=pathlib.Path)
    parser.add_argument("--plots", type=pathlib.Path)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--only", nargs="*")
    parser.add_argument("--worker", action="store_true")
    parser.add_argument("words", nargs="+")
    arguments = parser.parse_args()
    if arguments.worker:
        verb, name, folder, index = arguments.words
        work = {"build": work_build, "query": work_query}[verb]
        bench = adapters(arguments.bench)
        print(json.dumps(work(bench, name, pathlib.Path(folder), pathlib.Path(index))))
    elif arguments.words == ["report"]:
        report(arguments)
    else:
        for name in arguments.words:
            measure(arguments, name)


if __name__ == "__main__":
    main()
