"""Every block of `docs/tutorial.md` runs as written and prints what the tutorial shows.

Where it says `make run`, the service is started as users start it: at the beginning, and again in the middle of a
training. Users paste the blocks at Python's prompt, which wants an empty line behind a block of statements.
"""

import contextlib
import io
import re
import shutil
from codeop import CommandCompiler
from collections.abc import Iterator
from pathlib import Path

import pytest

from benchmarks.stack import manage
from benchmarks.stack.up import Service
from katoproject.configuration.environment import PROJECT_DIR

pytestmark = pytest.mark.long

TUTORIAL = PROJECT_DIR / "docs" / "tutorial.md"
BLOCK = re.compile(r"```python\n(.*?)```(?:\n\n```text\n(.*?)```)?", re.DOTALL)
START = "\n    make run\n"


@pytest.fixture
def service(folder: Path) -> Iterator[Service]:
    """Not started yet."""
    manage("compile_kernels")  # may take longer than the limit of a start
    service = Service(folder)
    yield service
    if service.is_running:
        service.stop()


def start_again(service: Service) -> None:
    if service.is_running:
        service.stop()
    service.start()


def test_every_block_runs_and_prints_what_is_shown(
    service: Service, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    data = tmp_path / "docs" / "tutorial"
    shutil.copytree(PROJECT_DIR / "docs" / "tutorial", data)
    for picture in data.glob("*.svg"):
        picture.unlink()
    monkeypatch.chdir(tmp_path)
    names: dict[str, object] = {}
    text, read = TUTORIAL.read_text(), 0
    assert text.count(START) == 2
    for block in BLOCK.finditer(text):
        if START in text[read : block.start()]:
            start_again(service)
        read = block.end()
        program, shown = block.groups()
        printed = io.StringIO()
        with contextlib.redirect_stdout(printed):
            exec(compile(program.replace("http://127.0.0.1:8000", service.url()), str(TUTORIAL), "exec"), names)
        assert printed.getvalue() == (shown or "")
    for picture_name in re.findall(r"\]\((tutorial/\w+\.svg)\)", text):
        assert (tmp_path / "docs" / picture_name).read_text().startswith("<?xml"), "the picture was drawn"


def test_every_block_can_be_pasted_at_the_prompt() -> None:
    blocks = BLOCK.findall(TUTORIAL.read_text())
    assert blocks
    for program, _ in blocks:
        entered: list[str] = []
        for line in [*program.splitlines(), ""]:
            entered.append(line)
            if CommandCompiler()("\n".join(entered), str(TUTORIAL), "single") is not None:
                entered = []
        assert entered == []
