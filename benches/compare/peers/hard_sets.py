#!/usr/bin/env python3
"""Prints the recall of lexivec and of hnswlib on hard sets: hard_sets.py --lexivec BINARY --folder FOLDER [NAME...]

A set is made by its seed: rows, queries that are no rows unless the set says so, and a metric. Both
engines build with 16 links and 100 candidates, hnswlib walks with a beam of 256, lexivec runs its default
search and searches with a target recall. A hit counts if it is no farther than the last exact one; the
exact hits come from a scan in float64, which judges both engines. A hit that is missing counts as missed.
"""

import argparse
import json
import os
import pathlib
import shutil
import subprocess
import urllib.request

import hnswlib
import numpy as np

K = 10
LINKS, CANDIDATES, BEAM = 16, 100, 256
QUERIES = 300
# Numbers in the vectors of one request, so that its body is below the limit of a server.
BATCH_NUMBERS = 400_000
TARGETS = (0.9, 0.95, 0.99)


def gauss(random, rows, dim):
    return random.standard_normal((rows, dim))


def clusters(random, rows, dim, count=300, spread=0.7):
    centres = gauss(random, count, dim)
    draw = lambda n: 0.7 * centres[random.integers(count, size=n)] + spread * gauss(random, n, dim)
    return draw(rows), draw(QUERIES)


def copied(random, rows, dim, copies, noise=0.0, groups=None):
    """Groups of `copies` rows that are equal, or differ by `noise`; the other rows are single ones. Half of the
    queries are like rows of the groups, half like single rows if there are some."""
    groups = groups or rows // copies
    centres = gauss(random, groups, dim)
    equal = np.repeat(centres, copies, axis=0)
    equal = equal + noise * gauss(random, *equal.shape)
    single = gauss(random, rows - len(equal), dim)
    queries = centres[random.integers(groups, size=QUERIES)]
    queries = queries + noise * gauss(random, *queries.shape)
    if len(single):
        queries[::2] = gauss(random, len(queries[::2]), dim)
    return random.permutation(np.concatenate([equal, single])), queries


def pairs(random, rows, dim):
    return gauss(random, rows, dim), gauss(random, QUERIES, dim)


def offset(of):
    def make(random, rows, dim):
        made, queries = clusters(random, rows, dim)
        return made + of, queries + of
    return make


def one_sided(random, rows, dim):
    """Rows far from the origin, queries around it."""
    made, queries = clusters(random, rows, dim)
    return made + 4.4, queries


def norms(random, rows, dim):
    made, queries = clusters(random, rows, dim)
    return made * random.lognormal(0, 1, (rows, 1)), queries


def pareto(random, rows, dim):
    made, queries = clusters(random, rows, dim)
    return made * (1 + random.pareto(1.5, (rows, 1))), queries


def cone(random, rows, dim):
    made, queries = clusters(random, rows, dim)
    return made + 10, queries + 10


def tight(random, rows, dim):
    return clusters(random, rows, dim, count=50, spread=0.01)


def far(random, rows, dim):
    """Clusters that lie far apart, and whose rows are of very different density."""
    count = 100
    centres = 100 * gauss(random, count, dim)
    spread = 10.0 ** random.uniform(-2, 1, count)
    def draw(n):
        which = random.integers(count, size=n)
        return centres[which] + spread[which, None] * gauss(random, n, dim)
    return draw(rows), draw(QUERIES)


def sparse(random, rows, dim, filled=20):
    def draw(n):
        made = np.zeros((n, dim))
        popular = 1 / np.arange(1, dim + 1) ** 0.7
        for row in made:
            row[random.choice(dim, filled, False, popular / popular.sum())] = random.exponential(1, filled)
        return made
    return draw(rows), draw(QUERIES)


def spectrum(random, rows, dim):
    scale = 1 / np.arange(1, dim + 1)
    return gauss(random, rows, dim) * scale, gauss(random, QUERIES, dim) * scale


def all_copies(random, rows, dim, times):
    """Every row has copies, and queries are independent of the rows."""
    made = np.repeat(gauss(random, rows // times, dim), times, axis=0)
    return random.permutation(made), gauss(random, QUERIES, dim)


def equal(random, rows, dim):
    return np.repeat(gauss(random, 1, dim), rows, axis=0), gauss(random, QUERIES, dim)


def copies(*arguments, **named):
    return lambda random, rows, dim: copied(random, rows, dim, *arguments, **named)


# name: metric, rows, components, how the set is made
SETS = {
    "copies-5": ("l2", 20_000, 64, copies(5)),
    "copies-20-once": ("l2", 20_000, 128, copies(20, groups=1)),
    "copies-50": ("cosine", 20_000, 64, copies(50)),
    "copies-500": ("dot", 20_000, 64, copies(500)),
    "copies-3000-once": ("cosine", 20_000, 128, copies(3_000, groups=1)),
    "copies-3000": ("l2", 20_000, 64, copies(3_000)),
    "all-copies-5": ("cosine", 20_000, 64, lambda *given: all_copies(*given, 5)),
    "all-copies-20": ("cosine", 20_000, 64, lambda *given: all_copies(*given, 20)),
    "all-copies-50": ("l2", 20_000, 64, lambda *given: all_copies(*given, 50)),
    "near-copies-20": ("l2", 20_000, 64, copies(20, noise=1e-3)),
    "near-copies-500": ("cosine", 20_000, 128, copies(500, noise=1e-3)),
    "near-copies-3000": ("l2", 20_000, 64, copies(3_000, noise=1e-2, groups=2)),
    "equal": ("cosine", 20_000, 64, equal),
    "equal-dot": ("dot", 20_000, 64, equal),
    "dot-0": ("dot", 20_000, 64, offset(0)),
    "dot-2": ("dot", 20_000, 64, offset(2)),
    "dot-4.4": ("dot", 20_000, 64, offset(4.4)),
    "dot-10": ("dot", 20_000, 64, offset(10)),
    "dot-30": ("dot", 20_000, 64, offset(30)),
    "dot-4.4-low": ("dot", 20_000, 16, offset(4.4)),
    "dot-4.4-high": ("dot", 20_000, 384, offset(4.4)),
    "dot-one-sided": ("dot", 20_000, 64, one_sided),
    "dot-lognormal": ("dot", 20_000, 64, norms),
    "dot-pareto": ("dot", 20_000, 64, pareto),
    "cosine-lognormal": ("cosine", 20_000, 64, norms),
    "l2-pareto": ("l2", 20_000, 64, pareto),
    "cone": ("cosine", 20_000, 64, cone),
    "tight-clusters": ("l2", 20_000, 64, tight),
    "far-clusters": ("l2", 20_000, 32, far),
    "gauss-2": ("l2", 20_000, 2, pairs),
    "gauss-3-cosine": ("cosine", 20_000, 3, pairs),
    "gauss-8": ("l2", 20_000, 8, pairs),
    "gauss-32": ("l2", 20_000, 32, pairs),
    "gauss-128": ("l2", 20_000, 128, pairs),
    "gauss-128-dot": ("dot", 20_000, 128, pairs),
    "clusters-1024": ("cosine", 20_000, 1_024, clusters),
    "clusters-4096": ("cosine", 12_000, 4_096, clusters),
    "sparse-dot": ("dot", 20_000, 1_000, sparse),
    "sparse-cosine": ("cosine", 20_000, 1_000, sparse),
    "spectrum": ("l2", 20_000, 256, spectrum),
}


def similarities(rows, queries, metric):
    if metric == "cosine":
        rows = rows / np.linalg.norm(rows, axis=1, keepdims=True)
        queries = queries / np.linalg.norm(queries, axis=1, keepdims=True)
    close = queries @ rows.T
    if metric == "l2":
        close = 2 * close - (rows**2).sum(1) - (queries**2).sum(1)[:, None]
    return close


def share(exact, found, metric):
    """Recall@k; `found` has the row numbers of each query's hits, and a hit that is not there is missed."""
    wanted, right = min(K, exact.shape[1]), 0
    for close, rows in zip(exact, found):
        least = np.partition(close, -wanted)[-wanted]
        # As far as scores in floats of 32 bits differ: distances by a share of the last one, products by one of the
        # largest.
        slack = 1e-5 * abs(least) if metric == "l2" else 5e-7 * np.abs(close).max()
        right += min(wanted, int((close[rows] >= least - slack).sum()))
    return right / (wanted * len(exact))


def hnsw(rows, queries, metric):
    index = hnswlib.Index(space={"dot": "ip"}.get(metric, metric), dim=rows.shape[1])
    index.init_index(max_elements=len(rows), M=LINKS, ef_construction=CANDIDATES, random_seed=1)
    index.add_items(rows, num_threads=1)
    index.set_ef(BEAM)
    try:
        return index.knn_query(queries, k=K, num_threads=1)[0]
    except RuntimeError:  # it has fewer than k
        return np.zeros((len(queries), 0), int)


class Server:
    """A server of one collection, whose ids are row numbers."""

    def __init__(self, binary, collection):
        command = [binary, "serve", collection, "--bind", "127.0.0.1:0", "--json"]
        self.process = subprocess.Popen(command, stdout=subprocess.PIPE)
        self.address = json.loads(self.process.stdout.readline())["address"]

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.process.kill()
        self.process.wait()

    def searched(self, queries, params):
        """The row numbers of the hits of each query."""
        found = []
        for part in np.array_split(queries, max(1, queries.size // BATCH_NUMBERS)):
            asked = {"limit": K, "params": params, "with_payload": False}
            requests = [{**asked, "vector": [float(x) for x in query]} for query in part]
            body = json.dumps({"requests": requests}).encode()
            url = f"http://{self.address}/v1/collections/c/search/batch"
            request = urllib.request.Request(url, body, {"content-type": "application/json"})
            with urllib.request.urlopen(request) as answer:
                found += [[int(hit["id"]) for hit in one["hits"]] for one in json.load(answer)]
        return found


def run(name, binary, folder):
    metric, count, dim, make = SETS[name]
    rows, queries = make(np.random.default_rng(list(name.encode())), count, dim)
    rows, queries = rows.astype(np.float32), queries.astype(np.float32)
    exact = similarities(rows.astype(float), queries.astype(float), metric)
    peer = share(exact, hnsw(rows, queries, metric), metric)
    folder = folder / name
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir(parents=True)
    np.save(folder / "rows.npy", rows)
    ingest = [binary, "ingest", folder / "c", "--vectors", folder / "rows.npy", "--metric", metric]
    subprocess.run(ingest, check=True, capture_output=True)
    with Server(binary, folder / "c") as server:
        asked = [{}] + [{"target_recall": target} for target in TARGETS]
        ours = [share(exact, server.searched(queries, params), metric) for params in asked]
    shutil.rmtree(folder)
    ours = " | ".join(f"{got:.4f}" for got in ours)
    print(f"| {name} | {metric} | {dim} | {peer:.4f} | {ours} |", flush=True)


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--lexivec", required=True)
    parser.add_argument("--folder", required=True, type=pathlib.Path)
    parser.add_argument("names", nargs="*")
    arguments = parser.parse_args()
    heads = " | ".join(f"target {target}" for target in TARGETS)
    print(f"| set | metric | components | hnswlib | default | {heads} |")
    print("|---|---|---|---|---|" + "---|" * len(TARGETS))
    for name in arguments.names or SETS:
        run(name, os.path.abspath(arguments.lexivec), arguments.folder)


if __name__ == "__main__":
    main()
