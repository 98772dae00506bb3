"""Hand-made histories that read like a story: one request after the other, a second each, unless `at` says when."""

from dataclasses import replace
from pathlib import Path
from typing import Any

from benchmarks.torture.checker import Report, check
from benchmarks.torture.history import Entry, Event, Fault, Listening, Operation, Recorder, Request

SLOWEST = 10.0  # seconds
# Configurations of sessions.
ROLLING = {"max_pattern_length": 3, "stm_mode": "ROLLING"}
CLEAR = {"max_pattern_length": 2, "stm_mode": "CLEAR"}


class Story:
    def __init__(self, folder: Path, *, node: str = "unique-1", session: str = "s1") -> None:
        self.path = folder / "history.jsonl"
        self.node = node
        self.session = session
        self.entries: list[Entry] = []
        self.now = 0.0

    # Any request.

    def ask(
        self,
        operation: Operation,
        answer: Any = None,
        *,
        status: int | None = 200,
        at: tuple[float, float] | None = None,
        arguments: dict[str, Any] | None = None,
        session: str | None = "",
        **more: Any,
    ) -> Request:
        """`status=None`: no response came."""
        start, end = at or (self.now + 1, self.now + 2)
        self.now = max(self.now, end)
        request = Request(
            number=len(self.entries),
            client=more.pop("client", "anna"),
            start=start,
            end=end,
            operation=operation,
            session=self.session if session == "" else session,
            node=more.pop("node", self.node),
            arguments=arguments or {},
            idempotency_key=more.pop("key", None),
            status=status,
            answer=answer if status is not None else None,
            **more,
        )
        self.entries.append(request)
        return request

    def again(self, request: Request, **changes: Any) -> Request:
        """The same request, repeated after it."""
        self.now += 2
        repeated = replace(request, number=len(self.entries), start=self.now - 1, end=self.now, **changes)
        self.entries.append(repeated)
        return repeated

    def gone(self, operation: Operation = "read_stm", **more: Any) -> Request:
        """A request that is told that the session is gone."""
        return self.ask(operation, {"error": {"code": "SESSION_NOT_FOUND"}}, status=404, **more)

    # Sessions.

    def create(self, *, config: dict[str, Any] | None = None, ttl: int | None = None, **more: Any) -> Request:
        arguments = {"node_id": more.get("node", self.node), "config": config, "ttl_seconds": ttl}
        name = more.pop("name", self.session)
        shown = {"session_config": more.pop("session_config")} if "session_config" in more else {}
        return self.ask("create", {"session_id": name, **shown}, arguments=arguments, session=None, **more)

    def delete(self, **more: Any) -> Request:
        return self.ask("delete", {"status": "deleted"}, **more)

    def extend(self, seconds: int, **more: Any) -> Request:
        return self.ask("extend", {"status": "extended"}, arguments={"ttl_seconds": seconds}, **more)

    def configure(self, **settings: Any) -> Request:
        more = {name: settings.pop(name) for name in ("at", "status", "key", "session") if name in settings}
        return self.ask("configure", {"status": "okay"}, arguments={"config": settings}, **more)

    def read_config(self, **settings: Any) -> Request:
        more = {name: settings.pop(name) for name in ("at", "session") if name in settings}
        return self.ask("read_config", {"config": settings}, **more)

    # Short-term memory.

    def observe(
        self, event: str, *, length: int | None = None, time: int | None = None, learned: str | None = None, **more: Any
    ) -> Request:
        answer: dict[str, Any] = {"status": "okay", "auto_learned_pattern": learned}
        answer |= {"stm_length": length} if length is not None else {}
        answer |= {"time": time} if time is not None else {}
        return self.ask("observe", answer, arguments={"strings": [event]}, **more)

    def sequence(self, *events: str, **more: Any) -> Request:
        options: dict[str, Any] = {
            name: more.pop(name) for name in ("learn_at_end", "learn_after_each") if name in more
        }
        observations = [{"strings": [event]} for event in events]
        answer = {"status": "completed", "final_learned_pattern": more.pop("learned", None)}
        return self.ask("sequence", answer, arguments={"observations": observations, **options}, **more)

    def read(self, *events: str, **more: Any) -> Request:
        return self.ask("read_stm", {"stm": [[event] for event in events], "length": len(events)}, **more)

    def clear(self, **more: Any) -> Request:
        return self.ask("clear_stm", {"status": "cleared"}, **more)

    def learn(self, name: str = "PTRN|1", *, events: int = 2, **more: Any) -> Request:
        answer = {"status": "learned", "pattern_name": name, "message": f"Learned pattern {name} from {events} events"}
        return self.ask("learn", answer, **more)

    def find_it_empty(self, **more: Any) -> Request:
        return self.ask("learn", {"detail": "Cannot learn from empty STM"}, status=400, **more)

    # The verdict.

    def judge(self, *, slowest: float = SLOWEST) -> Report:
        with Recorder(self.path) as recorder:
            for entry in sorted(self.entries, key=_ending):
                recorder.add(entry)
        return check(self.path, slowest=slowest)

    def holds(self) -> None:
        report = self.judge()
        assert report.holds, str(report)

    def breaks(self, rule: str, *story: Request | Event | Listening) -> None:
        """The rule is broken, and the first violation of it tells of exactly these entries, if any are given."""
        report = self.judge()
        assert rule in report.broken, f"{rule} holds\n{report}"
        told = next(violation for violation in report.violations if violation.rule == rule).story
        if story:
            assert sorted(map(repr, map(_identity, told))) == sorted(map(repr, map(_identity, story))), str(report)


def _ending(entry: Entry) -> float:
    return entry.at if isinstance(entry, Event) else entry.end


def _identity(entry: Entry) -> object:
    return entry.number if isinstance(entry, Request) else entry


__all__ = ["Fault", "Story"]
