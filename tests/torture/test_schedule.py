"""The faults of a run follow from its seed."""

import random
from collections import Counter
from itertools import islice

import pytest

from benchmarks.torture.faults import KINDS
from benchmarks.torture.schedule import Planned, schedule


def first(number: int, *, seed: int, names: list[str] | None = None) -> list[Planned]:
    kinds = {name: KINDS[name] for name in names or KINDS}
    return list(islice(schedule(seed, kinds), number))


def test_there_are_twenty_kinds_and_more() -> None:
    assert len(KINDS) >= 20


def test_the_same_seed_gives_the_same_faults() -> None:
    assert first(200, seed=7) == first(200, seed=7)
    assert first(200, seed=7) != first(200, seed=8)


def test_the_order_in_which_kinds_are_known_does_not_matter() -> None:
    names = list(KINDS)
    random.Random(1).shuffle(names)
    assert first(200, seed=7, names=names) == first(200, seed=7)


def test_every_kind_comes_before_any_comes_again() -> None:
    leading = Counter(planned.names[0] for planned in first(3 * len(KINDS), seed=3))
    assert leading == dict.fromkeys(KINDS, 3)


def test_some_faults_come_in_pairs_that_break_different_parts() -> None:
    pairs = [planned.names for planned in first(300, seed=5) if len(planned.names) == 2]
    assert len(pairs) > 50
    assert len({frozenset(pair) for pair in pairs}) > 40
    for one, other in pairs:
        assert not KINDS[one].breaks & KINDS[other].breaks, f"{one} beside {other}"


def test_a_single_kind_comes_alone() -> None:
    assert {planned.names for planned in first(20, seed=1, names=["failover"])} == {("failover",)}


@pytest.mark.parametrize("name", KINDS)
def test_a_fault_lasts_as_long_as_its_kind_may(name: str) -> None:
    least, most = KINDS[name].seconds
    assert all(least <= planned.seconds <= most for planned in first(50, seed=2, names=[name]))
