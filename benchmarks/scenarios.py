"""The scenarios: each prepares a service, which is not timed, and returns the scripts of one round."""

from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass

from benchmarks.load import CREATED, Job, Script, Step, create, event, observe, observe_sequence, read
from benchmarks.services import Service
from katoproject.configuration.locations import redis_url

CONNECTIONS = 32
SHORT, LONG = 10, 900
LISTED = 1000

Prepared = AbstractContextManager[Job]

CREATE = create(metadata={"by": "bench"})


def _job(service: Service, steps_of_scripts: list[list[Step]], requests: int) -> Job:
    """`requests` in total, divided evenly among the scripts."""
    per_script = max(1, requests // sum(len(steps) for steps in steps_of_scripts))
    return Job(service.port, [Script(steps, per_script) for steps in steps_of_scripts])


@contextmanager
def _creating(service: Service, requests: int) -> Iterator[Job]:
    yield _job(service, [[CREATE]] * CONNECTIONS, requests)


@contextmanager
def _creating_and_getting(service: Service, requests: int) -> Iterator[Job]:
    yield _job(service, [[CREATE, Step("GET", f"/sessions/{CREATED}")]] * CONNECTIONS, requests)


def _observing(*, sessions: int, connections: int, length: int = 0) -> Callable[[Service, int], Prepared]:
    @contextmanager
    def prepared(service: Service, requests: int) -> Iterator[Job]:
        ids = service.seed(sessions, length)
        yield _job(service, [[observe(ids[number % sessions], event(0))] for number in range(connections)], requests)

    return prepared


def _reading(*, length: int, flush: bool = False, redis_down: bool = False) -> Callable[[Service, int], Prepared]:
    @contextmanager
    def prepared(service: Service, requests: int) -> Iterator[Job]:
        ids = service.kept(CONNECTIONS, length)
        job = _job(service, [[read(session_id, "stm")] for session_id in ids], requests)
        if redis_down:
            service.stop_redis()
        else:
            service.load.run(Job(job.port, [Script(script.steps) for script in job.scripts]))  # fills the cache
        try:
            yield Job(job.port, job.scripts, flush=redis_url(service.data) if flush else None)
        finally:
            if redis_down:
                service.start_redis()

    return prepared


@contextmanager
def _predicting(service: Service, requests: int) -> Iterator[Job]:
    """Each session has learned its STM, and asks again and again what follows its first events."""
    events = [event(number) for number in range(SHORT)]
    learn = [create("learner"), observe_sequence(CREATED, events, learn_at_end=True)]
    ask = [create("learner"), observe_sequence(CREATED, events[:2]), read(CREATED, "predictions")]
    service.load.run(Job(service.port, [Script(learn)]))
    ids = service.load.run(Job(service.port, [Script(ask)] * CONNECTIONS)).created
    yield _job(service, [[read(session_id, "predictions")] for session_id in ids], requests)


@contextmanager
def _listing(service: Service, requests: int) -> Iterator[Job]:
    missing = LISTED - service.ask("GET", "/sessions/count")["active_session_count"]
    if missing > 0:
        service.seed(missing)
    yield _job(service, [[Step("GET", "/sessions?limit=20")]] * CONNECTIONS, requests)


def _asking(path: str) -> Callable[[Service, int], Prepared]:
    @contextmanager
    def prepared(service: Service, requests: int) -> Iterator[Job]:
        yield _job(service, [[Step("GET", path)]] * CONNECTIONS, requests)

    return prepared


@contextmanager
def _deleting(service: Service, requests: int) -> Iterator[Job]:
    ids = service.seed(requests, length=2)
    deletions = [Step("DELETE", f"/sessions/{session_id}") for session_id in ids]
    yield Job(service.port, [Script(deletions[part::CONNECTIONS]) for part in range(CONNECTIONS)])


@dataclass(frozen=True)
class Scenario:
    name: str
    requests: int
    prepared: Callable[[Service, int], Prepared]
    # The highest acceptable ratio of our CPU per request to that of the baseline with Redis.
    target: float | None = None
    # The same for the durable baseline, which has only some of the scenarios.
    durable_target: float | None = None
    # If the baseline has no such case: the scenario whose baseline figures are used for the comparison.
    beside: str | None = None


SHORT_OBSERVE = Scenario(
    "observe at length 10",
    640,
    _observing(sessions=32, connections=CONNECTIONS, length=SHORT),
    target=0.6,
    durable_target=0.8,
)
FULL_OBSERVE = Scenario(
    "observe at length 900",
    640,
    _observing(sessions=32, connections=CONNECTIONS, length=LONG),
    target=0.6,
    durable_target=0.8,
)
# Without a baseline, which cannot predict.
CACHED_PREDICTIONS = Scenario("predictions, cached", 1600, _predicting)

# In this order: listing needs a known number of sessions, and Redis loses its content when it is stopped.
SCENARIOS = [
    Scenario("list, 20 of 1000", 480, _listing),
    Scenario("create", 1600, _creating, target=1.0, durable_target=0.8),
    Scenario("create, then get", 1600, _creating_and_getting),
    Scenario(
        "observe, 1 session, 1 writer", 800, _observing(sessions=1, connections=1), target=0.6, durable_target=0.8
    ),
    Scenario(
        "observe, 32 sessions", 1600, _observing(sessions=32, connections=CONNECTIONS), target=0.6, durable_target=0.8
    ),
    Scenario(
        "observe, 1 session, 32 writers",
        640,
        _observing(sessions=1, connections=CONNECTIONS),
        target=0.6,
        durable_target=0.8,
    ),
    SHORT_OBSERVE,
    FULL_OBSERVE,
    Scenario("stm of 10 events", 1600, _reading(length=SHORT), target=0.5, durable_target=0.8),
    Scenario("stm of 900, cache hit", 1600, _reading(length=LONG), target=0.5, durable_target=0.8),
    # The baseline cannot miss its cache: Redis holds its only copy.
    Scenario("stm of 900, cache miss", 640, _reading(length=LONG, flush=True), beside="stm of 900, cache hit"),
    Scenario("health", 1600, _asking("/health"), target=0.5),
    Scenario("number of sessions", 1600, _asking("/sessions/count")),
    Scenario("delete", 800, _deleting),
    Scenario("stm of 900, Redis down", 640, _reading(length=LONG, redis_down=True), beside="stm of 900, cache hit"),
]
