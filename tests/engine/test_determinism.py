"""The same data and request give the same bytes, for any order of learning, in any process, with any hash seed."""

import os
import random
import subprocess
import sys
from hashlib import sha1
from unittest.mock import patch

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from engine.index import Index
from engine.naming import pattern_name
from engine.options import RANK_FIELDS
from engine.predict import predict
from engine.together import together
from tests.engine import strategies
from tests.engine.implementations import Inputs, predict_fast

Row = tuple[str, list[list[str]], int]


@settings(max_examples=150, deadline=None, suppress_health_check=list(HealthCheck))
@given(strategies.all_inputs(), st.randoms(use_true_random=False))
def test_the_order_of_learning_does_not_matter(inputs: Inputs, shuffler: random.Random) -> None:
    shuffled = inputs._replace(patterns=shuffler.sample(inputs.patterns, len(inputs.patterns)))
    assert predict_fast(inputs) == predict_fast(shuffled)


@pytest.mark.parametrize("room", [1, 512])
@settings(max_examples=100, deadline=None, suppress_health_check=list(HealthCheck))
@given(
    strategies.all_inputs(
        st.fixed_dictionaries({"max_predictions": st.integers(1, 3)}, optional={"fuzzy_token_threshold": st.just(0.5)}),
        most=40,
    )
)
def test_the_number_of_threads_does_not_matter(room: int, inputs: Inputs) -> None:
    """Also where each thread finds more than there is room for, and raises the bar for the others."""
    with patch("engine.candidates.CHUNK", 3), patch("engine.candidates._ROOM", room):
        one, *others = [predict_fast(inputs, threads=threads) for threads in (1, 2, 8)]
    assert others == [one, one]


def test_what_a_thread_raises_is_raised() -> None:
    class Reason(Exception):
        pass

    def work(number: int) -> None:
        if number == 2:
            raise Reason

    with pytest.raises(Reason):
        together(work, [1, 2, 3])


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
