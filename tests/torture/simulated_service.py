"""A small sequential model of the service: correct, or with one fault in the model that strikes now and then."""

from collections.abc import Callable
from random import Random
from typing import Any

from tests.torture.simulated_state import FAULTS, Event, Job, Session, common, flat

Answer = tuple[int, Any]
Content = tuple[Event, ...]

THRESHOLD = 0.1


class Retired(Exception):
    """A learn of a retired pattern."""


class Service:
    def __init__(self, random: Random, *, fault: str | None, announce: Callable[[dict[str, Any]], None]) -> None:
        self._random = random
        self._fault = fault
        self._announce = announce
        self.strikes = 0
        self.sessions: dict[str, Session] = {}
        self.memories: dict[str, dict[Content, int]] = {}
        self.retired: dict[str, set[Content]] = {}
        self.jobs: dict[str, Job] = {}
        self._keys: dict[tuple[str, str], tuple[Any, Answer]] = {}

    def faulty(self, fault: str, *, chance: float = 0.3) -> bool:
        assert fault in FAULTS
        if self._fault == fault and self._random.random() < chance:
            self.strikes += 1
            return True
        return False

    def perform(self, operation: str, target: str, asked: dict[str, Any], key: str | None, now: float) -> Any:
        """(status, answer, whether it is a repeated one). `target`: a session, a node for creations and training."""
        session = self.sessions.get(target)
        if operation not in ("create", "train", "read_job"):
            if session is None or session.deleted or session.deadline <= now or self.faulty("false 404", chance=0.05):
                return 404, {"error": {"code": "SESSION_NOT_FOUND"}}, False
            session.deadline = max(session.deadline, now + session.ttl * self._random.uniform(1, 1.04))
        if key is None or self.faulty("key ignored", chance=0.7):
            return *self._do(operation, target, asked, now), False
        kept = self._keys.get((target, key))
        if kept is not None and kept[0] != (operation, asked) and not self.faulty("key shared", chance=0.7):
            return 422, {"detail": [{"type": "idempotency_key_reused"}]}, False
        if kept is not None:
            changed = {"status": "okay", "stm_length": 99} if self.faulty("another response to a key") else kept[1][1]
            return kept[1][0], changed, True
        status, answer = self._do(operation, target, asked, now)
        if status < 300:
            self._keys[target, key] = ((operation, asked), (status, answer))
        return status, answer, False

    def _do(self, operation: str, target: str, asked: dict[str, Any], now: float) -> Answer:
        if operation == "read_job":
            return self._read_job(asked)
        subject: Session | str = target
        if operation not in ("create", "train"):
            subject = session = self.sessions[target]
            if operation in ("observe", "sequence", "learn", "clear_stm", "clear_all"):
                session.older = list(session.stm)
        return self._unless_retired(f"_{operation}", subject, asked, now)

    def _unless_retired(self, name: str, subject: Session | str, asked: dict[str, Any], now: float) -> Answer:
        before = (list(subject.stm), subject.time) if isinstance(subject, Session) else ([], 0)
        try:
            answer: Answer = getattr(self, name)(subject, asked, now)
        except Retired as error:
            assert isinstance(subject, Session)
            subject.stm, subject.time = before
            return 409, {"error": {"code": "RETIRED_PATTERN", "context": {"pattern_name": str(error)}}}
        return answer

    # Sessions.

    def _create(self, node: str, asked: dict[str, Any], now: float) -> Answer:
        ttl = asked["ttl_seconds"] or 3600
        name = f"session-{len(self.sessions)}"
        self.sessions[name] = Session(name, node, ttl, now + ttl, dict(asked["config"]))
        self._tell("session.created", session_id=name, node_id=node)
        return 200, {"session_id": name, "node_id": node, "ttl_seconds": ttl}

    def _tell(self, kind: str, **data: Any) -> None:
        if self.faulty("lost event"):
            return
        self._announce({"event_type": kind, "data": data})
        if self.faulty("event twice"):
            self._announce({"event_type": kind, "data": data})

    def _delete(self, session: Session, asked: dict[str, Any], now: float) -> Answer:
        session.deleted = not self.faulty("deleted session lives")
        reason = "expired" if self.faulty("deletion called an expiry") else "explicit_delete"
        self._tell("session.destroyed", session_id=session.id, reason=reason)
        return 200, {"status": "deleted", "session_id": session.id}

    def expire(self, now: float) -> None:
        for session in self.sessions.values():
            early = now + 20 if self.faulty("announced too early", chance=0.01) else now
            if not session.deleted and session.deadline <= early:
                session.deleted = session.deadline <= now
                if not self.faulty("expiry not announced"):
                    self._tell("session.destroyed", session_id=session.id, reason="expired")

    def _extend(self, session: Session, asked: dict[str, Any], now: float) -> Answer:
        if not self.faulty("extension lost"):
            session.deadline = now + asked["ttl_seconds"]
            session.promised = session.deadline
        told = asked["ttl_seconds"] + self.faulty("another time to live")
        return 200, {"status": "extended", "session_id": session.id, "ttl_seconds": told}

    def _configure(self, session: Session, asked: dict[str, Any], now: float) -> Answer:
        if not self.faulty("lost configuration"):
            session.older_settings = dict(session.settings)
            session.settings |= asked["config"]
        return 200, {"status": "okay", "session_id": session.id}

    def _read_config(self, session: Session, asked: dict[str, Any], now: float) -> Answer:
        stale = self.faulty("stale configuration") and session.older_settings
        shown = session.older_settings if stale else session.settings
        if self.faulty("no settings"):
            return 200, {"session_id": session.id, "config": {}}
        return 200, {"session_id": session.id, "config": {"persistence": 5, "max_pattern_length": 0} | shown}

    def _read_session(self, session: Session, asked: dict[str, Any], now: float) -> Answer:
        left = int(max(session.promised, now + session.ttl) - now)
        return 200, {"session_id": session.id, "node_id": session.node, "ttl_seconds": left}

    # Short-term memory.

    def _append(self, session: Session, event: Event) -> str | None:
        """Returns the name of what it learned."""
        session.time += 1
        if self.faulty("lost event of the STM"):
            return None
        if session.stm and self.faulty("another order"):
            session.stm.insert(len(session.stm) - 1, event)
        else:
            session.stm.append(event)
        if self.faulty("event of the STM twice"):
            session.stm.append(event)
            session.time += 1
        length = session.settings.get("max_pattern_length", 0)
        if not 0 < length <= len(session.stm) or self.faulty("window not learned"):
            return None
        learned, keep = list(session.stm), 0
        if session.settings.get("stm_mode") == "ROLLING" and len(learned) > 1:
            keep = length - 1
        name = self._learned(session)
        session.stm = learned[len(learned) - keep :]
        return name

    def _learned(self, session: Session) -> str | None:
        content = tuple(session.stm)
        if not self.faulty("learned, and still there"):
            session.stm = []
        return self._remember(session.node, content) if len(flat(list(content))) > 1 else None

    def _remember(self, node: str, content: Content) -> str:
        name = "PTRN|" + "_".join(flat(list(content)))
        if content in self.retired.get(node, ()) and not self.faulty("retired, and learned"):
            raise Retired(name)
        memory = self.memories.setdefault(node, {})
        more = 2 if self.faulty("learned twice") else 0 if self.faulty("not learned") else 1
        memory[content] = memory.get(content, 0) + more
        if not memory[content]:
            del memory[content]
        return name

    def _observe(self, session: Session, asked: dict[str, Any], now: float) -> Answer:
        if self.faulty("refused, and done"):
            self._append(session, tuple(sorted(asked["strings"])))
            return 422, {"detail": []}
        learned = self._append(session, tuple(sorted(asked["strings"])))
        if self.faulty("learned, and not told"):
            learned = None
        answer = {"status": "okay", "stm_length": len(session.stm), "time": session.time}
        return 200, {**answer, "auto_learned_pattern": learned, "session_id": session.id}

    def _sequence(self, session: Session, asked: dict[str, Any], now: float) -> Answer:
        items: list[Any] = []
        names: list[str | None] = []
        observations = asked["observations"]
        before = len(session.stm) + self.faulty("first length wrong")
        if len(observations) > 1 and self.faulty("half a sequence"):
            observations = observations[:-1]
        for observation in observations:
            learned = self._append(session, tuple(sorted(observation["strings"])))
            items.append({"stm_length": len(session.stm), "time": session.time, "auto_learned_pattern": learned})
            names.append(learned)
        final = self._learned(session) if asked.get("learn_at_end") and session.stm else None
        return 200, {
            "status": "completed",
            "observations_processed": len(asked["observations"]),
            "results": items if len(items) == len(asked["observations"]) else [],
            "initial_stm_length": before,
            "final_stm_length": len(session.stm),
            "auto_learned_patterns": [name for name in (*names, final) if name],
            "final_learned_pattern": final,
            "session_id": session.id,
        }

    def _learn(self, session: Session, asked: dict[str, Any], now: float) -> Answer:
        if not session.stm:
            return 400, {"detail": "Cannot learn from empty STM"}
        events = len(session.stm)
        name = self._learned(session) or ""
        message = f"Learned pattern {name} from {events} events"
        return 200, {"status": "learned", "pattern_name": name, "message": message, "session_id": session.id}

    def _clear_stm(self, session: Session, asked: dict[str, Any], now: float) -> Answer:
        if not self.faulty("clear ignored"):
            session.stm, session.time = [], 0
        return 200, {"status": "cleared", "session_id": session.id}

    def _clear_all(self, session: Session, asked: dict[str, Any], now: float) -> Answer:
        session.stm, session.time = [], 0
        if not self.faulty("clear-all forgets nothing", chance=0.8):
            self.memories[session.node] = {}
            self.retired[session.node] = set()
        return 200, {"status": "cleared", "session_id": session.id, "scope": "all"}

    def _retire(self, session: Session, asked: dict[str, Any], now: float) -> Answer:
        self.retired.setdefault(session.node, set()).add(_content(asked))
        return 200, {"status": "okay"}

    def _un_retire(self, session: Session, asked: dict[str, Any], now: float) -> Answer:
        self.retired.setdefault(session.node, set()).discard(_content(asked))
        return 200, {"status": "okay"}

    def _purge(self, session: Session, asked: dict[str, Any], now: float) -> Answer:
        content = _content(asked)
        if content not in self.retired.get(session.node, ()):
            return 200, {"status": "partial", "purged": []}
        self.memories.get(session.node, {}).pop(content, None)
        return 200, {"status": "completed", "purged": asked["pattern_ids"]}

    def _read_stm(self, session: Session, asked: dict[str, Any], now: float) -> Answer:
        shown = session.older if self.faulty("stale read") else session.stm
        if self.faulty("another session's STM"):
            shown = self._random.choice(list(self.sessions.values())).stm
        return 200, {"stm": [list(event) for event in shown], "length": len(shown), "session_id": session.id}

    # Long-term memory and jobs.

    def _predict(self, session: Session, asked: dict[str, Any], now: float) -> Answer:
        state = flat(session.stm)
        found: list[dict[str, Any]] = []
        for content, frequency in self.memories.get(session.node, {}).items():
            pattern = flat(list(content))
            similarity = 2 * common(pattern, state) / (len(pattern) + len(state)) if state else 0
            if len(state) == 1:
                similarity = float(pattern[0] == state[0])
            if similarity < THRESHOLD or self.faulty("pattern missing", chance=0.1):
                continue
            if content in self.retired.get(session.node, ()) and not self.faulty("retired, and predicted"):
                continue
            shown = max(1, frequency - 1) if self.faulty("old frequency") else frequency
            sequence = [list(event) for event in content]
            told = 2 * common(pattern, state) / (len(pattern) + len(state))
            told -= 0.1 * self.faulty("another similarity")
            numbers = {"similarity": told, "potential": round(told, 3)}
            found.append({"name": "_".join(pattern), "frequency": shown, "sequence": sequence, **numbers})
        others = [memory for node, memory in self.memories.items() if node != session.node and memory]
        if others and self.faulty("pattern of another node"):
            strange = next(iter(self._random.choice(others)))
            found.append({"name": "_".join(flat(list(strange))), "frequency": 1, "similarity": 0.5, "potential": 0.5})
        found.sort(key=lambda entry: (-entry["potential"], -entry["similarity"], entry["name"]))
        if self.faulty("another order of predictions"):
            found.reverse()
        return 200, {"predictions": found, "session_id": session.id}

    def _train(self, node: str, asked: dict[str, Any], now: float) -> Answer:
        return self._accept(Job(f"job-{len(self.jobs)}", None, node, asked))

    def _submit(self, session: Session, asked: dict[str, Any], now: float) -> Answer:
        return self._accept(Job(f"job-{len(self.jobs)}", session.id, session.node, asked))

    def _accept(self, job: Job) -> Answer:
        self.jobs[job.id] = job
        return 202, job.answer

    def run(self, job: Job, now: float) -> None:
        """Do all of a job."""
        if self.faulty("job forgotten"):
            return
        session = self.sessions.get(job.session or "")
        if session is not None and (session.deleted or session.deadline <= now):
            job.state = "failed"
            return
        for _ in range(2 if self.faulty("job done twice") else 1):
            if session is not None:
                session.older = list(session.stm)
                status, job.result = self._unless_retired("_sequence", session, job.body, now)
                if status == 409:
                    job.state = "failed"
                    return
                session.deadline = max(session.deadline, now + session.ttl)
            for sequence in job.body.get("sequences", []):
                self._remember(job.node, tuple(tuple(sorted(event)) for event in sequence))
        job.state, job.done = "done", job.total

    def _read_job(self, asked: dict[str, Any]) -> Answer:
        job = self.jobs[asked["job_id"]]
        if job.state == "done" and self.faulty("job goes back"):
            return 200, {**job.answer, "state": "running", "done": 0}
        return 200, job.answer


def _content(asked: dict[str, Any]) -> Content:
    [name] = asked["pattern_ids"]
    return tuple((word,) for word in name.split("_"))
