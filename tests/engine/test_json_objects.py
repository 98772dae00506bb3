"""JSON arrays of objects, made field by field (`engine/json_objects.py`)."""

import numpy as np
from pydantic_core import to_json

from engine.json_objects import JsonObjects
from engine.kernels.distinct import MOST_LOOKS, find_distinct
from engine.kernels.hashing import empty_slots, mix


def test_equal_numbers_are_written_like_any_others() -> None:
    """Equal means the same bits: zero has a sign. An integer has the bits of some other float."""
    numbers = np.array([[0.5, 0.5, 0.0, -0.0], [0.5, 1e22, 5e-324, 0.1]])
    counts = np.array([[1, 5, 5, 0]])
    objects = JsonObjects(4)
    fields = dict(zip(("x", "y", "n"), objects.numbers(numbers, counts), strict=True))
    expected = [{"x": x, "y": y, "n": n} for x, y, n in zip(*numbers.tolist(), counts[0].tolist(), strict=True)]
    assert objects.join(fields) == to_json(expected)


def test_each_distinct_number_is_found_once() -> None:
    numbers = np.random.default_rng(0).integers(0, 500, 2000)
    distinct, places = find_distinct(numbers)
    assert distinct[places].tolist() == numbers.tolist()
    assert sorted(distinct.tolist()) == sorted(set(numbers.tolist()))


def test_numbers_that_all_belong_into_one_slot_are_not_compared_with_all_others() -> None:
    """Clients choose frequencies, and the hash has no key."""
    slots = len(empty_slots(2 * 200))
    chosen = [number for number in range(300_000) if int(mix(np.uint64(number))) % slots == 0][:200]
    numbers = np.array(chosen * 2)
    distinct, places = find_distinct(numbers)
    assert distinct[places].tolist() == numbers.tolist()
    assert len(distinct) == 2 * len(chosen) - MOST_LOOKS, "only the first ones are found again"
