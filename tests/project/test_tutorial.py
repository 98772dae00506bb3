"""Every block of `docs/tutorial.md` runs as written and prints what the tutorial shows."""

import contextlib
import io
import re
import shutil
from pathlib import Path

import pytest

from benchmarks.stack import WebServer
from katoproject.configuration.environment import PROJECT_DIR

TUTORIAL = PROJECT_DIR / "docs" / "tutorial.md"
BLOCK = re.compile(r"```python\n(.*?)```(?:\n\n```text\n(.*?)```)?", re.DOTALL)


@pytest.mark.usefixtures("worker")
def test_every_block_runs_and_prints_what_is_shown(
    server: WebServer, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    data = tmp_path / "docs" / "tutorial"
    shutil.copytree(PROJECT_DIR / "docs" / "tutorial", data)
    for picture in data.glob("*.svg"):
        picture.unlink()
    monkeypatch.chdir(tmp_path)
    names: dict[str, object] = {}
    for block, shown in BLOCK.findall(TUTORIAL.read_text()):
        printed = io.StringIO()
        with contextlib.redirect_stdout(printed):
            exec(compile(block.replace("http://127.0.0.1:8000", server.url), str(TUTORIAL), "exec"), names)
        assert printed.getvalue() == shown
    for picture in re.findall(r"\]\((tutorial/\w+\.svg)\)", TUTORIAL.read_text()):
        assert (tmp_path / "docs" / picture).read_text().startswith("<?xml"), "the picture was drawn"
