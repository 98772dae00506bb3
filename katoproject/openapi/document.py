"""Adds to the OpenAPI document what all operations have in common, and an example of every body.

drf-spectacular describes the views one by one. What the middleware and the error handler do to every response is
described here once and shared by reference.
"""

import re
from collections.abc import Iterator
from typing import Any, cast

from django.conf import settings
from drf_spectacular.openapi import AutoSchema

from foundation import contracts
from foundation.contracts import ContractName
from foundation.http.error_shapes import Error, Problems
from foundation.http.views import LeanView
from katoproject.configuration.versions import API_VERSIONS
from katoproject.openapi import contract_6_3
from katoproject.openapi.examples import add_examples
from katoproject.openapi.headers import HEADERS, PARAMETERS
from katoproject.openapi.parts import Schema, error, headers, reference, response, schemas_of
from katoproject.server.paths import ALWAYS_ANSWERED

DESCRIPTION = """
The API of KATO <contract>: clients written for it work unchanged. A **session** observes events into its short-term
memory (STM); its **node** learns them as patterns, and predicts from what it learned.

* An `Idempotency-Key` makes it safe to repeat a POST.
* As in KATO a number may be given as text (`"60"`), except in settings, and a boolean where a number is wanted. Unknown
  fields are ignored. NaN, infinities and U+0000 are refused.
* A missing session is a 404 with <missing>, whatever else is wrong with the request; a missing route is a
  404 with `{"detail":"Not Found"}`. Trouble with a store is never a 404: it is a 503 that says when to come back.
* HEAD is answered where GET is. Pages of any origin may read the answers; in production those of named origins.
"""
_CONTRACTS = """
This is the document of contract **<contract>**; `/openapi.json?contract=<other>` and `/docs?contract=<other>` are about
the other one. Without `X-KATO-Contract`, a session follows the contract that it was created for, and everything else
<default>.
"""
_WITH_KEYS = """
**This service asks for an access key.** Send it as `Authorization: Bearer kato_…`. To try the API here, press
*Authorize* and paste the token, which `manage.py key create` prints. Each operation names the scope that it needs;
`admin` includes the others. A session of a node that the key is not for is a 404, like a missing one.
"""
_WITHOUT_KEYS = """
This service asks for no access key (`KATO_ACCESS=open`).
"""

TAGS = {
    "sessions": "Create, keep and delete sessions; observe, learn, predict.",
    "jobs": "Work in the background.",
    "kato-ops": "What a node knows, whatever the session.",
    "health": "Is it there, can it work?",
    "monitoring": "What it is doing.",
}
_FAMILIES = {
    **{name: name for name in ("sessions", "jobs", "health")},
    **dict.fromkeys(("nodes", "pattern", "patterns", "symbols", "percept-data", "cognition-data"), "kato-ops"),
    **dict.fromkeys(("", "status"), "health"),
}  # the first part of a path → its tag; the others have the tag `monitoring`

_BAD_KEY = {
    "type": "idempotency_key_length",
    "loc": ["header", "Idempotency-Key"],
    "msg": "Header should have 1 to 255 characters",
    "input": "",
}

_UNKNOWN_CONTRACT = "X-KATO-Contract names an unknown contract, '7.0': valid ones are 3.10 and 6.3"

# Every operation has these responses. A view documents its other ones itself.
_SHARED_RESPONSES = {
    "400": "BadRequest",
    "401": "Unauthorized",
    "403": "Forbidden",
    "429": "TooOften",
    "405": "MethodNotAllowed",
    "500": "InternalError",
    "503": "Unavailable",
}
# So have those with a body.
_RESPONSES_TO_BODIES = {"408": "BodyTooSlow", "501": "UnknownTransferCoding"}


class OperationSchema(AutoSchema):
    def get_operation_id(self) -> str:
        """Method and path, which are unique: `get_sessions_session_id_stm`."""
        return re.sub(r"\W+", "_", f"{self.method.lower()}{self.path}").strip("_")

    def get_extensions(self) -> Schema:
        """For `complete`, which takes it out again: the scopes of which a caller needs one."""
        return {"x-kato-scopes": sorted(cast(LeanView, self.view).needs[self.method])}

    def map_parsers(self) -> list[str]:
        """The views parse bodies themselves, without REST framework's parsers."""
        return ["application/json"]


_MISSING_SESSION = {ContractName.KATO_3_10: "an `error` object", ContractName.KATO_6_3: "a `detail`"}


def complete(result: Schema, generator: Any, **_: Any) -> Schema:
    """drf-spectacular's postprocessing hook. The generator may say of which contract the document is."""
    contract = getattr(generator, "contract", ContractName.KATO_3_10)
    result["info"] |= {"version": API_VERSIONS[contract], "description": _description(contract)}
    _add_components(result["components"], contract)
    for path, item in result["paths"].items():
        for method, operation in item.items():
            _complete_operation(path, method, operation)
    for path, status, name in (("/sessions", "200", "session_id"), ("/jobs", "202", "job_id")):
        result["paths"][path]["post"]["responses"][status]["links"] = dict(_links(result["paths"], name))
    if contract is ContractName.KATO_6_3:
        contract_6_3.change(result)
    add_examples(result)
    result["tags"] = [{"name": name, "description": text} for name, text in TAGS.items()]
    return result


def _description(contract: ContractName) -> str:
    [other] = (name for name in ContractName if name is not contract)
    about = DESCRIPTION + _CONTRACTS
    values = {"contract": contract, "other": other, "default": contracts.default()}
    for name, value in {**values, "missing": _MISSING_SESSION[contract]}.items():
        about = about.replace(f"<{name}>", value)
    return about + (_WITH_KEYS if settings.ENV.needs_keys else _WITHOUT_KEYS)


def _add_components(components: Schema, contract: ContractName) -> None:
    for shape in (Error, Problems):
        components["schemas"] |= schemas_of(shape)
    components["headers"] = HEADERS
    components["securitySchemes"] = {
        "AccessKey": {
            "type": "http",
            "scheme": "bearer",
            "bearerFormat": "kato_…",
            "description": "The token of an access key, as `manage.py key create` prints it.",
        }
    }
    parameters = {**PARAMETERS, contracts.HEADER: _contract_parameter(contract)}
    components["parameters"] = {name: {"name": name, "in": "header", **more} for name, more in parameters.items()}
    components["responses"] = {
        "BadRequest": error(
            "The header names an unknown contract, `Host` another host than those of the service, or the query has "
            "more than 1000 parameters; or the body ended early. Nothing was changed.",
            _UNKNOWN_CONTRACT,
        ),
        "BodyTooSlow": error(
            "The body did not arrive in time; the connection is closed. Nothing was changed.",
            "The request body did not arrive in time: 100 bytes received",
        ),
        "UnknownTransferCoding": error(
            "The body is neither sent with its length nor in chunks; the connection is closed. Nothing was changed.",
            "Transfer-Encoding 'gzip, chunked' is not implemented here: only chunked is",
        ),
        "MethodNotAllowed": error("Another method than those of this path.", "Method Not Allowed", "Allow"),
        "Unauthorized": error(
            "The service asks for access keys, and the request has no valid one.",
            "This service needs an access key: send it as `Authorization: Bearer kato_…`",
            "WWW-Authenticate",
        ),
        "Forbidden": error(
            "The key has not the scope that this needs, or is not for this node. Nothing was changed.",
            "This key may not do this: it needs the scope write",
        ),
        "TooOften": error(
            "Too many requests, of the key or the address; or a quota of the key is used up. Nothing was changed.",
            "This key may make 10 requests per second",
            "Retry-After",
        ),
        "Unavailable": error(
            "PostgreSQL does not answer, or the service is overloaded.",
            "The session store is not available at the moment",
            "Retry-After",
        ),
        "BadKey": response(
            "The key is not of 1 to 255 characters, or was used for another request.",
            "Problems",
            {"detail": [_BAD_KEY]},
        ),
        "InternalError": {
            "description": "A fault of the service.",
            "headers": headers("X-Trace-ID", "X-Kato-Instance", contracts.HEADER),
            "content": {"text/plain": {"schema": {"type": "string"}, "example": "Internal Server Error"}},
        },
    }


def _contract_parameter(contract: ContractName) -> Schema:
    """Required where the answers would otherwise be those of another contract."""
    schema = {"type": "string", "enum": [contract]}
    about = "The contract to follow. At creation it is that of the session; later the session's, if this is left out."
    if contract is contracts.default():
        return {"description": about, "schema": schema}
    return {"description": about, "schema": schema, "required": True, "example": contract}


def _complete_operation(path: str, method: str, operation: Schema) -> None:
    operation["tags"] = [_FAMILIES.get(path.split("/")[1], "monitoring")]
    _share_responses(path, operation)
    for status, described in operation["responses"].items():
        _complete_response(path, method, operation, status, described)
    _share_parameters(path, operation)
    _describe_access(operation)
    if "requestBody" in operation:
        operation["requestBody"]["required"] = True


def _share_responses(path: str, operation: Schema) -> None:
    responses = operation["responses"]
    has_body = "requestBody" in operation
    for status in ("400", "501") if has_body else ("400",):
        if status in responses:
            media = responses[status]["content"]["application/json"]
            media["schema"] = {"anyOf": [media["schema"], reference("schemas", "Error")]}
    for status, name in {**_SHARED_RESPONSES, **(_RESPONSES_TO_BODIES if has_body else {})}.items():
        if status in ("401", "403") and not operation["x-kato-scopes"]:
            continue
        if not (status == "503" and path in ALWAYS_ANSWERED):
            responses.setdefault(status, reference("responses", name))
    if _takes_key(operation):
        responses.setdefault("422", reference("responses", "BadKey"))
    operation["responses"] = dict(sorted(responses.items()))


def _complete_response(path: str, method: str, operation: Schema, status: str, response: Schema) -> None:
    if "$ref" in response:
        return
    names = ["X-Trace-ID", "X-Kato-Instance", contracts.HEADER]
    # http.md 0.2: where the session was looked up before the route, and found.
    looked_up = path.startswith("/sessions/{session_id}/") or (method == "delete" and path == "/sessions/{session_id}")
    if looked_up and not path.endswith("/exists") and status != "404":
        names.append("X-Session-ID")
    if status == "202":
        names.append("Location")
    if status == "503":
        names.append("Retry-After")
    if status.startswith("2") and _takes_key(operation):
        names.append("Idempotency-Replayed")
    response["headers"] = headers(*names)
    response["description"] = response["description"] or operation["summary"]


def _links(paths: Schema, name: str) -> Iterator[tuple[str, Schema]]:
    """Links from a response that has `name` to the operations with it in their path."""
    for path, item in paths.items():
        if f"{{{name}}}" in path:
            for operation in item.values():
                called = operation["operationId"]
                yield called, {"operationId": called, "parameters": {name: f"$response.body#/{name}"}}


def _share_parameters(path: str, operation: Schema) -> None:
    names = ["X-Trace-ID", contracts.HEADER]
    if not path.startswith("/sessions/"):
        names.append("X-Session-ID")
    operation.setdefault("parameters", []).extend(reference("parameters", name) for name in names)


def _describe_access(operation: Schema) -> None:
    """The roles of a bearer scheme are the scopes; where any one will do, it lists none. Swagger UI shows no roles."""
    scopes = operation.pop("x-kato-scopes")
    if not scopes:
        operation["security"] = []
        return
    any_will_do = len(scopes) > 1
    operation["description"] = f"Scope: {'any' if any_will_do else f'`{scopes[0]}`'}."
    needed: list[Schema] = [{"AccessKey": [] if any_will_do else scopes}]
    operation["security"] = needed if settings.ENV.needs_keys else [*needed, {}]


def _takes_key(operation: Schema) -> bool:
    return any(parameter.get("name") == "Idempotency-Key" for parameter in operation.get("parameters", []))
