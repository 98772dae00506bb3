"""The requests of the workload, one function each. What they observe follows the conventions of the history."""

from typing import Any

from benchmarks.torture.history import Operation, Request
from benchmarks.torture.workload.client import Arguments, Body, Call, Client, Session, empty

HALF = 0.5  # of the writes have a key


def succeeded(seen: Request | None) -> bool:
    return seen is not None and seen.status is not None and seen.status < 300


async def _read(client: Client, session: Session, operation: Operation, end: str = "") -> Request | None:
    return await client.ask(Call(operation, "GET", f"/sessions/{session.id}{end}", session.node, session))


async def _write(
    client: Client,
    session: Session,
    operation: Operation,
    end: str,
    body: Body = empty,
    *,
    sends_body: bool = True,
) -> Request | None:
    path = f"/sessions/{session.id}{end}"
    return await client.ask(Call(operation, "POST", path, session.node, session, body, sends_body), keyed=HALF)


async def create(client: Client, node: str, *, ttl: int = 3600, config: dict[str, Any] | None = None) -> Session | None:
    def body(_: int) -> Arguments:
        return {"node_id": node, "ttl_seconds": ttl, **({"config": config} if config else {})}

    seen = await client.ask(Call("create", "POST", "/sessions", node, body=body), keyed=HALF)
    if seen is None or seen.status != 200:
        return None
    return Session(seen.answer["session_id"], node)


def unique(count: int) -> Body:
    """Observations of symbols that no other request observes."""
    return lambda number: {"observations": [{"strings": [f"o{number}.{place}"]} for place in range(count)]}


async def observe(client: Client, session: Session, *, words: list[str] | None = None) -> Request | None:
    return await _write(client, session, "observe", "/observe", lambda number: {"strings": words or [f"o{number}"]})


async def observe_sequence(client: Client, session: Session, count: int) -> Request | None:
    return await _write(client, session, "sequence", "/observe-sequence", unique(count))


async def teach(client: Client, session: Session, sentence: list[str]) -> Request | None:
    """Observe words and learn them, in one request."""

    def body(_: int) -> Arguments:
        return {"observations": [{"strings": [word]} for word in sentence], "learn_at_end": True}

    return await _write(client, session, "sequence", "/observe-sequence", body)


async def learn(client: Client, session: Session) -> Request | None:
    return await _write(client, session, "learn", "/learn")


async def clear_stm(client: Client, session: Session) -> Request | None:
    return await _write(client, session, "clear_stm", "/clear-stm")


async def clear_all(client: Client, session: Session) -> Request | None:
    return await _write(client, session, "clear_all", "/clear-all")


async def act_on_pattern(client: Client, session: Session, operation: Operation, name: str) -> Request | None:
    end = f"/patterns/{operation.replace('_', '-')}"
    return await _write(client, session, operation, end, lambda _: {"pattern_ids": [name]})


async def delete(client: Client, session: Session) -> Request | None:
    return await client.ask(Call("delete", "DELETE", f"/sessions/{session.id}", session.node, session))


async def extend(client: Client, session: Session, ttl: int) -> Request | None:
    end = f"/extend?ttl_seconds={ttl}"
    return await _write(client, session, "extend", end, lambda _: {"ttl_seconds": ttl}, sends_body=False)


async def configure(client: Client, session: Session, config: dict[str, Any]) -> Request | None:
    return await _write(client, session, "configure", "/config", lambda _: {"config": config})


async def read_session(client: Client, session: Session) -> Request | None:
    return await _read(client, session, "read_session")


async def read_stm(client: Client, session: Session) -> Request | None:
    return await _read(client, session, "read_stm", "/stm")


async def read_config(client: Client, session: Session) -> Request | None:
    return await _read(client, session, "read_config", "/config")


async def predict(client: Client, session: Session) -> Request | None:
    return await _read(client, session, "predict", "/predictions")


async def submit_sequence(client: Client, session: Session, count: int) -> Request | None:
    return await _write(client, session, "submit", "/observe-sequence?mode=async", unique(count))


async def submit_training(client: Client, node: str, sentences: list[list[str]]) -> Request | None:
    def body(_: int) -> Arguments:
        return {"kind": "train", "node_id": node, "sequences": [[[word] for word in one] for one in sentences]}

    return await client.ask(Call("submit", "POST", "/jobs", node, body=body), keyed=HALF)


async def read_job(client: Client, node: str, job: str, session: Session | None = None) -> Request | None:
    def arguments(_: int) -> Arguments:
        return {"job_id": job} if job else {}

    return await client.ask(Call("read_job", "GET", f"/jobs/{job}", node, session, arguments, sends_body=False))
