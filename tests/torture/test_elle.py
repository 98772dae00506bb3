"""The export for Elle: what it says of a history, in the format that Elle documents."""

from typing import Any

from benchmarks.torture.elle import export
from tests.torture.edn import parsed
from tests.torture.simulation import Simulation
from tests.torture.story import Story


def exported(story: Story) -> list[dict[str, Any]]:
    story.judge()
    output = story.path.with_suffix(".edn")
    export(story.path, output)
    return [parsed(line) for line in output.read_text().splitlines()]


def brief(operations: list[dict[str, Any]]) -> list[tuple[str, int, Any]]:
    return [(operation[":type"], operation[":process"], operation[":value"]) for operation in operations]


def test_appends_and_reads(story: Story) -> None:
    story.create()
    story.observe("a")
    story.sequence("b", "c")
    story.read("a", "b", "c")
    operations = exported(story)
    assert operations[0] == {
        ":index": 0,
        ":type": ":invoke",
        ":process": 0,
        ":f": ":txn",
        ":value": [[":append", 0, 1]],
        ":time": 3_000_000_000,
        ":request": 1,
        ":session": "s1",
    }
    assert brief(operations) == [
        (":invoke", 0, [[":append", 0, 1]]),
        (":ok", 0, [[":append", 0, 1]]),
        (":invoke", 0, [[":append", 0, 2], [":append", 0, 3]]),
        (":ok", 0, [[":append", 0, 2], [":append", 0, 3]]),
        (":invoke", 0, [[":r", 0, None]]),
        (":ok", 0, [[":r", 0, [1, 2, 3]]]),
    ]


def test_concurrent_requests_are_of_different_processes(story: Story) -> None:
    story.create()
    story.observe("a", at=(5, 8))
    story.observe("b", at=(6, 7))
    assert [process for _, process, _ in brief(exported(story))] == [0, 1, 1, 0]


def test_a_request_without_a_response_stays_open(story: Story) -> None:
    story.create()
    story.observe("a", status=None)
    story.observe("b", status=422)
    story.read("a")
    assert brief(exported(story)) == [
        (":invoke", 0, [[":append", 0, 1]]),
        (":invoke", 1, [[":append", 0, 2]]),
        (":fail", 1, [[":append", 0, 2]]),
        (":invoke", 1, [[":r", 0, None]]),
        (":ok", 1, [[":r", 0, [1]]]),
    ]


def test_a_repeated_request_is_one_operation(story: Story) -> None:
    story.create()
    first = story.observe("a", key="k", status=None)
    story.again(first, status=200, answer={"status": "okay"}, replayed=True)
    assert [kind for kind, _, _ in brief(exported(story))] == [":invoke", ":ok"]


def test_a_clear_begins_another_list(story: Story) -> None:
    story.create()
    story.observe("a")
    story.clear()
    story.observe("b")
    story.read("b")
    assert [value for kind, _, value in brief(exported(story)) if kind == ":ok"] == [
        [[":append", 0, 1]],
        [[":append", 1, 2]],
        [[":r", 1, [2]]],
    ]


def test_what_follows_a_clear_that_others_overlap_is_left_out(story: Story) -> None:
    story.create()
    story.observe("a")
    story.clear(at=(10, 14))
    story.observe("b", at=(11, 12))
    story.read("b")
    assert [value for _, _, value in brief(exported(story))] == [[[":append", 0, 1]], [[":append", 0, 1]]]


def test_an_append_that_a_clear_overlaps_may_never_be_seen(story: Story) -> None:
    story.create()
    story.observe("a", at=(9, 12))
    story.clear(at=(10, 14))
    assert [kind for kind, _, _ in brief(exported(story))] == [":invoke", ":info"]


def test_a_list_ends_before_the_window_moves(story: Story) -> None:
    story.create()
    story.sequence(*(f"o{number}" for number in range(998)))
    story.observe("a")
    story.observe("b")
    story.read("x")
    operations = exported(story)
    assert [len(operation[":value"]) for operation in operations] == [998, 998, 1, 1]


def test_sessions_that_learn_by_themselves_and_words_are_left_out(story: Story) -> None:
    story.create(config={"max_pattern_length": 3})
    story.observe("a")
    story.session, story.node = "s2", "words-1"
    story.create()
    story.observe("a")
    assert exported(story) == []


def test_every_exported_history_is_well_formed(story: Story) -> None:
    story.entries = Simulation(3, requests=1500, nodes=("unique-1",)).run().entries
    operations = exported(story)
    assert len(operations) > 100
    assert [operation[":index"] for operation in operations] == list(range(len(operations)))
    times = [operation[":time"] for operation in operations]
    assert times == sorted(times)
    running: dict[int, Any] = {}
    appended: set[tuple[int, int]] = set()
    for operation in operations:
        process = operation[":process"]
        if operation[":type"] == ":invoke":
            assert process not in running
            running[process] = operation[":value"]
            for kind, key, value in operation[":value"]:
                if kind == ":append":
                    assert (key, value) not in appended
                    appended.add((key, value))
        else:
            asked = [(kind, key) for kind, key, _ in running[process]]
            assert [(kind, key) for kind, key, _ in operation[":value"]] == asked
            if operation[":type"] != ":info":
                del running[process]
            for kind, key, value in operation[":value"]:
                if kind == ":r":
                    assert all((key, element) in appended for element in value)
