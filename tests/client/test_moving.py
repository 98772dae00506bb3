"""Patterns move to another node through the API and `manage.py node import`, and predict the same there."""

import asyncio
import io
import json
import os
import random
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from benchmarks.stack import WebServer, manage
from kato_client import AsyncKato, Kato, Session, types
from kato_client.export import NodeExport, write
from katoproject.configuration.environment import PROJECT_DIR
from tests.support.commands import CommandResult, process

SYMBOLS = ["kettle", "tea", "it's", 'say "hi"', "back\\slash", "日本", "", "a/b", "PTRN|x", "line\nfeed"]


def client_program(module: str, *arguments: str, stdin: str = "") -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-m", module, *arguments],
        env={**os.environ, "PYTHONPATH": str(PROJECT_DIR / "clients" / "python" / "src")},
        input=stdin,
        capture_output=True,
        encoding="utf-8",
    )


@pytest.fixture(scope="module")
def kato(server: WebServer) -> Iterator[Kato]:
    with Kato(server.url) as connected:
        yield connected


@pytest.fixture(scope="module")
def taught(kato: Kato) -> str:
    """A node with patterns of all kinds, learned up to three times, with emotives and metadata."""
    node = "moving from"
    chance = random.Random(4)
    with kato.session(node, config={"persistence": 3}) as session:
        for number in range(60):
            lesson: list[types.Observation] = [
                {"strings": chance.sample(SYMBOLS, chance.randint(1, 3))} for _ in range(chance.randint(2, 5))
            ]
            lesson[0]["emotives"] = {"joy": chance.random(), "risk": chance.gauss(0, 3)} if number % 2 else {}
            lesson[-1]["metadata"] = {"number": number, "source": ["web", number]} if number % 3 else {}
            for _ in range(chance.randint(1, 3)):
                session.observe_sequence(lesson, learn_at_end=True)
    return node


@pytest.fixture(scope="module")
def export(server: WebServer, taught: str) -> str:
    """The output of the export of the taught node."""
    result = client_program("kato_client.export", "--url", server.url, "--node", taught)
    assert result.returncode == 0, result.stderr
    return result.stdout


def answers(kato: Kato, node: str) -> list[Any]:
    """The predictions of a node for many states and configurations, without session ids."""
    chance = random.Random(7)
    states = [[SYMBOLS[0]], ["line\nfeed"], *([chance.choice(SYMBOLS) for _ in range(4)] for _ in range(12))]
    said: list[Any] = [
        kato.symbol_statistics(node_id=node)["symbols"],
        kato.symbol_affinities(node_id=node)["affinities"],
    ]
    for config in ({"recall_threshold": 0.1}, {"affinity_emotive": "risk"}, {"fuzzy_token_threshold": 0.6}):
        with kato.session(node, config=types.Config(**config)) as session:  # type: ignore[typeddict-item]
            for state in states:
                session.clear_stm()
                session.observe_sequence([{"strings": [symbol]} for symbol in state])
                predicted = session.predictions()
                said.append((predicted["predictions"], predicted["future_potentials"]))
    return said


def lines(text: str) -> list[Any]:
    return [json.loads(line) for line in text.splitlines()]


@pytest.mark.exhaustive
def test_the_other_node_answers_the_same(kato: Kato, taught: str, export: str, tmp_path: Path) -> None:
    file = tmp_path / "node.ndjson"
    file.write_text(export, encoding="utf-8")
    report = json.loads(manage("node", "import", str(file), "--node", "moving to", "--json"))
    count = kato.pattern_count(node_id=taught)["pattern_count"]
    assert (report["node_id"], report["patterns"], report["affinities"]) == ("moving to", count, len(SYMBOLS))
    assert json.dumps(answers(kato, "moving to")) == json.dumps(answers(kato, taught))
    for line in lines(export):
        if "events" in line:
            there = kato.pattern(line["name"], node_id="moving to")["pattern"]
            assert there == kato.pattern(line["name"], node_id=taught)["pattern"]


def exported(url: str, node: str, at_most: int) -> tuple[list[Any], list[str]]:
    """An export whose responses hold few patterns: its lines and its warnings."""

    async def run() -> tuple[list[Any], list[str]]:
        async with AsyncKato(url) as kato:
            out = io.StringIO()
            differences = await write(NodeExport(kato, node, at_most=at_most), node, out, lambda: None)
            return lines(out.getvalue()), differences

    return asyncio.run(run())


def test_more_patterns_than_an_answer_holds_are_asked_for_in_parts(server: WebServer, taught: str, export: str) -> None:
    few_at_a_time, differences = exported(server.url, taught, at_most=20)
    assert differences == []
    assert sorted(few_at_a_time, key=json.dumps) == sorted(lines(export), key=json.dumps)


def test_unreachable_patterns_are_reported(kato: Kato, server: WebServer) -> None:
    """All of them have the same two symbols, so no query separates them, and a response has room for six."""
    with kato.session("moving alike") as session:
        for length in range(2, 12):
            session.observe_sequence([{"strings": ["a"]}, {"strings": ["b"] * length}], learn_at_end=True)
    found, differences = exported(server.url, "moving alike", at_most=6)
    assert differences == ["'a': 6 of 10 patterns, 6 of 10 occurrences", "'b': 6 of 10 patterns, 27 of 65 occurrences"]
    assert "end" not in found[-1], "an import refuses it"


def test_retired_patterns_are_said_to_be_a_reason(kato: Kato, server: WebServer) -> None:
    with kato.session("moving retired") as session:
        events: list[types.Observation] = [{"strings": ["a"]}, {"strings": ["b"]}]
        name = session.observe_sequence(events, learn_at_end=True)["final_learned_pattern"]
        assert name is not None
        session.retire_patterns([name])
    result = client_program("kato_client.export", "--url", server.url, "--node", "moving retired")
    assert result.returncode == 3
    assert "0 patterns exported\nINCOMPLETE" in result.stderr
    assert "some patterns are retired (un-retire them first)" in result.stderr


def test_an_interrupted_export_can_be_continued(server: WebServer, taught: str, export: str, tmp_path: Path) -> None:
    file = tmp_path / "node.ndjson"
    file.write_text(export[: len(export) // 2], encoding="utf-8")
    options = ["--url", server.url, "--node", taught, "--output", str(file)]
    again = client_program("kato_client.export", *options)
    assert again.returncode == 1
    assert "FileExistsError" in again.stderr
    result = client_program("kato_client.export", *options, "--resume")
    assert result.returncode == 0, result.stderr
    assert file.read_text(encoding="utf-8") == export


def state_of(session: Session) -> list[Any]:
    info = session.info()
    return [info["node_id"], info["metadata"], info["session_config"], session.stm()["stm"]]


def test_sessions_are_saved_and_restored(kato: Kato, server: WebServer) -> None:
    config = types.Config(max_pattern_length=4, stm_mode="ROLLING", recall_threshold=0.7)
    with kato.session("moving sessions", config=config, metadata={"who": "é"}, ttl_seconds=900) as session:
        session.observe_sequence([{"strings": ["b", "VCTR|1"]}, {"strings": ["a"]}, {"strings": ["z", "y"]}])
        kept = state_of(session)
        ids = f"{session.id}\nsession-gone\n"
        saved = client_program("kato_client.sessions", "save", "--url", server.url, stdin=ids)
    assert saved.returncode == 1, "one of the two is gone, and that is said"
    assert "not found or expired" in lines(saved.stdout)[2]["error"]
    result = client_program("kato_client.sessions", "restore", "--url", server.url, stdin=saved.stdout)
    assert result.returncode == 0, result.stderr
    [restored] = lines(result.stdout)
    assert restored["old"] == session.id
    new = kato.attach(restored["new"])
    assert state_of(new) == kept
    assert 800 < new.info()["ttl_seconds"] <= 900
    assert kato.pattern_count(node_id="moving sessions")["pattern_count"] == 0, "nothing was learned on the way"
    new.delete()


def test_a_line_that_is_no_session_is_named(server: WebServer) -> None:
    result = client_program("kato_client.sessions", "restore", "--url", server.url, stdin='{"kato": "sessions"}\nx\n')
    assert (result.returncode, result.stdout) == (1, "")
    assert "line 2 is not JSON" in result.stderr


def test_the_service_reads_and_writes_the_same_files(kato: Kato, server: WebServer, tmp_path: Path) -> None:
    with kato.session("moving sessions", config={"sort_symbols": False}, metadata={"who": "é"}) as session:
        session.observe_sequence([{"strings": ["b"]}, {"strings": ["z", "a"]}])
        kept, session_id = state_of(session), session.id
        saved = client_program("kato_client.sessions", "save", "--url", server.url, session_id)
    file = tmp_path / "saved"
    file.write_text(saved.stdout, encoding="utf-8")
    assert process("session", "import", str(file)) == CommandResult(0, "1 session imported\n", "")
    imported = kato.attach(session_id)
    assert state_of(imported) == kept
    exported = process("session", "export", session_id).out
    restored = client_program("kato_client.sessions", "restore", "--url", server.url, stdin=exported)
    [ids] = lines(restored.stdout)
    assert state_of(kato.attach(ids["new"])) == kept
    for one in ids.values():
        kato.attach(one).delete()
