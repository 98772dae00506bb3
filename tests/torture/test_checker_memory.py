"""The checker on what nodes remember, and what a session alone finds."""

from typing import Any

import pytest

from benchmarks.torture.history import Request
from tests.torture.story import Story

AB = [["a"], ["b"]]


@pytest.fixture
def words(story: Story) -> Story:
    """Of a node whose sessions observe words."""
    story.node = "words-1"
    story.create()
    story.create(name="s2")
    return story


def teach(story: Story, *events: str, **more: Any) -> Request:
    return story.sequence(*events, learn_at_end=True, learned=f"PTRN|{'-'.join(events)}", **more)


def predict(story: Story, *patterns: tuple[str, int], **more: Any) -> Request:
    entries = [
        {"name": name, "frequency": frequency, "sequence": [[word] for word in name.split("-")]}
        for name, frequency in patterns
    ]
    return story.ask("predict", {"predictions": entries}, session=more.pop("session", "s2"), **more)


def begin(story: Story, *events: str) -> None:
    """What the session that asks for predictions has seen."""
    for event in events:
        story.observe(event, session="s2")


def test_frequencies_add_up(words: Story) -> None:
    begin(words, "a", "b")
    teach(words, "a", "b")
    predict(words, ("a-b", 1))
    teach(words, "a", "b")
    teach(words, "b", "c")
    predict(words, ("a-b", 2), ("b-c", 1))
    words.holds()


def test_a_learn_beside_a_prediction_counts_or_not(words: Story) -> None:
    begin(words, "a", "b")
    teach(words, "a", "b")
    now = words.now
    teach(words, "a", "b", at=(now + 1, now + 6))
    predict(words, ("a-b", 1), at=(now + 2, now + 3))
    predict(words, ("a-b", 2), at=(now + 4, now + 5))
    words.holds()


def test_a_learn_without_a_response_counts_or_not(words: Story) -> None:
    begin(words, "a", "b")
    teach(words, "a", "b")
    teach(words, "a", "b", status=None)
    predict(words, ("a-b", 1))
    predict(words, ("a-b", 2))
    words.holds()


def test_a_node_that_was_cleared_knows_nothing(words: Story) -> None:
    begin(words, "a", "b")
    teach(words, "a", "b")
    words.ask("clear_all", {"status": "cleared"})
    predict(words)
    teach(words, "a", "b")
    predict(words, ("a-b", 1))
    words.holds()


def test_a_pattern_that_does_not_resemble_the_stm_is_not_predicted(words: Story) -> None:
    begin(words, "x", "y")
    teach(words, "a", "b")
    predict(words)
    words.holds()


def test_a_learn_that_is_not_counted(words: Story) -> None:
    begin(words, "a", "b")
    learns = [teach(words, "a", "b"), teach(words, "a", "b")]
    wrong = predict(words, ("a-b", 1))
    words.breaks("memory.adds_up", *learns, wrong)


def test_a_learn_that_is_counted_twice(words: Story) -> None:
    begin(words, "a", "b")
    learn = teach(words, "a", "b")
    wrong = predict(words, ("a-b", 2))
    words.breaks("memory.adds_up", learn, wrong)


def test_a_pattern_that_is_missing(words: Story) -> None:
    begin(words, "a", "b")
    learn = teach(words, "a", "b")
    wrong = predict(words)
    words.breaks("memory.is_predicted", learn, wrong)


def test_a_pattern_that_was_cleared_and_is_predicted(words: Story) -> None:
    begin(words, "a", "b")
    teach(words, "a", "b")
    words.ask("clear_all", {"status": "cleared"})
    wrong = predict(words, ("a-b", 1))
    words.breaks("memory.adds_up")
    assert wrong


def test_a_frequency_that_sinks(words: Story) -> None:
    begin(words, "a", "b")
    teach(words, "a", "b")
    now = words.now
    teach(words, "a", "b", at=(now + 1, now + 9))
    more, less = predict(words, ("a-b", 2), at=(now + 2, now + 3)), predict(words, ("a-b", 1), at=(now + 4, now + 5))
    words.breaks("memory.never_less", more, less)


def train(story: Story, times: int) -> Request:
    body = {"kind": "train", "sequences": [AB] * times}
    answer = {"job_id": "t1", "state": "waiting"}
    return story.ask("submit", answer, status=202, arguments=body, session=None)


def trained(story: Story, times: int) -> Request:
    answer = {"job_id": "t1", "state": "done", "done": times, "total": times}
    return story.ask("read_job", answer, arguments={"job_id": "t1"}, session=None)


def test_a_training_run_counts_when_it_is_done(words: Story) -> None:
    begin(words, "a", "b")
    teach(words, "a", "b")
    train(words, 3)
    predict(words, ("a-b", 2))
    trained(words, 3)
    predict(words, ("a-b", 4))
    words.holds()


def test_a_training_run_that_is_done_twice(words: Story) -> None:
    begin(words, "a", "b")
    train(words, 3)
    trained(words, 3)
    predict(words, ("a-b", 6))
    words.breaks("memory.adds_up")


def test_a_pattern_of_unique_symbols_that_is_learned_twice(story: Story) -> None:
    story.create(name="s2", config={"max_pattern_length": 2, "stm_mode": "ROLLING"})
    wrong = predict(story, ("a-b", 2))
    story.breaks("memory.learned_once", wrong)


# A session alone.


def test_words_are_read_as_they_were_observed(words: Story) -> None:
    words.observe("a", length=1, time=1)
    words.observe("a", length=2, time=2)
    words.read("a", "a")
    words.learn("PTRN|a-a", events=2)
    words.find_it_empty()
    words.holds()


def test_a_word_that_is_missing(words: Story) -> None:
    words.observe("a")
    words.observe("a")
    wrong = words.read("a")
    words.breaks("alone.as_left", wrong)


def test_a_learn_of_more_events_than_there_were(words: Story) -> None:
    words.sequence("a", "b")
    wrong = words.learn(events=3)
    words.breaks("alone.as_left", wrong)


def test_a_session_is_known_again_after_a_clear(words: Story) -> None:
    words.observe("a", at=(10, 14))
    words.observe("b", at=(11, 15))
    words.clear()
    words.observe("c", length=1)
    wrong = words.read("a", "c")
    words.breaks("alone.as_left", wrong)


def test_a_sequence_that_begins_with_more_than_there_was(words: Story) -> None:
    words.observe("a")
    wrong = words.ask(
        "sequence",
        {"initial_stm_length": 2, "final_stm_length": 2},
        arguments={"observations": [{"strings": ["b"]}]},
    )
    words.breaks("alone.as_left", wrong)


# Nodes where every symbol is observed once.


def test_what_was_learned_is_predicted_there_too(story: Story) -> None:
    story.create(config={"max_pattern_length": 2, "stm_mode": "ROLLING"})
    story.observe("a")
    story.observe("b", learned="PTRN|a-b")
    predict(story, ("a-b", 1), session="s1")
    story.observe("c", status=None)
    predict(story, ("a-b", 1), ("b-c", 1), session="s1")
    story.holds()


def test_a_pattern_of_another_node(story: Story) -> None:
    story.create(config={"max_pattern_length": 2, "stm_mode": "ROLLING"})
    story.observe("a")
    story.observe("b", learned="PTRN|a-b")
    wrong = predict(story, ("a-b", 1), ("x-b", 1), session="s1")
    story.breaks("memory.adds_up", wrong)


def test_a_pattern_that_is_missing_there(story: Story) -> None:
    story.create(config={"max_pattern_length": 3, "stm_mode": "ROLLING"})
    story.observe("a")
    story.observe("b")
    learn = story.observe("c", learned="PTRN|a-b-c")
    wrong = predict(story, session="s1")
    story.breaks("memory.is_predicted", learn, wrong)
