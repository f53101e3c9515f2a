"""Drives the published clients of OpenAI and Cohere against a server, and prints what they gave as JSON:

    clients.py ADDRESS '{"query": …, "texts": […]}'

The server has the embedding model `mean` and the reranker `cross`.
"""

import base64
import json
import struct
import sys

import cohere
import openai

address, asked = sys.argv[1], json.loads(sys.argv[2])
query, texts = asked["query"], asked["texts"]
results = {}

client = openai.OpenAI(base_url=f"{address}/v1", api_key="none", max_retries=0)
answer = client.embeddings.create(model="mean", input=texts)
results["default"] = [e.embedding for e in answer.data]
results["tokens"] = answer.usage.prompt_tokens
answer = client.embeddings.create(model="mean", input=texts, encoding_format="float")
results["float"] = [e.embedding for e in answer.data]
answer = client.embeddings.create(model="mean", input=texts, encoding_format="base64")
raw = [base64.b64decode(e.embedding, validate=True) for e in answer.data]
results["base64"] = [struct.unpack(f"<{len(r) // 4}f", r) for r in raw]
for name, arguments in {
    "wrong": {"model": "text-embedding-3-small", "input": "a"},
    "empty": {"model": "mean", "input": ["a", ""]},
}.items():
    try:
        client.embeddings.create(**arguments)
    except openai.APIStatusError as error:
        results[name] = {"type": type(error).__name__, "code": error.code, "param": error.param}

client = cohere.ClientV2(api_key="none", base_url=address)
answer = client.rerank(model="cross", query=query, documents=texts, top_n=4)
results["reranked"] = [[r.index, r.relevance_score] for r in answer.results]
try:
    client.rerank(model="rerank-v3.5", query=query, documents=texts)
except cohere.NotFoundError as error:
    results["refused"] = {"type": type(error).__name__}

print(json.dumps(results))
