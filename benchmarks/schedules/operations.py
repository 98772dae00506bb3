"""The operations of a session: what a client, a worker, a chore, the console or time does to it."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import psycopg

from benchmarks.schedules import clock
from benchmarks.schedules.actors import Actor, current
from benchmarks.schedules.requests import comparable, send
from benchmarks.schedules.steps import CLOCK, Step
from benchmarks.schedules.world import TTL, World
from engine.naming import pattern_name
from foundation.errors import Refusal
from sessions_app import operations
from sessions_app.jobs import lifecycle, running
from sessions_app.models.jobs import State
from sessions_app.operations import SavedSession
from sessions_app.reads import event_feed

Result = Any


@dataclass(frozen=True, slots=True)
class Operation:
    """`features`: of the world that it needs. `prepare`: before the run, in another thread.

    `recover`: what happens after its process has died, until the effect is there once: a client that repeats a request
    with its key, the relay that delivers a job again. `conclude`: makes of what it returned, after the run, what is
    compared. `is_whole`: one transaction. `listens`: returns the events that it hears, from its beginning on.
    `is_shared`: of two at once, one may leave the work to the other, and end before it is done.
    """

    name: str
    perform: Callable[[World], Result]
    features: frozenset[str] = frozenset()
    prepare: Callable[[World, Actor], None] | None = None
    recover: Callable[[World], Result] | None = None
    conclude: Callable[[World, Result], Result] | None = None
    passes_time: bool = False
    is_whole: bool = True
    listens: bool = False
    is_shared: bool = False


ALL: dict[str, Operation] = {}


def _add(name: str, perform: Callable[[World], Result], *features: str, **more: Any) -> None:
    ALL[name] = Operation(name, perform, frozenset(features), **more)


def _request(
    method: str, path: str, body: Any = None, *, key: str | None = None, padding: int = 0, other: bool = False
) -> Callable[[World], Result]:
    """A request on the session of the world, or on the other one."""

    def perform(world: World) -> Result:
        session = world.other_session if other else world.session
        answer = send(method, f"/sessions/{session}{path}", body, key=key, padding=padding)
        return comparable(answer, world.name)

    return perform


def _call(perform: Callable[[World], Any]) -> Callable[[World], Result]:
    """An operation that is no request."""

    def perform_or_be_refused(world: World) -> Result:
        try:
            return str(perform(world)).replace(world.name + "-", "the-")
        except Refusal as refusal:
            return type(refusal).__name__

    return perform_or_be_refused


def _observation(symbol: str) -> dict[str, Any]:
    return {"strings": [symbol], "emotives": {"joy": 0.5}, "metadata": {"by": symbol}, "unique_id": symbol}


_SEQUENCE = {"observations": [_observation(symbol) for symbol in "xy"]}
_TAUGHT = {**_SEQUENCE, "learn_after_each": True, "clear_stm_between": True}

_observe_once = _request("POST", "/observe", _observation("i"), key="once")
_learn_once = _request("POST", "/learn", key="learn once")
_add("observe", _request("POST", "/observe", _observation("o")))
_add("observe, repeatable", _observe_once, recover=_observe_once)
_add("observe, learning", _request("POST", "/observe", _observation("l")), "learns")
_add("observe, rolling", _request("POST", "/observe", _observation("r")), "rolls")
_add("sequence", _request("POST", "/observe-sequence", _SEQUENCE))
_add("sequence, long body", _request("POST", "/observe-sequence", _SEQUENCE, padding=66_000))
_add("sequence, learning", _request("POST", "/observe-sequence", _TAUGHT))
_add("learn", _request("POST", "/learn"))
_add("learn, repeatable", _learn_once, recover=_learn_once)
_add("learn, first of the node", _request("POST", "/learn"), "fresh")
_add("learn by another session", _request("POST", "/learn", other=True))
_add("clear-stm", _request("POST", "/clear-stm"))
_add("clear-all", _request("POST", "/clear-all"))


def _retire(world: World, actor: Actor) -> None:
    # The session of the world may have expired.
    operations.retire(session_id=world.other_session, names=_LEARNED["pattern_ids"])


# What a learn of the world's STM learns.
_LEARNED = {"pattern_ids": [pattern_name([["a"], ["b"]])]}
_add("retire", _request("POST", "/patterns/retire", _LEARNED))
_add("un-retire", _request("POST", "/patterns/un-retire", _LEARNED), prepare=_retire)
_add("purge", _request("POST", "/patterns/purge", _LEARNED), prepare=_retire)
_add("delete", _request("DELETE", ""))
_add("configure", _request("POST", "/config", {"recall_threshold": 0.3, "max_pattern_length": 5}))
_add("extend", _request("POST", "/extend?ttl_seconds=5000"))
_add("touch", _request("GET", "/no-such-path"))
_add("expire", _call(lambda world: operations.expire(session_id=world.session)))

_add("read session", _request("GET", ""))
_add("read config", _request("GET", "/config"))
_add("read exists", _request("GET", "/exists"))
_add("read STM", _request("GET", "/stm"))
_add("read STM, cached", _request("GET", "/stm"), "long")
_add("read percept", _request("GET", "/percept-data"))
_add("read percept, cached", _request("GET", "/percept-data"), "long")


def _follow(world: World, actor: Actor) -> None:
    actor.indexes.follow(world.node)


_add("predict", _request("GET", "/predictions"), prepare=_follow)
_add("predict, new process", _request("GET", "/predictions"))
_add("read cognition", _request("GET", "/cognition-data"), prepare=_follow)
_add("finalize", _request("POST", "/finalize-training"), prepare=_follow)


def _create(world: World) -> Result:
    return comparable(send("POST", "/sessions", {"node_id": world.node, "ttl_seconds": TTL}), world.name)


def _restore(world: World) -> Any:
    session = SavedSession(
        session_id=world.session,
        node_id=world.node,
        ttl_seconds=TTL,
        config={},
        metadata={},
        time=1,
        stm=[["saved"]],
        seen=[["saved"]],
        percept={"strings": ["saved"], "vectors": [], "metadata": {}},
    )
    return operations.restore(sessions=[session])


_add("create", _create)
_add("import", _call(_restore))
_add("import over an expired one", _call(_restore), "expired", is_whole=False)


def _run_job(world: World) -> Result:
    running.run(world.job)


def _retry(world: World) -> Any:
    """A job that has not ended stays as it is, waiting or running."""
    state = lifecycle.retry(job_id=world.job).state
    return "unfinished" if state in (State.WAITING, State.RUNNING) else state


_add("accept a job", _request("POST", "/observe-sequence?mode=async", _SEQUENCE))
_add("job", _run_job, "job", recover=_run_job, is_shared=True)
_add("cancel the job", _call(lambda world: lifecycle.cancel(job_id=world.job).state), "job")
_add("retry the job", _call(_retry), "job")


def _delete_expired(world: World) -> Result:
    operations.delete_expired()


def _again_later(world: World, result: Result) -> Result:
    """The chore leaves out a session that another transaction holds. Its next run deletes it."""
    operations.delete_expired()


_add("delete expired ones", _delete_expired, "expired", conclude=_again_later)


class Time:
    """Lets an hour pass, on a connection that no actor uses."""

    connection: psycopg.Connection[Any]

    @classmethod
    def passes(cls, world: World) -> Result:
        actor = current()
        if actor is not None:
            actor.stand_before(Step("an hour passes", publishes=frozenset({CLOCK}), can_fail=False))
        clock.let_an_hour_pass(cls.connection)

    @classmethod
    def passes_and_chore_runs(cls, world: World) -> Result:
        cls.passes(world)
        operations.delete_expired()


_add("time passes", Time.passes, passes_time=True)
_add("time passes, and the chore runs", Time.passes_and_chore_runs, passes_time=True, conclude=_again_later)


def _listen(world: World) -> Result:
    """Polls twice, from a moment on."""
    start = event_feed.poll(since=None).checkpoint
    first = event_feed.poll(since=start)
    second = event_feed.poll(since=first.checkpoint)
    return second.checkpoint, [*first.events, *second.events]


def _heard(world: World, result: Result) -> Result:
    """All that the listener hears if it goes on after the run: each event once, and those of a session in order."""
    checkpoint, events = result
    rest = event_feed.poll(since=checkpoint).events
    heard = [_told(event, world) for event in (*events, *rest) if event.node_id == world.node]
    return sorted(heard, key=lambda event: event[1])


def _told(event: event_feed.Event, world: World) -> tuple[str, str]:
    """What happened, and to what."""
    if isinstance(event, event_feed.ActOnPatterns):
        return event.act, " ".join(event.patterns)
    return event.kind.name, comparable((0, event.session_id), world.name)[1]


_add("listen", _listen, conclude=_heard, listens=True)
