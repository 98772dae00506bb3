"""Buckets of tokens: what they allow in which time, by a clock of the tests' own."""

import threading

import pytest
from hypothesis import given
from hypothesis import strategies as st

from access_app import rates
from access_app.rates import Buckets
from tests.support.races import at_once


class Clock:
    def __init__(self) -> None:
        self.now = 1000.0

    def monotonic(self) -> float:
        return self.now


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> Clock:
    made = Clock()
    monkeypatch.setattr(rates, "time", made)
    return made


def taken(buckets: Buckets, name: str, *, rate: float, burst: float, times: int) -> int:
    return sum(not buckets.take(name, rate=rate, burst=burst) for _ in range(times))


def test_a_burst_at_once_then_the_rate(clock: Clock) -> None:
    buckets = Buckets()
    assert taken(buckets, "a", rate=2, burst=5, times=20) == 5
    clock.now += 1.5
    assert taken(buckets, "a", rate=2, burst=5, times=20) == 3
    clock.now += 3600
    assert taken(buckets, "a", rate=2, burst=5, times=20) == 5


def test_the_wait_that_it_names_is_the_one_that_helps(clock: Clock) -> None:
    buckets = Buckets()
    assert buckets.take("a", rate=0.5, burst=1) == 0
    wait = buckets.take("a", rate=0.5, burst=1)
    assert wait == 2
    clock.now += wait - 0.01
    assert buckets.take("a", rate=0.5, burst=1) > 0
    clock.now += 0.01
    assert buckets.take("a", rate=0.5, burst=1) == 0


def test_a_refused_request_takes_nothing(clock: Clock) -> None:
    buckets = Buckets()
    buckets.take("a", rate=1, burst=10, tokens=8)
    assert buckets.take("a", rate=1, burst=10, tokens=5) == 3
    assert buckets.take("a", rate=1, burst=10, tokens=2) == 0


def test_more_than_the_burst_needs_a_full_bucket_which_owes_the_rest(clock: Clock) -> None:
    buckets = Buckets()
    assert buckets.take("a", rate=1, burst=10, tokens=1000) == 0
    assert buckets.take("a", rate=1, burst=10, tokens=1) == 991
    clock.now += 991
    assert buckets.take("a", rate=1, burst=10, tokens=1) == 0


def test_each_name_has_its_own(clock: Clock) -> None:
    buckets = Buckets()
    assert taken(buckets, "a", rate=1, burst=3, times=9) == taken(buckets, "b", rate=1, burst=3, times=9) == 3


def test_the_longest_unused_are_forgotten(clock: Clock, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(rates, "MOST_BUCKETS", 100)
    buckets = Buckets()
    buckets.take("often", rate=1, burst=1)
    for number in range(1000):
        buckets.take(str(number), rate=1, burst=1)
        buckets.take("often", rate=1, burst=1)
    assert len(buckets._buckets) == 100
    assert buckets.take("often", rate=1, burst=1) > 0


def test_threads_do_not_take_the_same_token(clock: Clock) -> None:
    buckets = Buckets()
    calls = [lambda: taken(buckets, "a", rate=1, burst=500, times=100)] * 16
    assert sum(at_once(calls)) == 500
    assert threading.active_count() < 16


STEPS = st.lists(st.tuples(st.floats(0, 10), st.floats(0.1, 20)), max_size=60)


@given(STEPS, st.floats(0.1, 50), st.floats(1, 20))
def test_in_no_time_more_than_the_burst_and_the_rate(
    steps: list[tuple[float, float]], rate: float, burst: float
) -> None:
    clock, buckets, allowed = Clock(), Buckets(), 0.0
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(rates, "time", clock)
        for seconds, tokens in steps:
            clock.now += seconds
            if not buckets.take("a", rate=rate, burst=burst, tokens=tokens):
                allowed += min(tokens, burst)
    assert allowed <= burst + (clock.now - 1000) * rate + 1e-6


@pytest.fixture
def wrong_tokens(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(rates, "_wrong_tokens", Buckets())


def test_wrong_tokens_of_an_address(clock: Clock, wrong_tokens: None) -> None:
    refusals = [rates.charge_wrong_token("192.0.2.1") for _ in range(22)]
    assert refusals[:20] == [None] * 20
    assert refusals[20] is not None
    assert (refusals[20].status, refusals[20].headers) == (429, {"Retry-After": "1"})
    assert rates.charge_wrong_token("192.0.2.2") is None
    clock.now += 1
    assert rates.charge_wrong_token("192.0.2.1") is None
    assert rates.charge_wrong_token("192.0.2.1") is not None
