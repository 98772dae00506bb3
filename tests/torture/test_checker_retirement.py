"""The checker on patterns that are retired, un-retired and purged."""

from typing import Any

import pytest

from benchmarks.torture.history import Event, Request
from tests.torture.story import Story
from tests.torture.test_checker_memory import begin, predict, teach


@pytest.fixture
def words(story: Story) -> Story:
    """Of a node that has learned one pattern, and a session that asks what follows."""
    story.node = "words-1"
    story.create()
    story.create(name="s2")
    begin(story, "a", "b")
    teach(story, "a", "b")
    return story


def act(story: Story, kind: Any, name: str = "a-b", **more: Any) -> Request:
    answer = {"status": "okay", "purged": [name] if kind == "purge" else []}
    return story.ask(kind, answer, arguments={"pattern_ids": [name]}, **more)


def refuse(story: Story, name: str = "a-b", **more: Any) -> Request:
    error = {"code": "RETIRED_PATTERN", "context": {"pattern_name": f"PTRN|{name}"}}
    observations = [{"strings": [word]} for word in name.split("-")]
    arguments = {"observations": observations, "learn_at_end": True}
    return story.ask("sequence", {"error": error}, status=409, arguments=arguments, **more)


def test_a_retired_pattern_is_neither_predicted_nor_learned_until_it_is_un_retired(words: Story) -> None:
    act(words, "retire")
    predict(words)
    refuse(words)
    act(words, "un_retire")
    predict(words, ("a-b", 1))
    teach(words, "a", "b")
    predict(words, ("a-b", 2))
    words.holds()


def test_beside_a_retirement_both_are_right(words: Story) -> None:
    now = words.now
    act(words, "retire", at=(now + 1, now + 9))
    predict(words, ("a-b", 1), at=(now + 2, now + 3))
    predict(words, at=(now + 4, now + 5))
    teach(words, "a", "b", at=(now + 2, now + 4))
    refuse(words, at=(now + 5, now + 6))
    words.holds()


def test_a_retirement_without_a_response_may_come_at_any_time(words: Story) -> None:
    act(words, "retire", status=None)
    predict(words, ("a-b", 1))
    predict(words)
    act(words, "un_retire")
    predict(words)
    words.holds()


def test_a_purged_pattern_begins_again(words: Story) -> None:
    act(words, "retire")
    act(words, "purge")
    act(words, "un_retire")
    predict(words)
    teach(words, "a", "b")
    predict(words, ("a-b", 1))
    words.holds()


def test_clear_all_forgets_what_is_retired(words: Story) -> None:
    act(words, "retire")
    words.ask("clear_all", {"status": "cleared"})
    teach(words, "a", "b")
    predict(words, ("a-b", 1))
    words.holds()


def test_what_listeners_hear_of_acts_is_no_session(words: Story) -> None:
    data = {"node_id": "words-1", "patterns": ["a-b"], "count": 1}
    words.entries.append(Event("l1", words.now, {"event_type": "patterns.retired", "data": data}))
    words.holds()


def test_a_retired_pattern_that_is_predicted(words: Story) -> None:
    retired = act(words, "retire")
    wrong = predict(words, ("a-b", 1))
    words.breaks("retirement.hidden", retired, wrong)


def test_a_retired_pattern_that_is_learned(words: Story) -> None:
    retired = act(words, "retire")
    wrong = teach(words, "a", "b")
    words.breaks("retirement.not_learned", retired, wrong)


def test_a_learn_that_is_refused_for_no_reason(words: Story) -> None:
    act(words, "retire")
    act(words, "un_retire")
    wrong = refuse(words)
    words.breaks("retirement.refused", wrong)


def test_a_conflict_that_names_no_retired_pattern(words: Story) -> None:
    wrong = words.ask("sequence", {"detail": "no"}, status=409, arguments={"observations": []})
    words.breaks("answers.status", wrong)


def test_a_pattern_that_does_not_come_back(words: Story) -> None:
    act(words, "retire")
    act(words, "un_retire")
    predict(words)
    words.breaks("memory.is_predicted")


def test_a_purge_that_takes_nothing_back(words: Story) -> None:
    act(words, "retire")
    act(words, "purge")
    act(words, "un_retire")
    teach(words, "a", "b")
    predict(words, ("a-b", 2))
    words.breaks("memory.adds_up")


def test_a_purge_of_another_pattern_takes_nothing_of_this_one(words: Story) -> None:
    act(words, "retire", "x-y")
    act(words, "purge", "x-y")
    predict(words)
    words.breaks("memory.is_predicted")
