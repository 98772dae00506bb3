"""`/openapi.json` describes every route and gives examples. Other tests compare each response with it."""

import re
from collections.abc import Iterator
from typing import Any

import pytest
from django.urls import URLPattern, URLResolver, get_resolver
from openapi_spec_validator import validate

from foundation.contracts import ContractName
from foundation.http.views import LeanView
from katoproject.configuration.environment import PROJECT_DIR
from tests.api.contract.document import (
    BY_CONTRACT,
    DESCRIBED,
    DOCUMENT,
    DOCUMENTS,
    assert_described,
    assert_fits,
    make_document,
    resolved,
)
from tests.api.contract.reference import API, OPERATIONS, Operation
from tests.api.contract.world import World

each_contract = pytest.mark.parametrize("contract", ContractName)
each_operation = pytest.mark.parametrize(
    ("contract", "name"), [(contract, name) for contract, described in BY_CONTRACT.items() for name in described]
)


def examples_of(media: dict[str, Any]) -> list[Any]:
    return [media["example"]] if "example" in media else [one["value"] for one in media["examples"].values()]


def test_it_is_served(world: World) -> None:
    assert world.client.get("/openapi.json").json() == DOCUMENT
    for contract, document in DOCUMENTS.items():
        assert world.client.get("/openapi.json", params={"contract": contract}).json() == document


@pytest.mark.parametrize(("contract", "version"), [("3.10", "3.10.1"), ("6.3", "6.3.2")])
def test_it_is_a_valid_document_with_the_title_and_version_of_kato(contract: str, version: str) -> None:
    document = DOCUMENTS[contract]
    validate(document)
    assert document["openapi"] == "3.1.0"
    assert (document["info"]["title"], document["info"]["version"]) == ("KATO API", version)


@each_contract
def test_it_is_the_same_whichever_document_was_made_before(contract: ContractName) -> None:
    assert make_document(contract) == DOCUMENTS[contract]


@each_contract
def test_it_describes_no_shape_that_nothing_refers_to(contract: ContractName) -> None:
    text = str(DOCUMENTS[contract])
    assert [name for name in DOCUMENTS[contract]["components"]["schemas"] if f"schemas/{name}'" not in text] == []


def test_both_documents_describe_the_same_operations_but_one_that_kato_6_3_hides() -> None:
    of_6_3 = list(BY_CONTRACT[ContractName.KATO_6_3])
    assert of_6_3 == [name for name in DESCRIBED if name != "GET /metrics-prom"]


@pytest.mark.parametrize("operation", API, ids=lambda operation: operation.name)
def test_it_describes_every_operation_of_kato(operation: Operation) -> None:
    described = DESCRIBED[operation.name]
    assert {parameter["name"] for parameter in described["parameters"] if parameter.get("in") == "query"} >= set(
        operation.query
    )
    assert ("requestBody" in described) == (operation.body is not None)
    assert {str(operation.success), *map(str, operation.errors)} - {"404"} <= set(described["responses"])


def test_it_describes_every_route_there_is() -> None:
    def paths(patterns: list[URLPattern | URLResolver]) -> Iterator[str]:
        for pattern in patterns:
            if isinstance(pattern, URLResolver):
                yield from paths(pattern.url_patterns)
                continue
            view = getattr(pattern.callback, "cls", None)
            if view is not None and issubclass(view, LeanView) and view.schema is not None:
                yield "/" + str(pattern.pattern)

    described = {path.replace("{", "<str:").replace("}", ">") for path in DOCUMENT["paths"]}
    served = paths(get_resolver().url_patterns)
    assert {re.sub("<(?:path|node):", "<str:", path) for path in served} == described


@each_operation
def test_an_operation_has_a_summary_a_tag_and_an_example_of_all_that_goes_in(contract: str, name: str) -> None:
    operation = BY_CONTRACT[contract][name]
    assert operation["summary"]
    described = operation.get("description", "")
    assert re.fullmatch("(Scope: .+)?", described), "a docstring of ours has become part of the documentation"
    assert operation["tags"][0] in {tag["name"] for tag in DOCUMENTS[contract]["tags"]}
    for parameter in (resolved(one, contract) for one in operation["parameters"]):
        if parameter.get("required"):
            assert_fits(parameter["schema"], parameter["example"], contract)
        else:
            assert "example" not in parameter, "Swagger UI would send it unasked"
    if "requestBody" in operation:
        for media in operation["requestBody"]["content"].values():
            for example in examples_of(media):
                assert_fits(media["schema"], example, contract)


@each_operation
def test_every_answer_has_an_example_and_the_common_headers(contract: str, name: str) -> None:
    for status, response in BY_CONTRACT[contract][name]["responses"].items():
        answer = resolved(response, contract)
        assert answer["description"]
        expected = {"405": {"Allow"}, "503": {"Retry-After"}, "504": {"Retry-After"}, "202": {"Location"}}.get(
            status, set()
        )
        assert {"X-Trace-ID", "X-Kato-Instance", "X-KATO-Contract"} | expected <= set(answer["headers"])
        for media in answer["content"].values():
            for example in examples_of(media):
                assert_fits(media["schema"], example, contract)


@each_operation
def test_what_has_a_body_may_refuse_it_before_it_is_read(contract: str, name: str) -> None:
    operation = BY_CONTRACT[contract][name]
    refused = {"408", "413", "415"} & set(operation["responses"])
    assert refused == ({"408", "413", "415"} if "requestBody" in operation else set())
    for status in (400, 408, 501) if refused else (400,):
        assert_described(name, status, {"detail": "Text"}, contract)


def test_operation_ids_are_unique() -> None:
    ids = [operation["operationId"] for operation in DESCRIBED.values()]
    assert len(ids) == len(set(ids))


def names_in(section: str, kinds: str) -> list[str]:
    """The operations in the first column of a table of docs/compatibility.md, of rows that have these kinds beside."""
    text = (PROJECT_DIR / "docs" / "compatibility.md").read_text().partition(f"## {section}")[2].partition("\n## ")[0]
    rows = re.findall(rf"^\| (`.*?`) \| (?:{kinds}) ?\|", text, re.MULTILINE)
    return [name for row in rows for name in re.findall(r"`([^`]+)`", row)]


# What came to KATO between 3.10 and 6.3; all else that is new is of this project.
OF_KATO_6_3 = {
    "GET /metrics-prom",
    "GET /patterns/count",
    *(f"POST /sessions/{{session_id}}/patterns/{act}" for act in ("retire", "un-retire", "purge")),
}


def test_the_calls_of_published_clients_are_all_that_kato_has() -> None:
    of_kato = {*names_in("All operations", "same|corrected"), *OF_KATO_6_3, "GET /sessions"}
    assert sorted(names_in("Published clients", "|D|R|D, R")) == sorted(of_kato)


def test_the_table_of_operations_names_each_once() -> None:
    named = names_in("All operations", "same|corrected|new")
    pages = {operation.name for operation in OPERATIONS if operation.family == "documentation"}
    assert sorted(named) == sorted({*DESCRIBED, *pages})
