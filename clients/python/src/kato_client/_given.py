"""What callers give: events of one shape everywhere, and settings that exist. What is wrong is never sent."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from difflib import get_close_matches
from typing import Any, cast

from kato_client import types
from kato_client.errors import Unfit

_SHOWN = 3  # problems that an error spells out
_LONGEST = 60  # characters of a value in an error


def observation(event: types.AnyEvent) -> types.Observation:
    """Raises Unfit."""
    problems: list[str] = []
    found = _observation(_event(event, "", problems))
    _raise(problems)
    return found


def observations(events: Iterable[types.AnyEvent]) -> list[types.Observation]:
    """Raises Unfit, which says which events are wrong."""
    problems: list[str] = []
    found = [
        _observation(_event(event, f"event {number}: ", problems))
        for number, event in enumerate(_list(events, "events"))
    ]
    _raise(problems)
    return found


def sequences(given: Iterable[Iterable[types.AnyEvent]]) -> list[list[types.AnyEvent]]:
    """Raises Unfit, which says which events of which sequences are wrong."""
    problems: list[str] = []
    found = [
        [
            _event(event, f"sequence {position}, event {number}: ", problems)
            for number, event in enumerate(_list(sequence, "events", f"sequence {position}: "))
        ]
        for position, sequence in enumerate(_list(given, "sequences"))
    ]
    _raise(problems)
    return found


def settings(config: types.Config) -> types.Config:
    """Raises Unfit for a name that no setting has: the service would ignore it."""
    _raise(_unknown(config, types.Config, "setting", ""))
    return config


def _event(event: object, where: str, problems: list[str]) -> types.AnyEvent:
    if isinstance(event, Mapping):
        problems += _unknown(event, types.Observation, "part of an observation", where)
        return cast(types.Observation, event)
    if _is_list(event):
        return list(cast(Iterable[str], event))
    problems.append(f"{where}a list of symbols or an observation, got {_shown(event)}")
    return []


def _observation(event: types.AnyEvent) -> types.Observation:
    return event if isinstance(event, Mapping) else types.Observation(strings=event)


def _list(given: Iterable[Any], of: str, where: str = "") -> list[Any]:
    if not _is_list(given) or isinstance(given, Mapping):
        raise Unfit(f"{where}a list of {of}, got {_shown(given)}")
    return list(given)


def _is_list(value: object) -> bool:
    return isinstance(value, Iterable) and not isinstance(value, str | bytes)


def _unknown(given: Mapping[str, Any], known: type, what: str, where: str) -> list[str]:
    names = known.__annotations__
    problems = []
    for name in given:
        if name not in names:
            [*close] = get_close_matches(str(name), names, n=1)
            meant = f"; did you mean {close[0]}?" if close else ""
            problems.append(f"{where}{_shown(name)} is no {what}{meant}")
    return problems


def _shown(value: object) -> str:
    text = repr(value)
    return text if len(text) <= _LONGEST else text[: _LONGEST - 1] + "…"


def _raise(problems: list[str]) -> None:
    if problems:
        more = f", and {len(problems) - _SHOWN:,} more" if len(problems) > _SHOWN else ""
        raise Unfit("; ".join(problems[:_SHOWN]) + more)
