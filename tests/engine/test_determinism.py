"""The same data and request give the same bytes, for any order of learning, in any process, with any hash seed."""

import os
import random
import subprocess
import sys
from hashlib import sha1

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from engine.index import Index
from engine.naming import pattern_name
from engine.options import RANK_FIELDS
from engine.predict import predict
from tests.engine import strategies
from tests.engine.implementations import Inputs, predict_fast

Row = tuple[str, list[list[str]], int]


@settings(max_examples=150, deadline=None, suppress_health_check=list(HealthCheck))
@given(strategies.all_inputs(), st.randoms(use_true_random=False))
def test_the_order_of_learning_does_not_matter(inputs: Inputs, shuffler: random.Random) -> None:
    shuffled = inputs._replace(patterns=shuffler.sample(inputs.patterns, len(inputs.patterns)))
    assert predict_fast(inputs) == predict_fast(shuffled)


def predictions_digest(order_seed: int) -> str:
    """A digest of many predictions for one node, which learns its patterns in an order that depends on `order_seed`."""
    source = random.Random(1)
    letters = ["a", "b", "c", "d", "e", "é", "😀", ""]
    rows: dict[str, Row] = {}
    while len(rows) < 1500:
        events = [source.choices(letters, k=source.randint(1, 3)) for _ in range(source.randint(1, 6))]
        rows[pattern_name(events)] = (pattern_name(events), events, source.randint(1, 3))
    order = random.Random(order_seed).sample(list(rows.values()), len(rows))
    index = Index()
    for start in range(0, len(order), 100):
        index.upsert((name, events, 9) for name, events, _ in order[start : start + 50])
        index.upsert(order[start : start + 100])
    digest = sha1()
    for rank_field in RANK_FIELDS:
        stm = [source.choices(letters, k=2) for _ in range(3)]
        config = {"rank_sort_algo": rank_field, "max_predictions": 20, "recall_threshold": 0.0}
        prediction = predict(index.view(), stm, config, emotives=lambda names: {}, affinity={"a": 0.5, "é": -2.0})
        digest.update(prediction.predictions + prediction.future_potentials)
    return digest.hexdigest()


@pytest.mark.parametrize("hash_seed", ["0", "1", pytest.param("4242", marks=pytest.mark.exhaustive)])
def test_processes_agree_with_any_hash_seed(hash_seed: str) -> None:
    command = f"from tests.engine.test_determinism import predictions_digest; print(predictions_digest({hash_seed}))"
    ran = subprocess.run(
        [sys.executable, "-c", command],
        env={**os.environ, "PYTHONHASHSEED": hash_seed},
        capture_output=True,
        text=True,
        check=True,
    )
    assert ran.stdout.strip() == predictions_digest(7)
