"""What a history says of one node: its sessions, its training runs, what was predicted from it."""

from collections.abc import Iterable
from dataclasses import dataclass, field
from functools import cached_property

from benchmarks.torture.checker import lessons
from benchmarks.torture.checker.acts import Act, acts_of
from benchmarks.torture.checker.alone import Moment, moments
from benchmarks.torture.checker.background import Job, jobs_of
from benchmarks.torture.checker.learned import Learned
from benchmarks.torture.checker.retired import Retirements
from benchmarks.torture.checker.session import Session
from benchmarks.torture.checker.sorting import WORDS, job_of, session_of
from benchmarks.torture.history import Event, Request


@dataclass
class Node:
    id: str
    requests: list[Request] = field(default_factory=list)
    events: list[Event] = field(default_factory=list)

    @classmethod
    def of(cls, name: str, entries: Iterable[Request | Event]) -> "Node":
        node = cls(name)
        for entry in entries:
            if isinstance(entry, Event):
                node.events.append(entry)
            else:
                node.requests.append(entry)
        node.requests.sort(key=lambda request: request.start)
        return node

    @property
    def words(self) -> bool:
        return self.id.startswith(WORDS)

    @property
    def own(self) -> list[Request]:
        """Requests that are about the node and no session: creations and training runs."""
        return [
            request
            for request in self.requests
            if request.operation == "create" or (request.operation == "submit" and request.session is None)
        ]

    @cached_property
    def acts(self) -> list[Act]:
        return list(acts_of(self.own))

    @property
    def open_creations(self) -> list[Act]:
        """Creations that may have made a session that no response names."""
        return [act for act in self.acts if act.asked.operation == "create" and not act.refused and not act.done]

    @cached_property
    def training(self) -> list[Job]:
        return jobs_of(self.acts, self.requests)

    @cached_property
    def sessions(self) -> list[Session]:
        found: dict[str, list[Request | Event]] = {}
        jobs: dict[str, str] = {}
        for request in sorted(self.requests, key=lambda request: request.end):
            name, job = session_of(request), job_of(request)
            if name is not None and job is not None:
                jobs[job] = name
            name = name or jobs.get(job or "")
            if name is not None:
                found.setdefault(name, []).append(request)
        return [Session.of(name, requests, whole=True) for name, requests in found.items()]

    @cached_property
    def moments(self) -> list[tuple[Session, list[Moment]]]:
        return [(session, list(moments(session))) for session in self.sessions]

    @cached_property
    def learned(self) -> Learned:
        found = [lesson for session, known in self.moments for lesson in lessons.of_session(session, known)]
        training = list(lessons.of_training(self.training))
        return Learned(self.predictions, found + training, self.clears, self.retirements)

    @cached_property
    def retirements(self) -> Retirements:
        return Retirements((act for session in self.sessions for act in session.acts), self.clears)

    @cached_property
    def clears(self) -> list[Act]:
        """Requests that may have emptied its memory."""
        return [
            act
            for session in self.sessions
            for act in session.acts
            if act.asked.operation == "clear_all" and not act.refused
        ]

    @property
    def predictions(self) -> list[Request]:
        return [request for request in self.requests if request.operation == "predict" and request.status == 200]
