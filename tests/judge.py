"""Scores a TREC run with pytrec_eval and prints JSON: judge.py RUN QRELS.

Every judged query with a relevant document is scored; one that the run lacks counts 0.
"""

import json
import sys

import pytrec_eval

METRICS = ["ndcg_cut_10", "recall_100", "map", "recip_rank"]


def read(path, columns):
    with open(path, encoding="utf-8") as lines:
        for line in lines:
            parts = line.split()
            if len(parts) in columns:
                yield parts


run, qrels = {}, {}
for parts in read(sys.argv[1], (6,)):
    run.setdefault(parts[0], {})[parts[2]] = float(parts[4])
for parts in read(sys.argv[2], (3, 4)):
    if parts[-1].lstrip("-").isdigit():
        qrels.setdefault(parts[0], {})[parts[-2]] = int(parts[-1])

scored = pytrec_eval.RelevanceEvaluator(
    qrels, {"ndcg_cut.10", "recall.100", "map", "recip_rank"}
).evaluate(run)
judged = [q for q, grades in qrels.items() if max(grades.values()) > 0]
nothing = dict.fromkeys(METRICS, 0.0)
print(json.dumps({q: {m: scored.get(q, nothing)[m] for m in METRICS} for q in judged}))
