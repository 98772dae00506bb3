"""The headers of requests and responses that all operations have in common."""

from foundation import contracts
from foundation.contracts import ContractName
from katoproject.openapi.parts import Schema

HEADERS: dict[str, Schema] = {
    "X-Trace-ID": {
        "description": "That of the request if it is a good one, or `kato-` and 32 hexadecimal digits.",
        "required": True,
        "schema": {"type": "string"},
    },
    "X-Kato-Instance": {
        "description": "Program, version, instance, host and process that answered.",
        "required": True,
        "schema": {"type": "string"},
    },
    contracts.HEADER: {
        "description": "The contract that this answer follows.",
        "required": True,
        "schema": {"type": "string", "enum": list(ContractName)},
    },
    "X-Session-ID": {
        "description": "The session of the path, which was found.",
        "required": True,
        "schema": {"type": "string"},
    },
    "Retry-After": {
        "description": "Seconds to wait before trying again.",
        "required": True,
        "schema": {"type": "integer"},
    },
    "WWW-Authenticate": {
        "description": "That a key is needed, and whether one was given.",
        "required": True,
        "schema": {"type": "string"},
    },
    "Allow": {"description": "The methods there are.", "required": True, "schema": {"type": "string"}},
    "Location": {
        "description": "Where to ask for the job.",
        "required": True,
        "schema": {"type": "string"},
    },
    "Idempotency-Replayed": {
        "description": "This is the answer of an earlier request under the same key; nothing was done now.",
        "schema": {"type": "string", "const": "true"},
    },
}

PARAMETERS: dict[str, Schema] = {
    "X-Trace-ID": {
        "description": "Comes back with the answer, so that the two can be told to belong together. At most 128 "
        "characters of `A-Z a-z 0-9 . _ : / + = @ ~ -`; another one is ignored.",
        "schema": {"type": "string"},
    },
    "X-Session-ID": {
        "description": "Outside `/sessions/`: a session to keep alive with this request. Comes back if it lives.",
        "schema": {"type": "string"},
    },
}
