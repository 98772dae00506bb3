"""Auto-learning (engine.md 3.2)."""

from engine.stm import auto_learn


def _learned(events: str, length: int, mode: str) -> tuple[list[list[str]], list[list[str]]] | None:
    return auto_learn([[symbol] for symbol in events], max_pattern_length=length, stm_mode=mode)


def test_not_due_when_off_or_short() -> None:
    assert _learned("abcdef", 0, "CLEAR") is None
    assert _learned("ab", 3, "ROLLING") is None


def test_clear_empties_the_stm() -> None:
    assert _learned("abc", 3, "CLEAR") == ([["a"], ["b"], ["c"]], [])
    assert _learned("abcd", 3, "unknown") == ([["a"], ["b"], ["c"], ["d"]], [])


def test_rolling_keeps_the_last_events() -> None:
    assert _learned("abc", 3, "ROLLING") == ([["a"], ["b"], ["c"]], [["b"], ["c"]])
    assert _learned("abcde", 3, "ROLLING") == ([[c] for c in "abcde"], [["d"], ["e"]])


def test_a_single_event_is_never_kept() -> None:
    assert _learned("a", 1, "ROLLING") == ([["a"]], [])


def test_d39_rolling_with_length_one_leaves_nothing() -> None:
    assert _learned("ab", 1, "ROLLING") == ([["a"], ["b"]], [])
