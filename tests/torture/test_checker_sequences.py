"""The checker on what responses say of the events that they observed."""

from typing import Any

import pytest

from benchmarks.torture.history import Request
from tests.torture.story import CLEAR, ROLLING, Story


def observed(
    story: Story, *lengths: int, first: int = 1, learned: tuple[str | None, ...] = (), **answer: Any
) -> Request:
    """A sequence after whose events the STM had these lengths."""
    names = learned or (None,) * len(lengths)
    results = [
        {"stm_length": length, "time": first + place, "auto_learned_pattern": names[place]}
        for place, length in enumerate(lengths)
    ]
    events = [{"strings": [f"o{len(story.entries)}.{place}"]} for place in range(len(lengths))]
    return story.ask("sequence", {"results": results, **answer}, arguments={"observations": events})


def test_an_stm_grows_with_each_event(story: Story) -> None:
    story.create()
    story.observe("a", at=(1, 9), length=1)
    observed(story, 2, 3, first=2, initial_stm_length=1, final_stm_length=3)
    story.holds()


def test_a_window_is_learned_and_emptied(story: Story) -> None:
    story.create(config=CLEAR)
    observed(story, 1, 0, 1, learned=(None, "PTRN|1", None), final_stm_length=1, auto_learned_patterns=["PTRN|1"])
    story.holds()


def test_a_window_is_learned_and_moves(story: Story) -> None:
    story.create(config=ROLLING)
    observed(story, 1, 2, 2, learned=(None, None, "PTRN|1"), final_stm_length=2)
    story.holds()


@pytest.mark.parametrize(
    ("lengths", "answer"),
    [
        ((1, 2), {"initial_stm_length": 1}),
        ((1, 3), {}),
        ((1, 2), {"final_stm_length": 3}),
        ((1, 1), {}),
    ],
)
def test_lengths_that_do_not_follow_each_other(story: Story, lengths: tuple[int, ...], answer: dict[str, Any]) -> None:
    story.create()
    wrong = observed(story, *lengths, **answer)
    story.breaks("sequences.one_by_one", wrong)


def test_times_that_do_not_follow_each_other(story: Story) -> None:
    story.create()
    results = [{"stm_length": 1, "time": 1}, {"stm_length": 2, "time": 3}]
    observations = [{"strings": ["a"]}, {"strings": ["b"]}]
    wrong = story.ask("sequence", {"results": results}, arguments={"observations": observations})
    story.breaks("sequences.one_by_one", wrong)


@pytest.mark.parametrize(("length", "learned"), [(0, None), (1, "PTRN|1")])
def test_a_window_that_is_emptied_without_a_pattern_or_the_other_way_round(
    story: Story, length: int, learned: str | None
) -> None:
    story.create(config=CLEAR)
    story.observe("a", at=(1, 9))
    wrong = story.observe("b", length=length, learned=learned, at=(2, 8))
    story.breaks("sequences.learned_by_itself", wrong)


def test_a_sequence_that_does_not_list_what_it_learned(story: Story) -> None:
    story.create(config=CLEAR)
    wrong = observed(story, 1, 0, learned=(None, "PTRN|1"), auto_learned_patterns=[])
    story.breaks("sequences.learned_by_itself", wrong)
