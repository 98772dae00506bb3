"""Which operations are tried at once."""

from collections.abc import Sequence
from itertools import combinations_with_replacement

from benchmarks.schedules.operations import ALL

# What follows the index of a node, which operations of one process share.
_FOLLOW = ("predict", "predict, new process", "read cognition", "finalize")


class UnknownOperation(Exception):
    def __init__(self, name: str) -> None:
        super().__init__(f"there is no operation {name!r}; --list names them")


def plan(names: Sequence[str] | None) -> list[tuple[tuple[str, ...], bool]]:
    """These operations at once, or every pair; each with whether one process performs them, where that matters."""
    if names:
        for name in names:
            if name not in ALL:
                raise UnknownOperation(name)
        chosen = [tuple(names)]
    else:
        chosen = list(combinations_with_replacement(ALL, 2))
    both = [(one, False) for one in chosen]
    return both + [(one, True) for one in chosen if sum(name in _FOLLOW for name in one) > 1]
