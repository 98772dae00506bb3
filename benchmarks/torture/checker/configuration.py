"""The configuration of a session: a read shows what was set last."""

import math
from bisect import bisect_left
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from benchmarks.torture.checker.acts import Act
from benchmarks.torture.checker.ordering import Placed, Possible, Zone, torn
from benchmarks.torture.checker.report import Judge
from benchmarks.torture.checker.session import Session
from benchmarks.torture.history import Request

# One of them sets the other, so where one was set, what a read shows does not say who set it.
_COUPLED = frozenset({"sort", "sort_symbols", "use_token_matching"})


@dataclass(frozen=True, slots=True)
class _Set:
    act: Act
    value: Any

    @property
    def placed(self) -> Placed:
        return Placed(self.act.start, self.act.end, self.act.told, writes=True)


@dataclass(frozen=True, slots=True)
class _Seen:
    request: Request
    value: Any

    @property
    def placed(self) -> Placed:
        return Placed(self.request.start, self.request.end, self.request)


@dataclass
class Setting:
    """One key of one session: who set it, who saw it."""

    name: str
    first: Placed
    """The creation."""
    initial: Any
    """None: the default of the service, which a history does not say."""
    changes: list[_Set]
    seen: list[_Seen]

    def of(self, value: Any) -> list[Placed]:
        """All that may have set this value."""
        writes = [change.placed for change in self.changes if change.value in (value, None)]
        return [self.first, *writes] if self.initial in (value, None) else writes

    @property
    def values(self) -> list[Any]:
        """Every value that was set or seen, once."""
        found: list[Any] = []
        changed, seen = [change.value for change in self.changes], [read.value for read in self.seen]
        for value in [self.initial, *changed, *seen]:
            if value is not None and value not in found:
                found.append(value)
        return found


def _given(request: Request) -> dict[str, Any]:
    asked = request.arguments
    given = (asked.get("config") or {}) if request.operation == "create" else asked.get("config", asked)
    mode = given.get("stm_mode")
    return given | ({"stm_mode": mode if mode == "ROLLING" else "CLEAR"} if mode is not None else {})


def _shown(request: Request) -> dict[str, Any]:
    shown: dict[str, Any] = {}
    if request.status == 200 and isinstance(request.answer, dict):
        if request.operation == "read_config":
            shown = request.answer.get("config", {})
        elif request.operation in ("read_session", "create"):
            shown = request.answer.get("session_config", {})
    return shown


def settings_of(session: Session) -> Iterator[Setting]:
    created = next((act for act in session.acts if act.asked.operation == "create"), None)
    if created is None:
        return
    first = Placed(-math.inf, created.end, created.told, writes=True)
    initial = _given(created.asked)
    changes = [
        (act, _given(act.asked)) for act in session.acts if act.asked.operation == "configure" and not act.refused
    ]
    reads = [(request, shown) for request in session.requests if (shown := _shown(request))]
    everything = [initial, *(given for _, given in changes), *(shown for _, shown in reads)]
    names = {name for given in everything for name in given}
    if any(_COUPLED & given.keys() for given in (initial, *(given for _, given in changes))):
        names -= _COUPLED
    for name in sorted(names):
        yield Setting(
            name,
            first,
            initial.get(name),
            [_Set(act, given[name]) for act, given in changes if name in given],
            [_Seen(request, shown[name]) for request, shown in reads if name in shown],
        )


def last_one_counts(session: Session, judge: Judge) -> None:
    """A read shows, for each setting, what the last configure acknowledged before it set, or one that ran beside that
    one or beside the read."""
    for setting in settings_of(session):
        done = sorted((change for change in setting.changes if change.act.done), key=lambda change: change.act.end)
        ends = [change.act.end for change in done]
        begun = list(done)
        for place in range(1, len(begun)):
            begun[place] = max(begun[place - 1], begun[place], key=lambda change: change.act.start)
        writers = [(value, Possible(setting.of(value))) for value in setting.values]
        for read in setting.seen:
            judge.compared()
            before = bisect_left(ends, read.request.start)
            overwritten = begun[before - 1] if before else None
            since = overwritten.act.start if overwritten is not None else -math.inf
            possible = next(possible for value, possible in writers if value == read.value)
            if not possible.between(since, read.request.end):
                told = overwritten.act.told if overwritten is not None else setting.first.request
                judge.violated(f"{setting.name} is {read.value!r}", told, read.request)


def never_goes_back(session: Session, judge: Judge) -> None:
    """A value that was set once is there in one stretch of time: no read shows another one in between, or shows it
    again after the next."""
    for setting in settings_of(session):
        zones: list[Zone] = []
        for value in setting.values:
            writers = setting.of(value)
            if len(writers) == 1:
                items = writers + [read.placed for read in setting.seen if read.value == value]
                if items[0].end < math.inf or len(items) > 1:
                    zones.append(Zone.of(items))
        judge.compared(len(zones))
        for state, intruder in torn(zones):
            judge.violated(f"another {setting.name} between", *state.story, *intruder.story)


def complete(session: Session, judge: Judge) -> None:
    """A read shows every setting that the response to the creation showed, and every one that was set before."""
    created = next((act for act in session.acts if act.asked.operation == "create" and act.done), None)
    if created is None:
        return
    given = [(created.end, {**_given(created.asked), **_shown(created.told)}, created)]
    given += [(act.end, _given(act.asked), act) for act in session.acts if act.asked.operation == "configure"]
    first = {name: (end, act) for end, settings, act in sorted(given, key=lambda one: -one[0]) for name in settings}
    nothing = {name for _, settings, _ in given for name, value in settings.items() if value is None} | _COUPLED
    for request in session.requests:
        if request.operation == "read_config" and request.status == 200:
            shown = _shown(request)
            judge.compared()
            for name, (end, act) in first.items():
                if name not in shown and name not in nothing and end < request.start:
                    judge.violated(f"{name} is missing", act.told, request)
                    break


RULES = (complete, last_one_counts, never_goes_back)
