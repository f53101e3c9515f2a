"""Embedders and rerankers that are Python callables."""

import numpy as np
import pytest

import lexivec
from lexivec import errors


def letters(texts):
    return np.array([[text.count(letter) + 1.0 for letter in "aeiou"] for text in texts])


def test_a_callable_embeds_documents_and_queries_in_batches(tmp_path):
    sizes = []

    def call(texts):
        sizes.append(len(texts))
        return letters(texts)

    model = lexivec.Embedder(call, dim=5, name="letters", batch_size=4)
    with lexivec.create(tmp_path / "c", embedder=model) as made:
        made.upsert([{"id": str(n), "text": "a" * n + "e"} for n in range(1, 10)])
        # Two texts are asked for at creation, and recorded, so that another model is refused.
        assert sizes == [2, 4, 4, 1]
        assert made.search("aaaaaaaaae", mode="vector", limit=1).ids() == ["9"]
        assert made.schema["embedder"]["name"] == "letters"
    with pytest.raises(ValueError) as refused:
        lexivec.open(tmp_path / "c", embedder=lexivec.Embedder(call, dim=5, name="letters", fingerprint="v2"))
    assert refused.value.kind == "embedder"
    lexivec.open(tmp_path / "c", embedder=model).close()


@pytest.mark.parametrize(
    "call,words",
    [
        (lambda texts: [[1.0]] * len(texts), "a vector of 1 components; its dim is 5"),
        (lambda texts: letters(texts)[:-1], "vectors for"),
        (lambda texts: 1 / 0, "ZeroDivisionError"),
        (lambda texts: ["x"] * len(texts), "vector 0"),
    ],
)
def test_a_callable_that_fails_refuses_the_write(call, words):
    made = lexivec.in_memory(embedder=lexivec.Embedder(lambda texts: call(texts) if "x" in texts else letters(texts), dim=5))
    with pytest.raises(errors.EmbedderError) as refused:
        made.upsert({"id": "a", "text": "x"})
    assert words in str(refused.value) and len(made) == 0


def test_queries_may_have_a_callable_of_their_own_and_texts_no_vector():
    model = lexivec.Embedder(
        lambda texts: [None if text == "none" else row for text, row in zip(texts, letters(texts))],
        query=lambda text: letters([text.upper().lower()])[0],
        dim=5,
    )
    made = lexivec.in_memory(embedder=model)
    made.upsert([{"id": "a", "text": "none"}, {"id": "b", "text": "aa"}])
    assert made["a"].vector is None and made.search("aa", mode="vector").ids() == ["b"]
    assert model.dim == 5 and len(model.fingerprint) == 32 and len(model.embed(["a", "b"])) == 2


def test_a_reranker_gives_the_order_and_a_failing_one_says_so():
    seen = []

    def call(query, rows):
        seen.extend(rows)
        return [-row["payload"]["n"] for row in rows]

    made = lexivec.in_memory(reranker=lexivec.Reranker(call, name="lowest"))
    made.upsert([{"id": str(n), "text": "wing", "payload": {"n": (n * 3) % 5}} for n in range(5)])
    found = made.search("wing", rerank="model")
    assert found.ids() == ["0", "2", "4", "1", "3"] and found.rerank["applied"]
    assert seen[0]["text"] and seen[0]["rank"] == 1
    broken = lexivec.in_memory(reranker=lexivec.Reranker(lambda query, rows: [], name="broken"))
    broken.upsert({"id": "a", "text": "wing"})
    report = broken.search("wing", rerank="model").rerank
    assert not report["applied"] and "broken" in report["reason"]
