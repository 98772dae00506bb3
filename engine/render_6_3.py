"""The prediction objects of KATO 6.3 (kato-6.md 3.1 to 3.3)."""

from collections import Counter
from itertools import accumulate

import numpy as np

from engine.arrays import Ints
from engine.facts import Facts
from engine.kernels.writing import Taken
from engine.prediction_json import PREDICTION, shared_cells


def render(facts: Facts) -> bytes:
    """A JSON array; anomalies are the symbols that deviate. Raises PredictionTooLarge."""
    objects, cells = shared_cells(facts, _taken(facts))
    cells["anomalies"] = cells["deviations"]
    return objects.join({field: cells[field] for field in PREDICTION})


def _taken(facts: Facts) -> Taken:
    """The positions that the matches take: those that were paired or, for fuzzy matches, those that are consumed."""
    members = facts.members
    if not facts.query.fuzzy.active or facts.query.state.size == 1:
        none = np.zeros(len(members.match_starts), dtype=np.int64)
        return Taken(True, members.match_starts, members.match_positions, none, none[:0])
    places = [[match.place for match in respelled] for respelled in facts.respelled]
    return Taken(True, *_by_member(facts, _consumed(facts)), *_by_member(facts, places))


def _by_member(facts: Facts, of_chosen: list[list[int]]) -> tuple[Ints, Ints]:
    """The lists of the chosen members as two arrays: where the list of each member starts, and all lists."""
    lists = dict(zip(facts.chosen.tolist(), of_chosen, strict=True))
    ordered = [lists.get(member, []) for member in range(len(facts.members.rows))]
    starts = np.fromiter(accumulate(map(len, ordered), initial=0), dtype=np.int64)
    return starts, np.array([number for numbers in ordered for number in numbers], dtype=np.int64)


def _consumed(facts: Facts) -> list[list[int]]:
    """By chosen member, the positions of present that its matches consume: of equal symbols the first ones (3.3)."""
    columns, members, state_tokens = facts.view.columns, facts.members, facts.query.state.tokens
    consumed = []
    for member, respelled in zip(facts.chosen.tolist(), facts.respelled, strict=True):
        facts.stop.check()
        expected = {match.place: match.expected for match in respelled}
        places = members.match_places[members.match_starts[member] : members.match_starts[member + 1]].tolist()
        left = Counter(expected.get(place, int(state_tokens[place])) for place in places)
        low, high = int(members.low[member]), int(members.high[member])
        positions = []
        first = low - int(columns.starts[members.rows[member]])
        for position, token in enumerate(columns.tokens[low:high].tolist(), first):
            if left[token] > 0:
                left[token] -= 1
                positions.append(position)
        consumed.append(positions)
    return consumed
