"""Schemathesis finds no contradiction between the service and its OpenAPI document.

`make test` sends one request of each operation, in a fixed order, and `make test-all` all boundaries; `make fuzz` sends
as many as you like.
"""

import subprocess
import sys
from pathlib import Path

import pytest

from benchmarks.stack import WebServer
from katoproject.configuration.environment import PROJECT_DIR
from tests.api.contract.document import DESCRIBED

pytestmark = pytest.mark.long


@pytest.mark.parametrize(
    "options", [("--phases=fuzzing,stateful",), pytest.param((), marks=pytest.mark.exhaustive)], ids=["few", "all"]
)
def test_every_response_is_as_the_document_says(server: WebServer, options: tuple[str, ...]) -> None:
    program = Path(sys.executable).with_name("schemathesis")
    config = Path(__file__).with_name("schemathesis.toml")
    command = [str(program), "--config-file", str(config), "run", f"{server.url}/openapi.json"]
    few = ["--max-examples=1", "--generation-deterministic"]
    done = subprocess.run([*command, *few, *options], cwd=PROJECT_DIR, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout
    assert f"{len(DESCRIBED)} selected / {len(DESCRIBED)} total" in done.stdout
