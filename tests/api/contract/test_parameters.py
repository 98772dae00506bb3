"""What the OpenAPI document says of each parameter is what the service takes: of many values, the same ones."""

from typing import Any
from urllib.parse import quote

import httpx
import pytest

from tests.api.contract.document import BY_CONTRACT, DEFAULT, resolved
from tests.api.contract.fuzzing import Lenient
from tests.api.contract.world import BODIES
from tests.support.contracts import asking, create
from tests.support.jobs import training

NAME = "6e203a0c5b2f4ab0a3e1d6a8f30b5f0b26c1a7de"
LENGTHS = ["", "x", "y" * 255, "y" * 256, "y" * 512, "y" * 513, "y" * 1000, "y" * 1001]
VALUES = [*LENGTHS, NAME, NAME[:7], f"PTRN|{NAME}", f"PTRN|{NAME}0", NAME.upper()]
VALUES += ["true", "no", "1", "0", "-1", "1.5", str(2**40), str(10**20), "async", "frequency", "done", "train"]
VALUES += [f"newest.1.1.{NAME}", f"oldest.1.1.{NAME}", "1-1:2:", "1-1:2:x"]
# Refused for what is stored, or beside what else a request has, which no schema can tell.
OF_THE_STATE = {"after_outdated", "after_of_other_order", "idempotency_key_reused"}
OF_EVERY_REQUEST = {"X-KATO-Contract", "X-Trace-ID", "X-Session-ID"}

PATHS = {"node_id": "parameters", "name": NAME, "pattern_id": NAME, "symbol": "a", "metric_name": "kato_requests_total"}
LINES = b'{"kato":"node","version":1,"node_id":"x"}\n{"end":true,"patterns":0,"affinities":0}\n'


def parameters(contract: str, name: str) -> list[dict[str, Any]]:
    return [resolved(one, contract) for one in BY_CONTRACT[contract].get(name, {}).get("parameters", [])]


def cases() -> list[Any]:
    return [
        pytest.param(
            contract,
            name,
            parameter,
            id=f"{contract} {name} {parameter['name']}",
            # In `make test` once, if both contracts describe it in the same way.
            marks=pytest.mark.exhaustive if contract != DEFAULT and parameter in parameters(DEFAULT, name) else (),
        )
        for contract, described in BY_CONTRACT.items()
        for name in described
        for parameter in parameters(contract, name)
        if parameter["name"] not in OF_EVERY_REQUEST
    ]


def send(client: httpx.Client, contract: str, name: str, parameter: dict[str, Any], value: str) -> httpx.Response:
    """The operation with this value of the parameter, and everything else as it needs to be."""
    method, path = name.split()
    place = {"path": {}, "query": {}, "header": {}, parameter["in"]: {parameter["name"]: value}}
    session_id = create(client, contract).id if "{session_id}" in path else ""
    filled = {"session_id": session_id, "job_id": "job-x", "test_id": "x", **PATHS, **place["path"]}
    content: dict[str, Any] = {"json": BODIES.get(name)}
    if name == "POST /jobs":
        content = {"json": training("parameters", [[["a"], ["b"]]])}
    if name.endswith("/import"):
        content = {"content": LINES}
    path = path.format_map({key: quote(one, safe="") for key, one in filled.items()})
    headers = {**asking(contract), **place["header"]}
    return client.request(method, path, params=place["query"], headers=headers, **content)


def is_refused(response: httpx.Response, parameter: dict[str, Any]) -> bool:
    if response.status_code != 422:
        return False
    body = response.json()
    if "error" in body:
        return True
    location = [parameter["in"], parameter["name"]]
    return any(problem["loc"] == location and problem["type"] not in OF_THE_STATE for problem in body["detail"])


@pytest.mark.parametrize(("contract", "name", "parameter"), cases())
def test_it_takes_what_the_document_allows_and_nothing_else(
    client: httpx.Client, contract: str, name: str, parameter: dict[str, Any]
) -> None:
    allowed = Lenient(parameter["schema"])
    values = LENGTHS if parameter["in"] == "header" else VALUES if parameter["in"] == "query" else VALUES[1:]
    taken = {value: not is_refused(send(client, contract, name, parameter, value), parameter) for value in values}
    assert taken == {value: allowed.is_valid(value) for value in values}
