"""Work that a request does synchronously or a job does later, with the same result."""

import time

from pydantic_core import to_json

import memory_app.operations.finalizing
from memory_app.patience import PREDICTION_SECONDS
from memory_app.vectors import NEIGHBOUR_SECONDS
from sessions_app import operations, reads
from sessions_app.counters import count_on_commit
from sessions_app.shapes import bodies
from sessions_app.shapes.observation_input import make_observations


def observe_sequence(
    session_id: str, given: bodies.ObserveSequence, *, neighbour_seconds: float = NEIGHBOUR_SECONDS
) -> bytes:
    """Observe a sequence; returns the response body. Raises what the operation raises."""
    observed = operations.observe_sequence(
        session_id=session_id,
        observations=make_observations(given.observations),
        clear_stm_between=given.clear_stm_between,
        learn_after_each=given.learn_after_each,
        learn_at_end=given.learn_at_end,
        neighbour_seconds=neighbour_seconds,
    )
    patterns = sum(map(bool, observed.auto_learned_patterns))
    count_on_commit(observations=len(observed.results), patterns=patterns)
    return to_json(_sequence_body(observed, isolated=given.clear_stm_between))


def _sequence_body(observed: operations.SequenceObserved, *, isolated: bool) -> dict[str, object]:
    return {
        "status": "completed",
        "processor_id": observed.node_id,
        "observations_processed": len(observed.results),
        "initial_stm_length": observed.initial_stm_length,
        "final_stm_length": observed.final_stm_length,
        "results": [
            {
                "status": "okay",
                "sequence_position": position,
                "stm_length": item.stm_length,
                "time": item.time,
                "unique_id": item.unique_id,
                "auto_learned_pattern": item.auto_learned_pattern,
            }
            for position, item in enumerate(observed.results)
        ],
        "auto_learned_patterns": observed.auto_learned_patterns,
        "final_learned_pattern": observed.final_learned_pattern,
        "isolated": isolated,
    }


def finalize_training(session_id: str, *, seconds: float | None = PREDICTION_SECONDS) -> bytes:
    """Finalize the session's node; returns the response body. Raises SessionNotFound, and what `finalize` raises."""
    begun = time.perf_counter()
    node_id = reads.session(session_id).node_id
    patterns = memory_app.operations.finalizing.finalize(node_id=node_id, seconds=seconds)
    return to_json(
        {
            "status": "completed",
            "patterns_processed": patterns,
            "time_ms": round((time.perf_counter() - begun) * 1000, 3),
            "session_id": session_id,
            "node_id": node_id,
            "message": f"Finalized {patterns} pattern{'' if patterns == 1 else 's'}",
        }
    )
