"""Attacks with what a node has to learn: products of symbols and emotives, metadata that adds up, vectors."""

import json
import random
from typing import Any, ClassVar

from benchmarks.attack.attack import MEBIBYTE, Attack, attack
from benchmarks.attack.attacker import Answer, Attacker, Seen
from benchmarks.attack.bodies import LargeBody

NEIGHBOUR_SECONDS = 5.0
"""The default of KATO_LIMIT_NEIGHBOUR_SECONDS."""


def emotives(number: int, prefix: str = "e") -> dict[str, float]:
    return {f"{prefix}{one}": 1.5 for one in range(number)}


def symbols(number: int, prefix: str = "s") -> list[str]:
    return [f"{prefix}{one}" for one in range(number)]


class Lesson(LargeBody):
    """A sequence that is costly to learn."""

    limit = "learned or refused within 1 s and 200 MB"
    statuses = frozenset({200, 422})
    path = "observe-sequence"
    most_answer = 8 * MEBIBYTE  # a result for each of 10,000 observations
    config: ClassVar[dict[str, Any]] = {}
    options: ClassVar[dict[str, bool]] = {"learn_at_end": True, "clear_stm_between": False}

    def prepare(self, attacker: Attacker) -> None:
        node = type(self).__name__
        self.path = f"/sessions/{attacker.session(node, config=self.config)}/observe-sequence"

    def observations(self) -> list[dict[str, Any]]:
        raise NotImplementedError

    def body(self) -> bytes:
        return json.dumps({"observations": self.observations(), **self.options}).encode()


@attack
class Product(Lesson):
    name = "one event of 10,000 symbols with 200 emotives, learned"

    def observations(self) -> list[dict[str, Any]]:
        return [{"strings": symbols(10_000), "emotives": emotives(200)}]


@attack
class DistinctEmotives(Lesson):
    name = "1000 events of 200 emotives each, all different"

    def observations(self) -> list[dict[str, Any]]:
        return [{"strings": [f"s{event}"], "emotives": emotives(200, f"{event} ")} for event in range(1000)]


@attack
class LargestProduct(Lesson):
    name = "as many pairs of symbols and emotives as are allowed"
    statuses = frozenset({200})

    def observations(self) -> list[dict[str, Any]]:
        return [{"strings": symbols(150), "emotives": emotives(200)}]


@attack
class GrowingMetadata(Attack):
    name = "the same pattern with 3 MB of new metadata, again and again"
    limit = "within 1 s, and 5 MB to show"
    statuses = frozenset({200, 422})
    most_seconds = 1.0
    most_answer = 5 * MEBIBYTE

    def attack(self, attacker: Attacker) -> Seen:
        answers: list[Answer] = []
        for turn in range(6):
            session_id = attacker.session("hoarded patterns")
            observations = [
                {"strings": ["a" if event else "b"], "metadata": {"m": f"{turn} {event} " + "x" * 60_000}}
                for event in range(50)
            ]
            body = {"observations": observations, "learn_at_end": True}
            answers.append(attacker.ask("POST", f"/sessions/{session_id}/observe-sequence", body))
        learned = answers[0].json()["final_learned_pattern"] if answers[0].status == 200 else ""
        answers.append(attacker.ask("GET", f"/pattern/{learned}?node_id=hoarded%20patterns"))
        return Seen(answers, note=f"the pattern takes {answers[-1].size / 1e6:.1f} MB")


@attack
class ManyKeys(Lesson):
    name = "60 events with 3000 keys of metadata each"

    def observations(self) -> list[dict[str, Any]]:
        return [{"strings": ["a"], "metadata": {f"k{event} {key}": key for key in range(3000)}} for event in range(60)]


@attack
class ManyLearns(Lesson):
    name = "10,000 events, each learned"
    options: ClassVar[dict[str, bool]] = {"learn_after_each": True}

    def observations(self) -> list[dict[str, Any]]:
        return [{"strings": [f"s{event}", "b"]} for event in range(10_000)]


@attack
class RollingLearns(ManyLearns):
    name = "10,000 events of a rolling session"
    config: ClassVar[dict[str, Any]] = {"max_pattern_length": 3, "stm_mode": "ROLLING"}
    options: ClassVar[dict[str, bool]] = {}


@attack
class RollingLongSymbols(Lesson):
    name = "a rolling session learns long symbols again and again"
    config: ClassVar[dict[str, Any]] = {"max_pattern_length": 60, "stm_mode": "ROLLING"}
    options: ClassVar[dict[str, bool]] = {}

    def observations(self) -> list[dict[str, Any]]:
        return [{"strings": [f"{event} " + "s" * 4000]} for event in range(3600)]


@attack
class ManyNeighbours(Lesson):
    name = "2000 vectors to a node that has 20,000"
    limit = f"observed or refused within {NEIGHBOUR_SECONDS:g} s and a search, 200 MB"
    most_seconds = NEIGHBOUR_SECONDS + 1.5
    options: ClassVar[dict[str, bool]] = {}

    def prepare(self, attacker: Attacker) -> None:
        super().prepare(attacker)
        sessions = [attacker.session(type(self).__name__) for _ in range(10)]
        # All observe before one learns: so none searches among the vectors of the others.
        for session_id in sessions:
            attacker.ask("POST", f"/sessions/{session_id}/observe-sequence", {"observations": self.observations()})
        for session_id in sessions:
            attacker.ask("POST", f"/sessions/{session_id}/learn", {})

    def observations(self) -> list[dict[str, Any]]:
        return [{"strings": [], "vectors": [[round(random.random(), 3) for _ in range(100)]]} for _ in range(2000)]


@attack
class LongNumbers(LargeBody):
    name = "14 MB of digits, in symbols of almost 200"
    limit = "taken or refused within 1 s and 200 MB"
    statuses = frozenset({200, 422})
    path = "observe-sequence"

    def body(self) -> bytes:
        event = {"strings": ["1" * 199] * 100}
        return json.dumps({"observations": [event] * 690}, separators=(",", ":")).encode()
