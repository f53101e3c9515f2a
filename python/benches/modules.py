"""The platform's modules next to what people use in their place: `python python/benches/modules.py [MODEL]`.

Each case runs both sides in turn, ROUNDS times, on the same input, and compares the medians of processor time. The
opponents are NumPy, plain Python, `rank-bm25`, and, where they are installed, `chromadb` and `sentence-transformers`;
the latter needs the folder of a model that both sides open, such as all-MiniLM-L6-v2.
"""

from __future__ import annotations

import asyncio
import importlib.util
import math
import statistics
import sys
import tempfile
import time
from typing import Any, Callable

import numpy as np
from rank_bm25 import BM25Okapi

import lexivec
from lexivec.platform import compute_similarity_scores
from lexivec.platform.cross_encoder_reranking import CrossEncoderReranker, RerankerConfig
from lexivec.platform.demo_data_generator import generate_demo_courses
from lexivec.platform.hybrid_search import BM25Index, HybridSearchEngine
from lexivec.platform.rag_evaluation import RAGEvaluator, RAGTestCase

ROUNDS = 15
ROWS = 10_000


def compare(case: str, ours: Callable[[], Any], theirs: Callable[[], Any], opponent: str, calls: int = 1) -> None:
    """Prints the medians of both sides, and how many times the opponent takes longer."""
    times: dict[str, list[float]] = {"ours": [], "theirs": []}
    for turn in range(ROUNDS + 1):
        for side, call in (("ours", ours), ("theirs", theirs)):
            began = time.process_time()
            for _ in range(calls):
                call()
            if turn:
                times[side].append((time.process_time() - began) / calls * 1e3)
    ours_ms, theirs_ms = (statistics.median(times[side]) for side in ("ours", "theirs"))
    print(f"{case}: {ours_ms:.3f} ms, {opponent} {theirs_ms:.3f} ms, {theirs_ms / ours_ms:.1f} times")


def cosine(a: list[float], b: list[float]) -> float:
    dot = sum(x * y for x, y in zip(a, b))
    return dot / (math.sqrt(sum(x * x for x in a)) * math.sqrt(sum(y * y for y in b)))


def similarity() -> None:
    generator = np.random.default_rng(1)
    for kind in (np.float32, np.float64):
        rows, query = generator.normal(size=(1_000, 384)).astype(kind), generator.normal(size=384).astype(kind)

        def by_numpy() -> Any:
            return rows @ query / (np.linalg.norm(rows, axis=1) * np.linalg.norm(query))

        assert np.allclose(compute_similarity_scores(query, rows), by_numpy(), atol=1e-5)
        name = f"similarity 1 x 1,000 x 384, {np.dtype(kind).name}"
        compare(name, lambda: compute_similarity_scores(query, rows), by_numpy, "NumPy", 50)
    listed, one = rows.tolist(), query.tolist()
    compare(name, lambda: compute_similarity_scores(query, rows), lambda: [cosine(one, row) for row in listed], "plain Python", 5)


def words(text: str) -> set[str]:
    return set(text.lower().split())


def jaccard(a: str, b: str) -> float:
    one, two = words(a), words(b)
    return len(one & two) / len(one | two) if one and two else 0.0


def evaluated(case: RAGTestCase, contexts: list[str], answer: str) -> dict[str, float]:
    """The formulas of the evaluation in plain Python."""
    pool = set().union(*map(words, contexts))
    sentences = [part.split() for part in answer.lower().split(".") if part.strip()]
    supported = sum(sum(word in pool for word in sentence) / len(sentence) >= 0.5 for sentence in sentences)
    asked, said = words(case.question), words(answer)
    truth = case.contexts
    return {
        "faithfulness": supported / len(sentences),
        "answer_relevancy": min(1, 0.7 * len(asked & said) / len(asked) + 0.3 * min(len(said) / (2 * len(asked)), 1)),
        "context_precision": sum(any(jaccard(one, two) > 0.7 for two in truth) for one in contexts) / len(contexts),
        "context_recall": sum(any(jaccard(one, two) > 0.7 for one in contexts) for two in truth) / len(truth),
        "answer_similarity": jaccard(answer, case.ground_truth),
    }


def course_texts(count: int) -> list[str]:
    """Descriptions of demo courses with the titles of their modules."""
    courses = generate_demo_courses("student", {}, count=count, seed=3)
    return [". ".join([course["description"], *(module["title"] for module in course["modules"])]) for course in courses]


class Retrieved:
    def __init__(self, contexts: list[str]) -> None:
        self.retrieved_documents = [type("Found", (), {"content": text})() for text in contexts]


def evaluation(texts: list[str]) -> None:
    cases = [RAGTestCase(text[:60], text, contexts=texts[n : n + 5]) for n, text in enumerate(texts[:100])]
    contexts = {case.question: texts[n : n + 5] for n, case in enumerate(cases)}
    # The retrieval costs neither side anything.
    retrieved = {question: Retrieved(found) for question, found in contexts.items()}
    answers = {question: ". ".join(found) for question, found in contexts.items()}

    class System:
        async def query_rag(self, query: str, **options: Any) -> Retrieved:
            return retrieved[query]

    async def answer(question: str, context: Any) -> str:
        return answers[question]

    async def plain() -> list[dict[str, float]]:
        made = []
        for case in cases:
            found = [one.content for one in (await System().query_rag(query=case.question)).retrieved_documents]
            made.append(evaluated(case, found, await answer(case.question, found)))
        return made

    evaluator = RAGEvaluator()

    def ours() -> Any:
        return asyncio.run(evaluator.evaluate_test_suite(cases, System(), answer))

    results, _ = ours()
    for result, expected in zip(results, asyncio.run(plain())):
        assert all(abs(getattr(result, name) - value) < 1e-12 for name, value in expected.items()), (result, expected)
    compare("suite of 100 evaluations", ours, lambda: asyncio.run(plain()), "plain Python")


def nearest(documents: list[dict[str, Any]], scores: np.ndarray) -> list[dict[str, Any]]:
    """The 20 best hits of a dense search by NumPy."""
    best = np.argpartition(-scores, 20)[:20]
    return [{**documents[n], "metadata": {}, "similarity": float(scores[n])} for n in best[np.argsort(-scores[best])]]


def fused(dense: list[dict[str, Any]], sparse: np.ndarray) -> list[str]:
    """The ids of the ten best by sums of reciprocal ranks."""
    found: dict[str, float] = {}
    for ranked in ([one["id"] for one in dense], [str(n) for n in sparse]):
        for rank, id in enumerate(ranked):
            found[id] = found.get(id, 0.0) + 1 / (60 + rank)
    return sorted(found, key=lambda id: -found[id])[:10]


def bm25(texts: list[str]) -> None:
    documents = [{"id": str(n), "content": text} for n, text in enumerate(texts)]
    tokens = [text.lower().split() for text in texts]
    index = BM25Index()
    index.build_index(documents)
    theirs = BM25Okapi(tokens)
    query = " ".join(texts[0].split()[:5])

    def by_rank_bm25() -> Any:
        scores = theirs.get_scores(query.split())
        return np.argsort(scores)[::-1][:20]

    compare(f"BM25 search of {ROWS:,}", lambda: index.search(query, 20), by_rank_bm25, "rank-bm25", 5)
    engine = HybridSearchEngine()
    engine.index_documents(documents)
    vectors = np.random.default_rng(4).normal(size=(ROWS, 384)).astype(np.float32)
    vectors /= np.linalg.norm(vectors, axis=1, keepdims=True)

    def dense() -> list[dict[str, Any]]:
        return nearest(documents, vectors @ vectors[0])

    def original() -> Any:
        return fused(dense(), by_rank_bm25())

    compare(f"hybrid search of {ROWS:,}", lambda: asyncio.run(engine.hybrid_search(query, dense())), original, "NumPy + rank-bm25")


def courses() -> None:
    times = []
    for _ in range(ROUNDS):
        began = time.process_time()
        made = generate_demo_courses("instructor", {"name": "Dr. Ito"}, count=ROWS, seed=1)
        times.append((time.process_time() - began) * 1e3)
        assert len(made) == ROWS
    print(f"{ROWS:,} demo courses: {statistics.median(times):.0f} ms")


def chroma(texts: list[str]) -> None:
    """A collection of chromadb with the same rows: time of a query and of adding them, and recall@10 of both."""
    import chromadb

    generator = np.random.default_rng(5)
    # Rows around some centres, as embeddings are; rows at random directions have no near neighbours.
    centres = generator.normal(size=(100, 384))
    vectors = (centres[generator.integers(0, 100, ROWS)] + 0.7 * generator.normal(size=(ROWS, 384))).astype(np.float32)
    vectors /= np.linalg.norm(vectors, axis=1, keepdims=True)
    queries = vectors[:200] + 0.02 * generator.normal(size=(200, 384)).astype(np.float32)
    queries /= np.linalg.norm(queries, axis=1, keepdims=True)
    exact = [set(np.argpartition(-scores, 10)[:10]) for scores in queries @ vectors.T]
    ids = [str(n) for n in range(ROWS)]
    kinds = [{"kind": f"k{n % 7}"} for n in range(ROWS)]
    with tempfile.TemporaryDirectory() as place:
        began = time.process_time()
        theirs = chromadb.PersistentClient(f"{place}/chroma").create_collection("texts", metadata={"hnsw:space": "cosine"})
        for first in range(0, ROWS, 1_000):
            part = slice(first, first + 1_000)
            theirs.upsert(ids=ids[part], embeddings=vectors[part], documents=texts[part], metadatas=kinds[part])
        their_time = time.process_time() - began
        began = time.process_time()
        ours = lexivec.create(f"{place}/lexivec", dim=384, metric="cosine")
        for first in range(0, ROWS, 1_000):
            part = slice(first, first + 1_000)
            ours.upsert(ids=ids[part], vectors=vectors[part], texts=texts[part], payloads=kinds[part])
        ours.flush()
        our_time = time.process_time() - began
        print(f"adding {ROWS:,} rows: {our_time:.2f} s, chromadb {their_time:.2f} s, {their_time / our_time:.1f} times")

        def recall(found: list[list[str]]) -> float:
            return sum(len(near & set(map(int, one))) for near, one in zip(exact, found)) / (10 * len(exact))

        def by_us(**options: Any) -> list[list[str]]:
            return [ours.search(vector=query, **options).ids() for query in queries]

        def by_them(**options: Any) -> list[list[str]]:
            return [theirs.query(query_embeddings=[query], n_results=10, **options)["ids"][0] for query in queries]

        print(f"recall@10: {recall(by_us()):.4f}, chromadb {recall(by_them()):.4f}")
        compare("200 vector queries, top 10", by_us, by_them, "chromadb")
        compare(
            "200 vector queries, top 10, one of 7 kinds",
            lambda: by_us(filter={"kind": "k3"}),
            lambda: by_them(where={"kind": "k3"}),
            "chromadb",
        )
        ours.close()


def models(texts: list[str], folder: str) -> None:
    """Reranking, and hybrid search from the query's words on, against the model in sentence-transformers."""
    import torch
    from sentence_transformers import SentenceTransformer

    torch.set_num_threads(1)
    theirs = SentenceTransformer(folder, device="cpu")
    query = "how does a course on data structures treat trees"
    courses = generate_demo_courses("student", {}, count=100, seed=2)
    short = [{"id": course["id"], "content": " ".join(course["description"].split()[:10])} for course in courses]
    reranker = CrossEncoderReranker(RerankerConfig(model_name=folder))

    def by_torch() -> list[int]:
        vectors = theirs.encode([query, *(one["content"] for one in short)], normalize_embeddings=True)
        return np.argsort(-(vectors[1:] @ vectors[0])).tolist()

    def by_us() -> Any:
        return asyncio.run(reranker.rerank(query, short, top_k=100))

    best = [one.original_rank for one in by_us()[:10]]
    print(f"of the first 10 of 100 short documents {len(set(best) & set(by_torch()[:10]))} are the same")
    compare("reranking of 100 short documents", by_us, by_torch, "bi-encoder in PyTorch")

    embedder = lexivec.Embedder.open(folder)
    documents = [{"id": str(n), "content": text} for n, text in enumerate(texts)]
    vectors = np.array(embedder.embed(texts), np.float32)
    tokens = [text.lower().split() for text in texts]
    okapi, engine = BM25Okapi(tokens), HybridSearchEngine()
    engine.index_documents(documents)

    with lexivec.in_memory(embedder=embedder) as kept:
        kept.upsert(ids=range(len(texts)), texts=texts, vectors=vectors)

        def original() -> list[str]:
            scores = okapi.get_scores(query.split())
            dense = nearest(documents, vectors @ theirs.encode(query, normalize_embeddings=True))
            return fused(dense, np.argsort(scores)[::-1][:20])

        def rebuilt() -> list[str]:
            nonlocal okapi
            okapi = BM25Okapi([text.lower().split() for text in texts])
            return original()

        def by_module() -> Any:
            return asyncio.run(engine.hybrid_search(query, nearest(documents, vectors @ np.array(embedder.embed_query(query)))))

        name = f"hybrid search of {len(texts):,} from the words on"
        compare(f"{name}, the module", by_module, original, "PyTorch, NumPy and rank-bm25")
        compare(f"{name}, a collection", lambda: kept.search(query), original, "PyTorch, NumPy and rank-bm25")
        compare(f"{name}, a collection", lambda: kept.search(query), rebuilt, "the same with an index a request")


if __name__ == "__main__":
    # Zipf's law gives the words of the suites; the text of courses has too few different ones for an index of BM25.
    ranks = np.random.default_rng(2).zipf(1.3, size=(ROWS, 60)).clip(max=20_000)
    texts = [" ".join(f"w{rank}" for rank in row) for row in ranks]
    similarity()
    evaluation(texts)
    bm25(texts)
    courses()
    if importlib.util.find_spec("chromadb"):
        chroma(texts)
    if len(sys.argv) > 1:
        models(course_texts(ROWS), sys.argv[1])
