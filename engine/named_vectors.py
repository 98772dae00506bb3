"""Vectors by their names: the symbols that stand for them in events (engine.md 2.3). Loads no NumPy."""

from collections.abc import Iterable
from dataclasses import dataclass

VECTOR_PREFIX = "VCTR|"
NEIGHBOURS = 3
"""How many stored vectors, the nearest by Euclidean distance, add their names to the symbols of an observed vector."""


@dataclass(frozen=True, slots=True)
class NamedVector:
    """A vector and its name, `VCTR|` and 40 hexadecimal digits."""

    name: str
    values: list[float]

    @property
    def dimension(self) -> int:
        return len(self.values)


def vector_symbols(own_name: str, neighbours: Iterable[str]) -> list[str]:
    """The symbols of an observed vector: its own name and those of its nearest stored neighbours, sorted."""
    return sorted({own_name, *neighbours})
