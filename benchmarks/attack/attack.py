"""The base of attacks, their registry, and what is measured while one goes on."""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import ClassVar

from benchmarks.attack.attacker import Attacker, Seen
from benchmarks.attack.honest import Figures

MEBIBYTE = 1024 * 1024

OPEN, KEYS = "open", "keys"
"""The services that attacks are aimed at: as in development, and in production with access keys."""

NO_DELAY_MS = 50.0
"""Below this a client notices no delay, and a shared machine makes as much by itself."""


@dataclass(frozen=True)
class Measured:
    """The honest client before and during an attack; the memory of all web processes in bytes.

    slowness: of the machine, as `machine.slowness` says.
    """

    alone: Figures
    during: Figures
    before: int
    peak: int
    after: int
    slowness: float = 1.0

    @property
    def risen(self) -> int:
        return max(0, self.peak - self.before)

    @property
    def grown(self) -> int:
        return max(0, self.after - self.before)


class Attack:
    """One attack. `limit`: what must hold, in words; the class variables below it say the same to the program.

    most_p99_ms: of the honest client; None: twice of what it has alone, or NO_DELAY_MS.
    statuses: those that the attacker may get; empty: any below 500.
    most_seconds, most_answer: of each of its answers. most_memory: by which the web processes may rise meanwhile.
    most_growth: by which they may have grown at the end.
    """

    name: ClassVar[str]
    limit: ClassVar[str]
    service: ClassVar[str] = OPEN
    most_p99_ms: ClassVar[float | None] = 1000.0
    statuses: ClassVar[frozenset[int]] = frozenset()
    most_seconds: ClassVar[float] = float("inf")
    most_answer: ClassVar[int] = MEBIBYTE
    most_memory: ClassVar[int] = 200 * MEBIBYTE
    most_growth: ClassVar[int] = 200 * MEBIBYTE

    def prepare(self, attacker: Attacker) -> None:
        """What the attack needs and anybody may do; not measured."""

    def attack(self, attacker: Attacker) -> Seen:
        raise NotImplementedError

    def broken(self, seen: Seen, measured: Measured) -> Iterator[str]:
        """Why the limit does not hold; nothing if it does."""
        yield from seen.broken
        most_p99 = self.most_p99_ms or max(2 * measured.alone.p99_ms, NO_DELAY_MS)
        if measured.during.failed:
            yield f"{measured.during.failed} honest requests failed ({measured.during.why})"
        if measured.during.p99_ms > most_p99:
            yield f"honest p99 {measured.during.p99_ms:.0f} ms, more than {most_p99:.0f}"
        wrong = {status for status in seen.statuses if not self._is_allowed(status)}
        if wrong:
            yield f"answers with {', '.join(map(str, sorted(wrong)))}"
        if seen.slowest > self.most_seconds:
            yield f"an answer after {seen.slowest:.1f} s, later than {self.most_seconds:g}"
        if seen.largest > self.most_answer:
            yield f"an answer of {seen.largest / MEBIBYTE:.1f} MB"
        if measured.risen > self.most_memory:
            yield f"memory rose by {measured.risen / MEBIBYTE:.0f} MB"
        if measured.grown > self.most_growth:
            yield f"memory grew by {measured.grown / MEBIBYTE:.0f} MB"

    def _is_allowed(self, status: int) -> bool:
        return status in self.statuses if self.statuses else status < 500


ATTACKS: list[type[Attack]] = []
"""In the order in which they run."""


def attack(kind: type[Attack]) -> type[Attack]:
    """Register an attack."""
    ATTACKS.append(kind)
    return kind
