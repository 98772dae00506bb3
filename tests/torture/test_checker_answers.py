"""The checker on single responses."""

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from benchmarks.torture.history import Operation
from tests.torture.story import Story


def test_what_is_specified_holds(story: Story) -> None:
    story.create()
    story.observe("a", status=503, retry_after="1")
    story.observe("a", status=None, error="reset")
    story.find_it_empty()
    story.delete()
    story.gone("learn")
    story.gone("predict")
    story.holds()


@pytest.mark.parametrize("status", [201, 400, 401, 409, 422, 429, 500, 502])
def test_another_status(story: Story, status: int) -> None:
    story.create()
    wrong = story.observe("a", status=status)
    story.breaks("answers.status", wrong)


def test_a_learn_that_is_refused_for_another_reason(story: Story) -> None:
    story.create()
    wrong = story.ask("learn", {"detail": "Bad Request"}, status=400)
    story.breaks("answers.status", wrong)


def test_a_success_without_json(story: Story) -> None:
    story.create()
    wrong = story.ask("clear_stm", None)
    story.breaks("answers.body", wrong)


def test_a_session_that_is_answered_like_an_unknown_path(story: Story) -> None:
    story.create()
    story.delete()
    wrong = story.ask("read_config", {"detail": "Not Found"}, status=404)
    story.breaks("answers.body", wrong)


@pytest.mark.parametrize(
    ("operation", "arguments", "answer"),
    [
        ("read_stm", {}, {"stm": [["a"]], "length": 2}),
        ("predict", {}, {"predictions": [{"name": "PTRN|1", "frequency": 1}], "count": 2}),
        ("predict", {}, {"predictions": [{"name": "PTRN|1", "frequency": 1}] * 2, "count": 2}),
        ("sequence", {"observations": [{"strings": ["a"]}]}, {"observations_processed": 2}),
        ("sequence", {"observations": [{"strings": ["a"]}]}, {"results": []}),
        ("read_job", {"job_id": "j1"}, {"job_id": "j2", "state": "done"}),
    ],
)
def test_a_response_that_contradicts_itself(
    story: Story, operation: Operation, arguments: dict[str, Any], answer: dict[str, Any]
) -> None:
    story.create()
    wrong = story.ask(operation, answer, arguments=arguments)
    story.breaks("answers.consistent", wrong)


@pytest.mark.parametrize("retry_after", [None, "", "soon", "0", "-1"])
def test_a_503_that_does_not_say_when_to_try_again(story: Story, retry_after: str | None) -> None:
    story.create()
    wrong = story.observe("a", status=503, retry_after=retry_after)
    story.breaks("answers.retry_after", wrong)


@pytest.mark.parametrize("status", [200, None])
def test_a_request_that_takes_too_long(story: Story, status: int | None) -> None:
    story.create()
    slow = story.observe("a", status=status, at=(5, 16))
    story.breaks("answers.duration", slow)


def test_the_command_prints_the_report_and_fails_for_a_violation(story: Story) -> None:
    story.create()
    story.observe("a", status=500)
    story.judge()
    command = [sys.executable, "-m", "benchmarks.torture.checker", str(story.path)]
    ended = subprocess.run(command, capture_output=True, text=True, check=False)
    assert ended.returncode == 1
    assert "2 requests: 0 reads checked, 1 writes acknowledged, 1 ambiguous;" in ended.stdout
    assert "answers.status: observe was answered 500" in ended.stdout
    ended = subprocess.run([*command, "--slowest", "0.5"], capture_output=True, text=True, check=False)
    assert "the bound is 0.5 s" in ended.stdout


@pytest.mark.parametrize(
    ("content", "reason"),
    [
        (None, "No such file or directory"),
        ("", "a history without requests"),
        ("{", "line 1: "),
        ("[]", "line 1: no entry of a history"),
        (json.dumps({"kind": "request", "number": 1}), "line 1: no entry of a history"),
        (json.dumps({"kind": "listening", "listener": "a", "start": 1, "end": 2}) + '\n{"kind": "li', "line 2: "),
        (json.dumps({"kind": "listening", "listener": "a", "start": 1, "end": 2}), "a history without requests"),
    ],
)
@pytest.mark.parametrize("module", ["checker", "elle"])
def test_a_file_that_is_no_history_is_refused(tmp_path: Path, module: str, content: str | None, reason: str) -> None:
    history = tmp_path / "history.jsonl"
    if content is not None:
        history.write_text(content)
    refused_with(module, history, reason)


@pytest.mark.parametrize("module", ["checker", "elle"])
def test_a_folder_is_refused(tmp_path: Path, module: str) -> None:
    refused_with(module, tmp_path, "Is a directory")


def refused_with(module: str, history: Path, reason: str) -> None:
    outputs = [str(history.parent / "out.edn")] if module == "elle" else []
    command = [sys.executable, "-m", f"benchmarks.torture.{module}", str(history), *outputs]
    ended = subprocess.run(command, capture_output=True, text=True, check=False)
    assert ended.returncode == 2
    assert ended.stdout == ""
    [line] = ended.stderr.splitlines()
    assert line.startswith(f"{history}: {reason}")
