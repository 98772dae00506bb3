"""What was computed of the predictions to return, before a contract gives it a form."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np

from engine.arrays import Floats, Ints
from engine.kernels.members import Members
from engine.query import Query
from engine.stopping import Stop
from engine.view import View

EmotivesWindows = Mapping[str, list[dict[str, float]]]


class Respelled(NamedTuple):
    """A fuzzy match of another spelling: the place in the state, the pattern's symbol as a token, and their ratio r."""

    place: int
    expected: int
    ratio: float


@dataclass(frozen=True, kw_only=True, slots=True)
class Facts:
    """chosen: the numbers of the members to return, best first, at least one. names, respelled: of the chosen.

    values: as `measure` returns them, for all members. weighted: whether the weighted metrics have values.
    """

    view: View
    query: Query
    members: Members
    chosen: Ints
    names: list[str]
    respelled: list[list[Respelled]]
    values: Floats
    windows: EmotivesWindows
    weighted: bool
    stop: Stop


def find_respelled(view: View, query: Query, members: Members, chosen: Ints, stop: Stop) -> list[list[Respelled]]:
    """The inexact matches of engine.md 5.4, by chosen member. None have any without fuzzy matching."""
    if not query.ratios:
        return [[]] * len(chosen)
    return [_respelled(view, query, members, member, stop) for member in chosen.tolist()]


def _respelled(view: View, query: Query, members: Members, member: int, stop: Stop) -> list[Respelled]:
    """The expected symbol is the first of the most similar pattern symbols."""
    row = members.rows[member]
    pattern = view.columns.tokens[view.columns.starts[row] : view.columns.starts[row + 1]]
    own_tokens = set(pattern.tolist())
    found = []
    for place in members.match_places[members.match_starts[member] : members.match_starts[member + 1]].tolist():
        stop.check()
        if int(query.state.tokens[place]) in own_tokens:
            continue
        similar, ratios = query.ratios[query.observed[place]]
        # By symbol of the pattern, its ratio; -1 for those that are not similar. At least one is.
        nearest = np.minimum(np.searchsorted(similar, pattern), len(similar) - 1)
        by_place = np.where(similar[nearest] == pattern, ratios[nearest], -1.0)
        best = int(by_place.argmax())
        found.append(Respelled(place, int(pattern[best]), float(by_place[best])))
    return found
