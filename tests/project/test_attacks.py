"""When an attack of `make attack` counts as repelled."""

from dataclasses import replace

import pytest

from benchmarks.attack import access, bodies, connections, learning, predictions  # noqa: F401  each registers its attacks
from benchmarks.attack.attack import ATTACKS, MEBIBYTE, NO_DELAY_MS, Attack, Measured
from benchmarks.attack.attacker import CLOSED, Answer, Seen, parse
from benchmarks.attack.honest import Figures, figures

WELL = Figures(requests=500, failed=0, p50_ms=5, p99_ms=40)
UNTOUCHED = Measured(alone=WELL, during=WELL, before=MEBIBYTE, peak=MEBIBYTE, after=MEBIBYTE)


class Harmless(Attack):
    name, limit = "harmless", "nothing happens"
    statuses = frozenset({413})
    most_p99_ms = None
    most_seconds = 1.0


def reasons(seen: Seen, measured: Measured = UNTOUCHED) -> list[str]:
    return list(Harmless().broken(seen, measured))


def test_an_attack_without_effect_is_repelled() -> None:
    assert reasons(Seen([Answer(413, 0.1, 200)])) == []


@pytest.mark.parametrize(
    ("answer", "reason"),
    [
        (Answer(500, 0.1, 200), "answers with 500"),
        (Answer(CLOSED, 0.1, 0), "answers with 0"),
        (Answer(413, 1.5, 200), "an answer after 1.5 s, later than 1"),
        (Answer(413, 0.1, 3 * MEBIBYTE), "an answer of 3.0 MB"),
    ],
)
def test_what_the_attacker_must_not_get(answer: Answer, reason: str) -> None:
    assert reasons(Seen([Answer(413, 0.1, 200), answer])) == [reason]


def test_a_slow_machine_excuses_nothing() -> None:
    slow = replace(UNTOUCHED, slowness=2.0)
    assert reasons(Seen([Answer(413, 1.1, 200)]), slow) == ["an answer after 1.1 s, later than 1"]


def test_what_the_honest_client_must_not_notice() -> None:
    slow, failed = replace(WELL, p99_ms=81), replace(WELL, failed=2, why="GET stm: 503")
    assert reasons(Seen(), replace(UNTOUCHED, during=slow)) == ["honest p99 81 ms, more than 80"]
    assert reasons(Seen(), replace(UNTOUCHED, during=failed)) == ["2 honest requests failed (GET stm: 503)"]


def test_a_delay_that_nobody_notices_is_none() -> None:
    quick = replace(WELL, p99_ms=2)
    assert reasons(Seen(), replace(UNTOUCHED, alone=quick, during=replace(WELL, p99_ms=NO_DELAY_MS))) == []


def test_memory_that_rises_or_grows_too_much() -> None:
    peak = replace(UNTOUCHED, peak=300 * MEBIBYTE)
    assert reasons(Seen(), peak) == ["memory rose by 299 MB"]
    assert reasons(Seen(), replace(peak, after=300 * MEBIBYTE)) == ["memory rose by 299 MB", "memory grew by 299 MB"]


def test_what_the_attack_itself_saw() -> None:
    assert reasons(Seen(broken=["500 of 500 still open"])) == ["500 of 500 still open"]


def test_each_attack_has_a_name_of_its_own() -> None:
    names = [kind.name for kind in ATTACKS]
    assert len(set(names)) == len(names) > 20


def test_figures_of_the_honest_client() -> None:
    measured = figures([0.001] * 98 + [0.5, 0.5], ["POST observe: 503"])
    assert (measured.p50_ms, measured.p99_ms, measured.failed, measured.why) == (1.0, 500.0, 1, "POST observe: 503")
    assert figures([], []).p99_ms == float("inf")


def test_answers_are_read_with_their_whole_size() -> None:
    answer = parse(b"HTTP/1.1 422 X\r\nX-Trace-ID: t\r\n\r\n{}", 1000, 0.1)
    assert (answer.status, answer.headers["x-trace-id"], answer.text, answer.size) == (422, "t", "{}", 1000 - 33)
    assert parse(b"", 0, 0.1).status == CLOSED
