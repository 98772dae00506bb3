"""What one learn adds (engine.md 4)."""

from engine.lesson import merge_emotives, merge_metadata, metadata_texts, prepare_lesson


def test_two_symbols_are_needed() -> None:
    assert prepare_lesson([]) is None
    assert prepare_lesson([["alone"]]) is None
    assert prepare_lesson([["", ""]]) is not None
    assert prepare_lesson([["a"], ["a"]]) is not None


def test_a_lesson_counts_symbols_with_repetition() -> None:
    lesson = prepare_lesson([["a", "b"], ["a"]])
    assert lesson is not None
    assert (lesson.length, dict(lesson.symbol_counts)) == (3, {"a": 2, "b": 1})


def test_affinities_are_means_over_the_whole_accumulator() -> None:
    first = prepare_lesson(
        [["A"], ["B"]], emotives=[{"mood": 1.0}, {"mood": 2.0, "risk": 10.0}, {"mood": 3.0}, {"mood": 4.0}]
    )
    second = prepare_lesson([["A"], ["B"]], emotives=[{"mood": -1.0}, {"risk": -4.0}, {"mood": 0.5}])
    assert first is not None
    assert second is not None
    assert first.affinities == {"mood": 2.5, "risk": 10.0}
    assert second.affinities == {"mood": -0.25, "risk": -4.0}
    window = merge_emotives(merge_emotives([], first.emotives, persistence=5), second.emotives, persistence=5)
    assert window == [{"mood": 3.0}, {"mood": 4.0}, {"mood": -1.0}, {"risk": -4.0}, {"mood": 0.5}]


def test_a_window_stays_when_nothing_is_learned() -> None:
    window = [{"joy": 1.0}, {"joy": 2.0}, {"joy": 3.0}]
    assert merge_emotives(window, [], persistence=1) == window
    assert merge_emotives(window, [{"joy": 4.0}], persistence=2) == [{"joy": 3.0}, {"joy": 4.0}]


def test_metadata_is_a_sorted_union_of_texts() -> None:
    first = metadata_texts([{"src": "web", "n": 2, "flag": True}, {"src": "api", "n": 10, "none": None}])
    second = metadata_texts([{"src": "web", "n": 2.5, "obj": {"k": [1, "z"]}}])
    assert merge_metadata(first, second) == {
        "src": ["api", "web"],
        "n": ["10", "2", "2.5"],
        "flag": ["True"],
        "none": ["None"],
        "obj": ["{'k': [1, 'z']}"],
    }


def test_metadata_that_is_known_already_stays_as_it_is() -> None:
    known = {"by": ["her", "me"], "src": ["web"]}
    assert merge_metadata(known, {"src": ["web"]}) == known
    assert merge_metadata(known, {"by": ["me"]}) == known
    assert list(merge_metadata(known, {"new": ["1"], "src": ["web"]})) == ["by", "src", "new"]


def test_text_forms_of_numbers() -> None:
    values = [1.0, 2.5, 1e20, 1e-05, 1e15, 0.0001, [1, "x"], False, 123456789012345678901234567890]
    assert set(metadata_texts({"v": value} for value in values)["v"]) == {
        "1.0", "2.5", "1e+20", "1e-05", "1000000000000000.0", "0.0001", "[1, 'x']", "False",
        "123456789012345678901234567890",
    }  # fmt: skip
