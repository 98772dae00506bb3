"""Attacks with predictions: what is expensive to compute, and memory that questions leave behind."""

import time
import uuid
from typing import Any

from benchmarks.attack.attack import MEBIBYTE, Attack, attack
from benchmarks.attack.attacker import Answer, Attacker, NotPossible, Seen

DEADLINE = 3.0
"""The deadline of predictions that the benchmark sets."""

AT_ONCE = 4
SLOTS = 16  # of two web processes

MEMORY_OF_ONE = 50 * MEBIBYTE
"""What one prediction may take, for an STM of 200,000 symbols. The C library keeps some of it for the next one."""


def configure(attacker: Attacker, session_id: str, config: dict[str, Any]) -> Answer:
    return attacker.ask("POST", f"/sessions/{session_id}/config", {"config": config})


def predict(attacker: Attacker, session_id: str, *, patience: float = 60.0) -> Answer:
    return attacker.ask("GET", f"/sessions/{session_id}/predictions", patience=patience)


class Expensive(Attack):
    """Predictions that would take long."""

    statuses = frozenset({200, 422, 503})
    most_seconds = DEADLINE + 1.5
    most_answer = 64 * MEBIBYTE
    at_once = AT_ONCE
    most_memory = most_growth = AT_ONCE * MEMORY_OF_ONE

    def attack(self, attacker: Attacker) -> Seen:
        asked = [lambda: predict(attacker, self.session_id) for _ in range(self.at_once)]
        return Seen(attacker.ask_at_once(self.at_once, asked), note=self.note)

    session_id: str
    note = ""


@attack
class LongSymbols(Expensive):
    name = "fuzzy matching of long symbols"
    limit = f"each prediction ends at its deadline ({DEADLINE:g} s)"

    def prepare(self, attacker: Attacker) -> None:
        self.session_id = attacker.session(f"long-{uuid.uuid4().hex}", config={"fuzzy_token_threshold": 0.1})
        path = f"/sessions/{self.session_id}/observe-sequence"
        # One such symbol took 10 seconds; where it is refused, as many as fit.
        for size, events in ((600_000, 4), (4000, 200)):
            observations = [{"strings": [chr(97 + n % 26) + "ab" * (size // 2 - 1)]} for n in range(events)]
            if attacker.ask("POST", path, {"observations": observations, "learn_at_end": True}).status == 200:
                attacker.ask("POST", path, {"observations": observations})
                self.note = f"symbols of {size} characters"
                return


class LongLists(Expensive):
    """One pattern and one STM of the same symbol, 200,000 times: all of it has to be compared with all of it."""

    def prepare(self, attacker: Attacker) -> None:
        self.session_id = attacker.session(f"lists-{uuid.uuid4().hex}")
        observations = [{"strings": ["a"] * 200}] * 100
        for learns in (True, False):
            for part in range(10):
                body = {"observations": observations, "learn_at_end": learns and part == 9}
                path = f"/sessions/{self.session_id}/observe-sequence"
                answer = attacker.ask("POST", path, body)
                if answer.status != 200:
                    raise NotPossible(f"{answer.status} {answer.text[:200]}")


@attack
class LongListsAsked(LongLists):
    name = "an STM and a pattern of 200,000 symbols"
    limit = f"each prediction ends at its deadline ({DEADLINE:g} s)"


@attack
class LongListsLeft(LongLists):
    name = "the same, and 16 clients leave at once"
    limit = "half a second later nothing is computed for them"
    most_running = 2  # this question itself, and one of the honest client
    statuses = frozenset({0})
    at_once = SLOTS
    most_memory = most_growth = SLOTS * MEMORY_OF_ONE

    def attack(self, attacker: Attacker) -> Seen:
        # Each waits for its answer in vain, or there would be nothing to compute when it leaves.
        answers = attacker.ask_at_once(
            self.at_once, [lambda: predict(attacker, self.session_id, patience=0.3) for _ in range(self.at_once)]
        )
        time.sleep(0.5)
        answer = attacker.ask("GET", "/concurrency")
        if answer.status != 200:
            return Seen(answers, broken=[f"the next request got {answer.status}"])
        running = answer.json()["current"]["concurrent_requests"]
        broken = [f"{running} requests are under way"] if running > self.most_running else []
        if answer.seconds > 0.5:
            broken.append(f"the next request took {answer.seconds:.1f} s")
        return Seen(answers, note=f"{running} under way; the next took {answer.seconds:.2f} s", broken=broken)


@attack
class ManyFilters(Expensive):
    name = "1000 × minhash as filters"
    limit = "refused, or predicted within 1 s"
    most_seconds = 1.0
    statuses = frozenset({200, 400, 422})

    def prepare(self, attacker: Attacker) -> None:
        self.session_id = attacker.session(f"filters-{uuid.uuid4().hex}")
        sequence = {"observations": [{"strings": ["a"]}, {"strings": ["b"]}], "learn_at_end": True}
        attacker.ask("POST", f"/sessions/{self.session_id}/observe-sequence", sequence)
        attacker.ask("POST", f"/sessions/{self.session_id}/observe-sequence", {**sequence, "learn_at_end": False})
        self.note = f"setting: {configure(attacker, self.session_id, self.config).status}"

    config: dict[str, Any] = {"filter_pipeline": ["minhash"] * 1000}


@attack
class HugeSettings(ManyFilters):
    name = "settings beyond what computers count with"
    limit = "refused; no prediction is a 500"
    config = {"filter_pipeline": ["jaccard", "length"], "jaccard_min_overlap": 10**30, "length_max_ratio": 1e308}


@attack
class RandomNodes(Attack):
    name = "3000 questions about nodes that never learned"
    limit = "memory grows by less than 16 MB"
    most_growth = 16 * MEBIBYTE
    statuses = frozenset({200})

    def attack(self, attacker: Attacker) -> Seen:
        def ask() -> Answer:
            return attacker.ask("GET", f"/symbols/stats?node_id={uuid.uuid4().hex}")

        return Seen(attacker.ask_at_once(AT_ONCE, [ask] * 3000))
