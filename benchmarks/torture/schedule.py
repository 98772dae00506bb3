"""Which faults happen, in which order and for how long: the same for the same seed."""

import random
from collections.abc import Iterator, Mapping
from dataclasses import dataclass

from benchmarks.torture.faults import Breakage

PAIRS = 0.3  # share of the faults that have another one beside them
CALM = (0.5, 1.5)  # seconds between two


@dataclass(frozen=True)
class Planned:
    number: int
    calm: float
    """Seconds before it."""
    names: tuple[str, ...]
    """One, or two that overlap."""
    seconds: float
    overlap: float
    """After which part of the first one the second one begins."""
    seed: str
    """Of what they choose themselves."""


def schedule(seed: int, kinds: Mapping[str, type[Breakage]]) -> Iterator[Planned]:
    """Without end. Each kind comes once before any comes again, second halves of pairs aside."""
    chance = random.Random(f"schedule {seed}")
    number = 0
    while True:
        names = sorted(kinds)
        chance.shuffle(names)
        for name in names:
            first = kinds[name]
            others = sorted(other for other, kind in kinds.items() if not kind.breaks & first.breaks)
            is_pair = chance.random() < PAIRS and bool(others)
            chosen = (name, chance.choice(others)) if is_pair else (name,)
            yield Planned(
                number,
                chance.uniform(*CALM),
                chosen,
                chance.uniform(*first.seconds),
                chance.uniform(0.1, 0.9),
                f"{seed} {number}",
            )
            number += 1
