"""Steps: what an operation does between two moments at which another one may get its turn.

A step says what it depends on and what depends on it, as far as its text shows. Two steps that commute lead to the same
state in either order, so the reduced search tries one order of them.
"""

import re
import sys
from collections.abc import Callable
from dataclasses import dataclass, field
from functools import cache

from sessions_app.cache import PREDICTION_VIEWS, SESSION_VIEWS

_PACKAGES = ("sessions_app.", "memory_app.", "access_app.", "foundation.")
_TABLE = re.compile(r"\b((?:sessions|memory|access)_app_\w+)")
_WRITES = re.compile(r"\b(INSERT|UPDATE|DELETE|FOR KEY SHARE|FOR NO KEY UPDATE)\b")
_CLOCK = re.compile(r"\b(now|clock_timestamp)\(\)")
_SNAPSHOT = re.compile(r"snapshot|pg_current_xact_id")

NOTHING: frozenset[str] = frozenset()
_VIEWS = (*SESSION_VIEWS, *PREDICTION_VIEWS)

# What stands beside the tables in the sets below.
CLOCK, TRANSACTIONS, ADVISORY = "the clock", "running transactions", "advisory locks"


@dataclass(frozen=True, slots=True)
class Step:
    """`sees`: whose committed content it reads; `takes`: where it waits for locks, and takes them; `publishes`: what it
    makes visible, or frees. `ready`: whether it can be done without waiting for another thread of this process.
    """

    name: str
    sees: frozenset[str] = NOTHING
    takes: frozenset[str] = NOTHING
    publishes: frozenset[str] = NOTHING
    can_fail: bool = True
    ready: Callable[[], bool] = field(default=lambda: True, compare=False)

    def commutes_with(self, other: "Step") -> bool:
        return not (
            self.takes & other.takes
            or self.publishes & (other.sees | other.takes)
            or other.publishes & (self.sees | self.takes)
        )

    def __str__(self) -> str:
        return self.name


@cache
def _names() -> dict[str, str]:
    """The constants of the service that hold SQL, by their text: `observation._OBSERVE`."""
    modules = [module for name, module in sys.modules.items() if name.startswith(_PACKAGES)]
    return {
        text: f"{module.__name__.rpartition('.')[2]}.{name}"
        for module in modules
        for name, text in vars(module).items()
        if isinstance(text, str) and " " in text and name.isupper()
    }


@dataclass(frozen=True, slots=True)
class Statement:
    """What the text of a statement shows."""

    name: str
    tables: frozenset[str]
    sees: frozenset[str]
    writes: bool


@cache
def statement(sql: str) -> Statement:
    tables = frozenset(_TABLE.findall(sql))
    sees = tables | ({CLOCK} if _CLOCK.search(sql) else NOTHING)
    if _SNAPSHOT.search(sql):
        sees |= {TRANSACTIONS}
    if "advisory" in sql:
        return Statement(_name(sql), tables | {ADVISORY}, sees | {ADVISORY}, writes=True)
    return Statement(_name(sql), tables, sees, writes=bool(_WRITES.search(sql) or "FOR UPDATE" in sql))


def _name(sql: str) -> str:
    known = _names().get(sql)
    if known:
        return known
    words = re.sub(r"^SELECT .*? FROM", "SELECT … FROM", " ".join(sql.split()).replace('"', ""))
    return words if len(words) <= 60 else f"{words[:59]}…"


def of_statement(sql: str, *, commits: bool) -> Step:
    """`commits`: whether it is a transaction of its own."""
    parsed = statement(sql)
    if not parsed.writes:
        return Step(parsed.name, sees=parsed.sees)
    # A transaction gets its id with the first thing that it writes, and from then on it is one of those that run.
    publishes = parsed.tables | {TRANSACTIONS} if commits else frozenset({TRANSACTIONS})
    if ADVISORY in parsed.tables:
        publishes |= {ADVISORY}
    return Step(parsed.name, sees=parsed.sees, takes=parsed.tables, publishes=publishes)


def end_of_transaction(name: str, touched: frozenset[str]) -> Step:
    return Step(name, publishes=touched | {TRANSACTIONS} if touched else NOTHING)


def of_redis(command: str, key: str) -> Step:
    """By the view alone: the rest of the key differs in each run, and the steps of two runs are compared."""
    [view] = [part for part in key.split(":") if part in _VIEWS] or ["?"]
    one = frozenset({f"Redis {view}"})
    return Step(f"Redis {command} {view}", sees=one, publishes=NOTHING if command == "GET" else one)
