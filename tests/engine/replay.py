"""Replays a worked case in a miniature service, made of the engine's parts, with the decisions applied.

Sessions differ from the reference as decided: learning consumes the accumulators (D09), auto-learned patterns receive
them too (D10), and the session's own sorting and persistence apply (D07).
"""

import json
from collections import Counter
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np

from engine import named_vectors, vectors
from engine.lesson import Lesson, merge_emotives, merge_metadata, prepare_lesson
from engine.naming import PATTERN_PREFIX
from engine.observation import make_event, mean_emotives
from engine.stm import auto_learn

CASES: list[dict[str, Any]] = json.loads((Path(__file__).parent / "engine_cases.json").read_text())


@dataclass
class StoredPattern:
    lesson: Lesson
    frequency: int = 0
    emotives: list[dict[str, float]] = field(default_factory=list)
    metadata: dict[str, list[str]] = field(default_factory=dict)


class Node:
    def __init__(self) -> None:
        self.patterns: dict[str, StoredPattern] = {}
        self.affinities: dict[str, dict[str, float]] = {}
        self.frequency: Counter[str] = Counter()
        self.membership: Counter[str] = Counter()
        self.vectors: dict[str, vectors.Vector] = {}

    def learn(self, lesson: Lesson, persistence: int) -> None:
        known = lesson.name in self.patterns
        pattern = self.patterns.setdefault(lesson.name, StoredPattern(lesson))
        pattern.frequency += 1
        pattern.emotives = merge_emotives(pattern.emotives, lesson.emotives, persistence=persistence)
        pattern.metadata = merge_metadata(pattern.metadata, lesson.metadata)
        self.frequency.update(lesson.symbol_counts)
        if not known:
            self.membership.update(lesson.symbol_counts.keys())
        for symbol in lesson.symbol_counts if lesson.affinities else ():
            affinity = self.affinities.setdefault(symbol, {})
            for emotive, mean in lesson.affinities.items():
                affinity[emotive] = affinity.get(emotive, 0.0) + mean

    def nearest(self, vector: vectors.Vector) -> list[str]:
        by_distance = sorted(self.vectors, key=lambda name: float(np.linalg.norm(self.vectors[name] - vector)))
        return by_distance[: named_vectors.NEIGHBOURS]


class Session:
    def __init__(self, node: Node, config: dict[str, Any]) -> None:
        self.node = node
        self.config = {"sort_symbols": True, "persistence": 5, "max_pattern_length": 0, "stm_mode": "CLEAR", **config}
        self.stm: list[list[str]] = []
        self.emotives: list[dict[str, float]] = []
        self.metadata: list[dict[str, Any]] = []
        self.waiting: dict[str, vectors.Vector] = {}
        self.time = 0

    def observe(self, observation: dict[str, Any]) -> dict[str, Any]:
        given = {"strings": [], "vectors": [], "emotives": {}, "metadata": {}, **observation}
        event = make_event(
            given["strings"],
            sort_symbols=self.config["sort_symbols"],
            vector_symbols=self._vector_symbols(given["vectors"]),
        )
        self.emotives += [given["emotives"]] if given["emotives"] else []
        self.metadata += [given["metadata"]] if given["metadata"] else []
        percept = {
            "strings": sorted(given["strings"]),
            "vectors": given["vectors"],
            "emotives": mean_emotives(self.emotives),
            "path": [],
            "metadata": given["metadata"],
        }
        learned = self._append(event) if event else None
        self.time += 1
        return {
            "status": "okay",
            "time": self.time,
            "stm_length": len(self.stm),
            "auto_learned_pattern": learned,
            "stm": [list(event) for event in self.stm],
            "percept_data": percept,
        }

    def learn(self) -> str:
        stm, self.stm = self.stm, []
        return self._learn(stm)

    def _append(self, event: list[str]) -> str | None:
        self.stm.append(event)
        length, mode = self.config["max_pattern_length"], self.config["stm_mode"]
        due = auto_learn(self.stm, max_pattern_length=length, stm_mode=mode)
        if due is None:
            return None
        self.stm = due.remaining
        return self._learn(due.learn) or None

    def _learn(self, events: list[list[str]]) -> str:
        self.node.vectors |= self.waiting
        self.waiting = {}
        lesson = prepare_lesson(events, emotives=self.emotives, metadata=self.metadata)
        if lesson is None:
            return ""
        self.emotives, self.metadata = [], []
        self.node.learn(lesson, self.config["persistence"])
        return PATTERN_PREFIX + lesson.name

    def _vector_symbols(self, observed: list[list[float]]) -> list[str]:
        if not observed:
            return []
        total = vectors.sum_vectors(observed)
        name = vectors.vector_name(total)
        neighbours = self.node.nearest(total)
        self.waiting[name] = total
        return named_vectors.vector_symbols(name, neighbours)


@dataclass
class Replayed:
    """The node and the results of a replay, named as in a case's `expected`."""

    node: Node
    learned_names: list[str]
    learned_stm: list[list[str]]
    observe_results: list[dict[str, Any]]
    stm: list[list[str]]


def replay(case: dict[str, Any]) -> Replayed:
    node = Node()
    service = case.get("service_settings", {})
    sessions: dict[str, Session] = {}
    names = []
    learned_stm: list[list[str]] = []
    for lesson in case["learned"]:
        for _ in range(lesson["times"]):
            fresh = Session(node, service)
            session = sessions.setdefault(lesson["session"], fresh) if "session" in lesson else fresh
            for observation in lesson["events"]:
                session.observe(observation)
            learned_stm = session.stm
            names.append(session.learn())
    observer = Session(node, {**service, **case["config"]})
    results = [observer.observe(observation) for observation in case["observed"]]
    return Replayed(node, names, learned_stm, results, observer.stm)
