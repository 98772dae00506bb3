"""Response bodies with more than three fields (specification: http.md)."""

from collections.abc import Callable
from typing import Any

from pydantic_core import to_json

from foundation.contracts import ContractName
from sessions_app.api import render_3_10, render_6_3
from sessions_app.observations import Observed
from sessions_app.operations import Learned
from sessions_app.reads.predicting import Cognition

_OBSERVED: dict[ContractName, Callable[[dict[str, Any], Observed], dict[str, Any]]] = {
    ContractName.KATO_3_10: render_3_10.observed,
    ContractName.KATO_6_3: render_6_3.observed,
}


def observed_body(session_id: str, node_id: str, observed: Observed, *, contract: ContractName) -> bytes:
    common = {
        "status": "okay",
        "session_id": session_id,
        "processor_id": node_id,
        "stm_length": observed.stm_length,
        "time": observed.time,
        "unique_id": observed.unique_id,
        "auto_learned_pattern": observed.auto_learned_pattern,
    }
    return to_json(_OBSERVED[contract](common, observed))


def learned_body(session_id: str, learned: Learned) -> bytes:
    counted = f"{learned.events} event{'' if learned.events == 1 else 's'}"
    message = (
        f"Learned pattern {learned.pattern_name} from {counted}"
        if learned.pattern_name
        else f"Nothing was learned from {counted}: a pattern needs at least two symbols"
    )
    return to_json(
        {
            "status": "learned",
            "pattern_name": learned.pattern_name,
            "session_id": session_id,
            "processor_id": None,
            "message": message,
        }
    )


def cognition_body(session_id: str, cognition: Cognition) -> bytes:
    """The predictions are JSON already, and may be long: they are copied once, not parsed."""
    rest = to_json(
        {
            "emotives": cognition.emotives,
            "symbols": cognition.symbols,
            "command": "",
            "metadata": {},
            "path": [],
            "strings": [],
            "vectors": [],
            "short_term_memory": cognition.stm,
            "time": cognition.time,
        }
    )
    return b'{"cognition_data":{"predictions":%b,%b,"session_id":%b,"node_id":%b}' % (
        cognition.predictions,
        rest.removeprefix(b"{"),
        to_json(session_id),
        to_json(cognition.node_id),
    )
