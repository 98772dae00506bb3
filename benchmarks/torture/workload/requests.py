"""The requests of the workload, one function each. What they observe follows the conventions of the history."""

from typing import Any

from benchmarks.torture.history import Request
from benchmarks.torture.workload.client import Arguments, Client, Session, empty

HALF = 0.5  # of the writes have a key


def succeeded(seen: Request | None) -> bool:
    return seen is not None and seen.status is not None and seen.status < 300


def _path(session: Session, end: str) -> str:
    return f"/sessions/{session.id}/{end}"


async def create(client: Client, node: str, *, ttl: int = 3600, config: dict[str, Any] | None = None) -> Session | None:
    def body(_: int) -> Arguments:
        return {"node_id": node, "ttl_seconds": ttl, **({"config": config} if config else {})}

    seen = await client.ask("create", "POST", "/sessions", node=node, body=body, keyed=HALF)
    if seen is None or seen.status != 200:
        return None
    return Session(seen.answer["session_id"], node)


def unique(count: int) -> Any:
    """Observations of symbols that no other request observes."""
    return lambda number: {"observations": [{"strings": [f"o{number}.{place}"]} for place in range(count)]}


async def observe(client: Client, session: Session, *, words: list[str] | None = None) -> Request | None:
    return await client.ask(
        "observe",
        "POST",
        _path(session, "observe"),
        node=session.node,
        session=session,
        body=lambda number: {"strings": words or [f"o{number}"]},
        keyed=HALF,
    )


async def observe_sequence(client: Client, session: Session, count: int) -> Request | None:
    return await client.ask(
        "sequence",
        "POST",
        _path(session, "observe-sequence"),
        node=session.node,
        session=session,
        body=unique(count),
        keyed=HALF,
    )


async def teach(client: Client, session: Session, sentence: list[str]) -> Request | None:
    """Observe words and learn them, in one request."""
    return await client.ask(
        "sequence",
        "POST",
        _path(session, "observe-sequence"),
        node=session.node,
        session=session,
        body=lambda _: {"observations": [{"strings": [word]} for word in sentence], "learn_at_end": True},
        keyed=HALF,
    )


async def learn(client: Client, session: Session) -> Request | None:
    return await client.ask("learn", "POST", _path(session, "learn"), node=session.node, session=session, keyed=HALF)


async def clear_stm(client: Client, session: Session) -> Request | None:
    path = _path(session, "clear-stm")
    return await client.ask("clear_stm", "POST", path, node=session.node, session=session, keyed=HALF)


async def clear_all(client: Client, session: Session) -> Request | None:
    path = _path(session, "clear-all")
    return await client.ask("clear_all", "POST", path, node=session.node, session=session, keyed=HALF)


async def delete(client: Client, session: Session) -> Request | None:
    return await client.ask("delete", "DELETE", f"/sessions/{session.id}", node=session.node, session=session)


async def extend(client: Client, session: Session, ttl: int) -> Request | None:
    return await client.ask(
        "extend",
        "POST",
        _path(session, f"extend?ttl_seconds={ttl}"),
        node=session.node,
        session=session,
        body=lambda _: {"ttl_seconds": ttl},
        keyed=HALF,
        sends_body=False,
    )


async def configure(client: Client, session: Session, config: dict[str, Any]) -> Request | None:
    return await client.ask(
        "configure",
        "POST",
        _path(session, "config"),
        node=session.node,
        session=session,
        body=lambda _: {"config": config},
        keyed=HALF,
    )


async def read_session(client: Client, session: Session) -> Request | None:
    return await client.ask("read_session", "GET", f"/sessions/{session.id}", node=session.node, session=session)


async def read_stm(client: Client, session: Session) -> Request | None:
    return await client.ask("read_stm", "GET", _path(session, "stm"), node=session.node, session=session)


async def read_config(client: Client, session: Session) -> Request | None:
    return await client.ask("read_config", "GET", _path(session, "config"), node=session.node, session=session)


async def predict(client: Client, session: Session) -> Request | None:
    return await client.ask("predict", "GET", _path(session, "predictions"), node=session.node, session=session)


async def submit_sequence(client: Client, session: Session, count: int) -> Request | None:
    return await client.ask(
        "submit",
        "POST",
        _path(session, "observe-sequence?mode=async"),
        node=session.node,
        session=session,
        body=unique(count),
        keyed=HALF,
    )


async def submit_training(client: Client, node: str, sentences: list[list[str]]) -> Request | None:
    def body(_: int) -> Arguments:
        return {"kind": "train", "node_id": node, "sequences": [[[word] for word in one] for one in sentences]}

    return await client.ask("submit", "POST", "/jobs", node=node, body=body, keyed=HALF)


async def read_job(client: Client, node: str, job: str, session: Session | None = None) -> Request | None:
    return await client.ask(
        "read_job",
        "GET",
        f"/jobs/{job}",
        node=node,
        session=session,
        body=lambda _: {"job_id": job} if job else empty(_),
        sends_body=False,
    )
