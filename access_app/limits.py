"""What one key may use: requests, bytes, sessions, jobs. What is not set is not limited."""

from dataclasses import asdict, dataclass, fields
from typing import Any

# What a limit may be set to: requests per second, and of everything else.
LARGEST_RATE, LARGEST = 1_000_000, 10**12


@dataclass(frozen=True, slots=True)
class Limits:
    """`rate`: requests per second, of all web processes together. `sessions`: living ones. `jobs`: unfinished ones."""

    rate: float | None = None
    bytes_per_minute: int | None = None
    sessions: int | None = None
    jobs: int | None = None

    def to_store(self) -> dict[str, Any]:
        return {name: value for name, value in asdict(self).items() if value is not None}


UNLIMITED = Limits()
NAMES = tuple(field.name for field in fields(Limits))
