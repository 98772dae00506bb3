"""The stream of session events, as iterators."""

import asyncio
from collections.abc import Iterable, Iterator
from itertools import islice

import pytest

from benchmarks.stack import WebServer
from kato_client import AsyncKato, ConnectionFailed, Kato, types
from tests.client.relay import Relay, Say
from tests.client.shapes import problems


def assert_story_of(session_id: str, snapshot: types.Snapshot, events: list[types.SessionEvent]) -> None:
    assert problems(snapshot, types.Snapshot) == []
    assert [problems(event, types.SessionEvent) for event in events] == [[]] * len(events)
    mine = [event["event_type"] for event in events if is_about(session_id, event)]
    assert mine == ["session.created", "session.destroyed"]


def is_about(session_id: str, event: types.SessionEvent) -> bool:
    return event["event_type"].startswith("session.") and event["data"].get("session_id") == session_id


def is_end_of(session_id: str, event: types.SessionEvent) -> bool:
    return event["event_type"] == "session.destroyed" and event["data"]["session_id"] == session_id


def up_to_end_of(session_id: str, stream: Iterable[types.SessionEvent]) -> Iterator[types.SessionEvent]:
    for event in stream:
        yield event
        if is_end_of(session_id, event):
            return


def test_a_client_receives_the_events_of_a_session(server: WebServer, node: str) -> None:
    with Kato(server.url) as kato, kato.events() as events:
        with kato.session(node) as session:
            pass
        assert_story_of(session.id, events.snapshot, list(up_to_end_of(session.id, events)))


def test_a_client_receives_the_acts_on_patterns(server: WebServer, node: str) -> None:
    name = "0" * 40
    with Kato(server.url) as kato, kato.session(node) as session, kato.events() as events:
        session.retire_patterns([name])
        session.un_retire_patterns([name])
        session.retire_patterns([name])
        session.purge_patterns([name])
        heard = list(islice(acts_on(node, events), 4))
    assert [problems(event, types.SessionEvent) for event in heard] == [[]] * 4
    acts = ("retired", "un-retired", "retired", "purged")
    assert [event["event_type"] for event in heard] == [f"patterns.{act}" for act in acts]
    assert [event["data"] for event in heard] == [{"node_id": node, "patterns": [name], "count": 1}] * 4


def acts_on(node: str, events: Iterable[types.SessionEvent]) -> Iterator[types.PatternsActedOn]:
    for event in events:
        match event["event_type"]:
            case "patterns.retired" | "patterns.un-retired" | "patterns.purged" if event["data"]["node_id"] == node:
                yield event


def test_an_async_client_receives_the_events_of_a_session(server: WebServer, node: str) -> None:
    async def watch() -> None:
        async with AsyncKato(server.url) as kato, kato.events() as events:
            async with kato.session(node) as session:
                pass
            seen = []
            async for event in events:
                seen.append(event)
                if is_end_of(session.id, event):
                    break
            assert_story_of(session.id, events.snapshot, seen)

    asyncio.run(watch())


def test_a_server_without_events(relay: Relay) -> None:
    relay.faults.append(Say(404))
    with Kato(relay.url) as kato, pytest.raises(ConnectionFailed, match="404"), kato.events():
        pass
