"""The examples of the client's README run as written, each as a program of its own; the `# comment` after each print
shows its output."""

import ast
import contextlib
import io
import re
from pathlib import Path

import pytest

from benchmarks.stack import WebServer
from kato_client import Kato, Session
from katoproject.configuration.environment import PROJECT_DIR

README = PROJECT_DIR / "clients" / "python" / "README.md"


@pytest.mark.usefixtures("worker")
def test_every_example_prints_what_it_says(server: WebServer, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    text = README.read_text()
    blocks = re.findall(r"```python\n(.*?)```", text, re.DOTALL)
    assert len(blocks) == 10
    monkeypatch.chdir(tmp_path)
    for block in blocks:
        promised = re.findall(r"print\(.*\)\s+# (.*)", block)
        assert promised
        printed = io.StringIO()
        with contextlib.redirect_stdout(printed):
            exec(compile(block.replace("http://127.0.0.1:8000", server.url), str(README), "exec"), {})
        lines = [line for line in printed.getvalue().splitlines() if not line.startswith("Recovered(")]
        assert [as_value(line) for line in lines] == [as_value(line) for line in promised]


def test_the_tables_of_methods_name_them_all() -> None:
    section = README.read_text().partition("\n## Methods\n")[2].partition("\n## ")[0]
    named = re.findall(r"`([a-z_]+)`", section)
    public = [name for kind in (Kato, Session) for name in dir(kind) if not name.startswith("_")]
    assert sorted(named) == sorted([*public, "recoveries", "with"])


def as_value(text: str) -> object:
    try:
        return ast.literal_eval(text)
    except (ValueError, SyntaxError):
        return text
