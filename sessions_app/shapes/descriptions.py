"""Sessions and jobs as JSON objects, for clients and commands."""

from datetime import datetime
from typing import Any

from pydantic_core import from_json, to_json

from foundation.contracts import ContractName, of_row
from sessions_app import config as session_config
from sessions_app.models.jobs import Job
from sessions_app.shapes.session_info import SessionInfo


def moment(value: datetime) -> str:
    return value.isoformat(timespec="microseconds").replace("+00:00", "Z")


def _moment(value: datetime | None) -> str | None:
    return None if value is None else moment(value)


def describe_session(info: SessionInfo, *, contract: ContractName) -> dict[str, Any]:
    """A session as the API returns it under a contract, which need not be the session's."""
    in_force = session_config.effective(info.config, contract=of_row(info.contract))
    return {
        "session_id": info.session_id,
        "node_id": info.node_id,
        "created_at": moment(info.created_at),
        "expires_at": moment(info.expires_at),
        "ttl_seconds": info.ttl_seconds,
        "metadata": from_json(info.metadata),
        "session_config": session_config.shown(in_force, contract=contract),
    }


def describe_job(job: Job) -> dict[str, Any]:
    """A job as the API returns it, without its result."""
    return {
        "job_id": job.id,
        "kind": job.kind,
        "state": job.state,
        "progress": job.progress,
        "done": job.done,
        "total": job.total,
        "node_id": job.node_id,
        "session_id": job.session_id,
        "error": job.error,
        "attempts": job.attempts,
        "created_at": _moment(job.created_at),
        "started_at": _moment(job.started_at),
        "finished_at": _moment(job.finished_at),
    }


def job_answer(job: Job) -> bytes:
    return to_json({**describe_job(job), "result": job.result})
