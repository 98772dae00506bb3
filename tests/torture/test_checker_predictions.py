"""The checker on what single predictions say."""

from typing import Any

import pytest

from benchmarks.torture.history import Request
from tests.torture.story import Story


@pytest.fixture
def asking(story: Story) -> Story:
    """A session that has observed the beginning of the two patterns of its node."""
    story.node = "words-1"
    story.create()
    for name, events in ("PTRN|1", ("a", "b", "c")), ("PTRN|2", ("a", "b", "c", "d")):
        story.sequence(*events, learn_at_end=True, learned=name)
    story.observe("a")
    story.observe("b")
    return story


def prediction(name: str, *events: str, **changes: Any) -> dict[str, Any]:
    """As it must be when the STM is a, b."""
    length = len(events)
    share = 0.5
    return {
        "name": name,
        "frequency": 1,
        "sequence": [[event] for event in events],
        "matches": ["a", "b"],
        "past": [],
        "present": [["a"], ["b"]],
        "future": [[event] for event in events[2:]],
        "missing": [[], []],
        "extras": [[], []],
        "similarity": 4 / (length + 2),
        "evidence": 2 / length,
        "confidence": 1.0,
        "snr": 1.0,
        "fragmentation": 0.0,
        "itfdf_similarity": 1.0,
        "potential": 2 / length + 3,
        "weighted_evidence": None,
        "pattern_probability": share,
        "bayesian_prior": share,
        "bayesian_likelihood": 4 / (length + 2),
        "weighted_strength": share * 4 / (length + 2),
    } | changes


def predict(story: Story, *entries: dict[str, Any]) -> Request:
    return story.ask("predict", {"predictions": list(entries)})


ABC, ABCD = ("a", "b", "c"), ("a", "b", "c", "d")


def test_predictions_say_what_the_pattern_and_the_stm_are(asking: Story) -> None:
    predict(asking, prediction("1", *ABC), prediction("2", *ABCD))
    asking.holds()


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("similarity", 0.7),
        ("matches", ["a"]),
        ("past", [["a"]]),
        ("present", [["a"]]),
        ("future", [["d"]]),
        ("missing", [[], ["b"]]),
        ("extras", [["a"], []]),
        ("evidence", 1.0),
        ("snr", 0.5),
    ],
)
def test_a_prediction_that_does_not_fit_the_stm(asking: Story, name: str, value: Any) -> None:
    wrong = predict(asking, prediction("1", *ABC, **{name: value}), prediction("2", *ABCD))
    asking.breaks("predictions.of_the_stm", wrong)


def test_a_prediction_of_another_sequence_under_the_same_name(asking: Story) -> None:
    wrong = predict(asking, prediction("1", *ABC), prediction("2", "a", "b", "c", "e"))
    asking.breaks("predictions.of_the_pattern", wrong)


def test_a_prediction_that_leaves_out_a_part_of_its_sequence(asking: Story) -> None:
    wrong = predict(asking, prediction("1", *ABC, future=[]), prediction("2", *ABCD))
    asking.breaks("predictions.of_the_pattern", wrong)


@pytest.mark.parametrize(
    "name", ["pattern_probability", "bayesian_prior", "bayesian_likelihood", "weighted_strength", "potential"]
)
def test_a_number_that_does_not_follow_from_the_others(asking: Story, name: str) -> None:
    wrong = predict(asking, prediction("1", *ABC, **{name: 3.9}), prediction("2", *ABCD))
    asking.breaks("predictions.of_the_frequencies", wrong)


def test_predictions_in_another_order(asking: Story) -> None:
    wrong = predict(asking, prediction("2", *ABCD), prediction("1", *ABC))
    asking.breaks("predictions.ranked", wrong)


@pytest.mark.parametrize("events", [("b", "c"), ("x", "b"), ("c", "a"), ("a",)])
def test_other_memories(asking: Story, events: tuple[str, ...]) -> None:
    asking.clear()
    for event in events:
        asking.observe(event)
    fields = ("name", "frequency", "sequence")
    brief = [{name: one[name] for name in fields} for one in (prediction("1", *ABC), prediction("2", *ABCD))]
    predict(asking, *brief)
    asking.holds()
