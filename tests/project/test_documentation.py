"""The examples of the documents, run as pasted, against the real service."""

import contextlib
import io
import json
import re
import shutil
import subprocess
from typing import Any

import httpx
import pytest

from benchmarks.stack import WebServer
from katoproject.configuration.environment import PROJECT_DIR
from tests.support.sessions import LiveSession


def first_block(document: str, language: str) -> str:
    """The content of the first block in this language."""
    block = re.search(rf"```{language}\n(.*?)```", (PROJECT_DIR / document).read_text(), re.DOTALL)
    assert block is not None
    return block[1]


def run_pasted(document: str, server: WebServer) -> list[Any]:
    """Run the first bash block of a document; return the JSON objects that it prints."""
    script = first_block(document, "bash").replace("http://127.0.0.1:8000", server.url)
    result = subprocess.run(["bash", "-euo", "pipefail", "-c", script], capture_output=True, text=True, check=True)
    decoder = json.JSONDecoder()
    answers: list[Any] = []
    rest = result.stdout.strip()
    while rest:
        answer, end = decoder.raw_decode(rest)
        answers.append(answer)
        rest = rest[end:].strip()
    return answers


@pytest.fixture
def empty_kitchen(client: httpx.Client) -> None:
    """Other examples teach the node `kitchen`, too."""
    LiveSession.create(client, "kitchen").post("clear-all")


@pytest.mark.usefixtures("empty_kitchen")
def test_the_readme_python_program_prints_what_the_readme_shows(server: WebServer) -> None:
    program = first_block("README.md", "python").replace("http://127.0.0.1:8000", server.url)
    printed = io.StringIO()
    with contextlib.redirect_stdout(printed):
        exec(compile(program, "README.md", "exec"), {})
    assert printed.getvalue() == first_block("README.md", "text")


@pytest.mark.skipif(shutil.which("jq") is None, reason="No jq on this machine: apt-get install jq")
@pytest.mark.usefixtures("empty_kitchen")
def test_the_readme_shell_session_ends_in_the_prediction_that_the_readme_shows(server: WebServer) -> None:
    *_, last = run_pasted("README.md", server)
    assert last == json.loads(first_block("README.md", "json"))
    [prediction] = last["predictions"]
    assert prediction["present"] == [["kettle"], ["boil"]]
    assert prediction["future"] == [["cup", "tea"], ["milk"]]


@pytest.mark.usefixtures("worker")
def test_the_training_run_of_the_documentation(server: WebServer) -> None:
    accepted, *_, last = run_pasted("docs/jobs.md", server)
    assert accepted["kind"] == "train"
    assert (last["state"], last["progress"]) == ("done", 1.0)
    assert last["result"] == {"sequences": 2, "patterns_learned": 2}


def test_the_worked_example_of_a_prediction(server: WebServer) -> None:
    *_, last = run_pasted("docs/predictions.md", server)
    [first, second] = last["predictions"]
    text = (PROJECT_DIR / "docs" / "predictions.md").read_text()
    fields = set(re.findall(r"`(\w+)`", " ".join(re.findall(r"^\| (`[^|]*) \|", text, re.MULTILINE))))
    assert fields == set(first), "every field is explained"
    for field in ("past", "present", "future", "matches", "missing", "extras"):
        row = re.search(rf"^\| `{field}` \| `(.*?)` \|", text, re.MULTILINE)
        assert row is not None
        assert json.loads(row[1]) == first[field]
    for field, value in (("similarity", 0.6), ("evidence", 0.5), ("confidence", 0.75), ("snr", 5 / 7)):
        assert first[field] == value
    assert second["future"] == [["biscuit"]]


def test_the_settings_for_a_service_behind_a_proxy_reach_a_program_that_is_started_after_them() -> None:
    """Pasted into a shell. Unexported they would reach no program, and a service on loopback then asks for no keys."""
    section = (PROJECT_DIR / "docs" / "operations.md").read_text().partition("### Behind a proxy")[2]
    settings = re.search(r"(?:^    .+\n)+", section, re.MULTILINE)
    assert settings is not None
    result = subprocess.run(["bash", "-euc", f"{settings[0]}\nenv"], capture_output=True, text=True, check=True, env={})
    environment = dict(line.split("=", 1) for line in result.stdout.splitlines())
    assert environment["KATO_ACCESS"] == "keys"
    assert {"ENVIRONMENT", "KATO_SECRET_KEY", "KATO_ALLOWED_HOSTS", "KATO_TRUSTED_PROXIES"} <= environment.keys()
