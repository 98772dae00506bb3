"""What the process of the clients is told at its start."""

from dataclasses import dataclass


@dataclass(frozen=True)
class Order:
    ports: list[int]
    history: str
    seed: int
    size: int
    """Times the crowd of `crowd.py`."""
    pace: float
    """Mean seconds between two requests of a client."""
    vanishing: float
    listeners: int = 3
