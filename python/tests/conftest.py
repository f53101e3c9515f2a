"""What the tests share: collections of a few papers, in memory and in a directory."""

import os
from pathlib import Path

import numpy as np
import pytest

import lexivec

PAPERS = [
    {"id": "lift", "title": "Lift", "text": "a wing in a slipstream", "vector": [1, 0], "payload": {"year": 1958, "lab": "bath"}},
    {"id": "heat", "title": "Heat", "text": "heat in a boundary layer", "vector": [0, 1], "payload": {"year": 1961, "lab": "delft"}},
    {"id": "wake", "title": "Wake", "text": "the wake behind a wing", "vector": [0.8, 0.6], "payload": {"year": 1961, "lab": "bath"}},
]


@pytest.fixture
def papers():
    made = lexivec.in_memory(dim=2)
    made.upsert(PAPERS)
    return made


@pytest.fixture
def kept(tmp_path):
    with lexivec.create(tmp_path / "papers", dim=2) as made:
        made.upsert(PAPERS)
        yield made


@pytest.fixture
def vectors():
    return np.random.default_rng(7).normal(size=(2_000, 16)).astype(np.float32)


def shared_data() -> Path:
    """The judged data: `LEXIVEC_TEST_DATA`, else the folder that continuous integration has. Skips where there is none."""
    given = os.environ.get("LEXIVEC_TEST_DATA")
    path = Path(given) if given else Path(__file__).parents[3] / "shared" / "data"
    if not path.is_dir():
        assert not os.environ.get("CI"), f"{path} is missing"
        pytest.skip(f"LEFT OUT: there is no {path}; LEXIVEC_TEST_DATA names another")
    return path
