"""The OpenAPI documents of this service, by operation: that of 3.10 where no contract is named."""

from typing import Any

from jsonschema import Draft202012Validator

from foundation.contracts import ContractName
from katoproject.openapi.pages import OfContract


def make_document(contract: ContractName) -> Any:
    return OfContract(contract).get_schema(request=None, public=True)  # type: ignore[no-untyped-call]


DEFAULT = ContractName.KATO_3_10
DOCUMENTS: dict[str, dict[str, Any]] = {contract: make_document(contract) for contract in ContractName}
BY_CONTRACT: dict[str, dict[str, Any]] = {
    contract: {
        f"{method.upper()} {path}": operation
        for path, item in document["paths"].items()
        for method, operation in item.items()
    }
    for contract, document in DOCUMENTS.items()
}
DOCUMENT = DOCUMENTS[DEFAULT]
DESCRIBED = BY_CONTRACT[DEFAULT]


def resolved(part: dict[str, Any], contract: str = DEFAULT) -> dict[str, Any]:
    """The part, or the shared part that it refers to."""
    if "$ref" not in part:
        return part
    _, kind, name = part["$ref"].rsplit("/", 2)
    found: dict[str, Any] = DOCUMENTS[contract]["components"][kind][name]
    return found


def assert_fits(schema: dict[str, Any], value: Any, contract: str = DEFAULT) -> None:
    components = DOCUMENTS[contract]["components"]
    problems = Draft202012Validator({**schema, "components": components}).iter_errors(value)
    assert [f"{problem.json_path}: {problem.message}" for problem in problems] == []


def assert_described(name: str, status: int, body: Any, contract: str = DEFAULT) -> None:
    """The document lists this status for the operation `name`, and the body matches its schema."""
    response = resolved(BY_CONTRACT[contract][name]["responses"][str(status)], contract)
    assert_fits(response["content"]["application/json"]["schema"], body, contract)
