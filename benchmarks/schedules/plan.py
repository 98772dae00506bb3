"""Which operations are tried at once."""

from collections.abc import Sequence
from itertools import combinations_with_replacement

from benchmarks.schedules.operations import ALL

# What follows the index of a node, which operations of one process share.
_FOLLOW = ("predict", "predict, new process", "read cognition", "finalize")


# All combinations of three would be too many: those in which the third can break what the two others rely on.
TRIPLES = (
    ("observe", "observe", "observe"),
    ("observe", "observe, repeatable", "observe, repeatable"),
    ("observe", "learn", "clear-stm"),
    ("observe", "learn", "clear-all"),
    ("observe", "configure", "learn"),
    ("observe", "sequence", "delete"),
    ("observe", "delete", "import"),
    ("observe, repeatable", "delete", "import"),
    ("observe, learning", "observe, learning", "configure"),
    ("observe", "observe", "read STM, cached"),
    ("read STM, cached", "delete", "import"),
    ("learn", "learn by another session", "clear-all"),
    ("learn", "observe", "predict"),
    ("learn by another session", "clear-all", "predict"),
    ("learn", "retire", "predict"),
    ("learn", "purge", "un-retire"),
    ("learn by another session", "purge", "predict"),
    ("purge", "finalize", "predict"),
    ("learn", "retire", "clear-all"),
    ("delete", "import", "listen"),
    ("extend", "touch", "time passes"),
    ("observe", "import", "time passes, and the chore runs"),
    ("job", "observe", "cancel the job"),
    ("job", "cancel the job", "retry the job"),
    ("job", "job", "delete"),
)


class UnknownOperation(Exception):
    def __init__(self, name: str) -> None:
        super().__init__(f"there is no operation {name!r}; --list names them")


def plan(names: Sequence[str] | None, *, triples: bool = False) -> list[tuple[tuple[str, ...], bool]]:
    """These operations at once, or every pair; each with whether one process performs them, where that matters."""
    chosen: list[tuple[str, ...]]
    if triples:
        chosen = list(TRIPLES)
    elif names:
        for name in names:
            if name not in ALL:
                raise UnknownOperation(name)
        chosen = [tuple(names)]
    else:
        chosen = list(combinations_with_replacement(ALL, 2))
    both = [(one, False) for one in chosen]
    return both + [(one, True) for one in chosen if sum(name in _FOLLOW for name in one) > 1]
