"""Schemathesis finds no contradiction between the service and its OpenAPI document.

`make test` sends one request of each operation, in a fixed order, and `make test-all` all boundaries; `make fuzz` sends
as many as you like.
"""

import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from benchmarks.stack import WebServer
from foundation.callers import Scope
from foundation.contracts import HEADER, ContractName
from katoproject.configuration.environment import PROJECT_DIR
from tests.access.keys import make_key
from tests.api.contract.document import BY_CONTRACT

pytestmark = pytest.mark.long

FEW = ("--max-examples=1", "--generation-deterministic")


def fuzz(
    url: str, *options: str, contract: ContractName = ContractName.KATO_3_10, **environment: str
) -> subprocess.CompletedProcess[str]:
    program = Path(sys.executable).with_name("schemathesis")
    config = Path(__file__).with_name("schemathesis.toml")
    document = f"{url}/openapi.json?contract={contract}"
    asking = ("--header", f"{HEADER}: {contract}")
    command = [str(program), "--config-file", str(config), "run", document, *asking, *FEW, *options]
    environ = {**os.environ, "KATO_CONTRACT": contract, **environment}
    return subprocess.run(command, cwd=PROJECT_DIR, env=environ, capture_output=True, text=True, check=False)


@pytest.fixture(scope="module")
def of_6_3(server: WebServer) -> Iterator[WebServer]:
    """Where 6.3 is the default, no request needs the header."""
    with WebServer(workers=1, KATO_CONTRACT=ContractName.KATO_6_3) as running:
        yield running


@pytest.mark.parametrize("contract", ContractName)
@pytest.mark.parametrize(
    "options", [("--phases=fuzzing,stateful",), pytest.param((), marks=pytest.mark.exhaustive)], ids=["few", "all"]
)
def test_every_response_is_as_the_document_says(
    server: WebServer, of_6_3: WebServer, options: tuple[str, ...], contract: ContractName
) -> None:
    service = server if contract is ContractName.KATO_3_10 else of_6_3
    done = fuzz(service.url, *options, contract=contract)
    assert done.returncode == 0, done.stdout
    described = len(BY_CONTRACT[contract])
    assert f"{described} selected / {described} total" in done.stdout


@pytest.mark.exhaustive
def test_it_sends_the_key_of_the_environment_and_shows_it_nowhere(same_database: None) -> None:
    """A read without a body, and a path that needs a session which it makes itself."""
    with WebServer(workers=1, KATO_ACCESS="keys", KATO_WORKERS="1") as server:
        key = make_key(server.url, Scope.ADMIN)
        options = ["--phases=coverage,fuzzing"] + [
            f"--include-path={path}" for path in ("/sessions/count", "/sessions/{session_id}/stm")
        ]
        with key.client:
            done = fuzz(server.url, *options, KATO_API_KEY=key.token)
            assert done.returncode == 0, done.stdout
            assert "2 selected" in done.stdout
            assert key.token not in done.stdout + done.stderr
        assert fuzz(server.url, *options).returncode != 0
