"""Events and current emotives (engine.md 2.2, 2.4)."""

from engine.observation import make_event, mean_emotives


def test_vector_symbols_come_before_strings_each_sorted() -> None:
    assert make_event(["b", "VCTR|a", "a"], sort_symbols=True, vector_symbols=["VCTR|2", "VCTR|1"]) == [
        "VCTR|1", "VCTR|2", "VCTR|a", "a", "b",
    ]  # fmt: skip


def test_sorting_is_by_code_point() -> None:
    symbols = ["éclair", "alum", "Zinc", "2", "10", " x", ""]
    assert make_event(symbols, sort_symbols=True) == ["", " x", "10", "2", "Zinc", "alum", "éclair"]
    assert make_event(symbols, sort_symbols=False) == symbols


def test_an_empty_string_is_an_event_and_nothing_is_none() -> None:
    assert make_event([""], sort_symbols=True) == [""]
    assert make_event([], sort_symbols=True) == []


def test_current_emotives_are_means_of_the_maps_that_name_them() -> None:
    accumulated = [{"calm": 1.0, "gain": 10.0}, {"gain": -4.0}, {"calm": 2.0, "pain": 0.5}]
    assert mean_emotives(accumulated) == {"calm": 1.5, "gain": 3.0, "pain": 0.5}
