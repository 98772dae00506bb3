"""Parts that several monitoring responses share."""

import os
import time
from datetime import UTC, datetime
from typing import Any

from django.conf import settings
from django.db import Error as DatabaseTrouble

from foundation import callers
from foundation.asking import Asker, NoAnswer
from foundation.metrics.folder import instance
from katoproject.monitoring import resources
from katoproject.monitoring.api import shapes
from katoproject.monitoring.snapshot import Snapshot, StoreCount
from memory_app.api.kb_ids import kb_id
from memory_app.index import indexes
from sessions_app import reads

PATIENCE = 0.5  # seconds that a monitoring route waits for the database, where it can respond without it

database = Asker()


def now() -> str:
    return datetime.now(UTC).isoformat()


def _moment(seconds: float) -> str:
    return datetime.fromtimestamp(seconds, UTC).isoformat()


def for_all_nodes_only(figures: dict[str, Any]) -> dict[str, Any]:
    """These figures, which were counted for all nodes together; None instead of each for who may use only some."""
    return figures if callers.current().nodes is None else dict.fromkeys(figures)


def population() -> reads.Population | None:
    """How many sessions there are of the caller's nodes, or None while the database is unavailable."""
    try:
        return database.ask(reads.population, patience=PATIENCE)[0]
    except (DatabaseTrouble, NoAnswer):
        return None


def processors() -> shapes.Processors:
    caller = callers.current()
    held = [node for node in indexes.held() if caller.sees(node.node_id)]
    return shapes.Processors(
        total_processors=len(held),
        max_processors=None,
        eviction_ttl_seconds=None,
        memory_bytes=sum(node.memory_bytes for node in held),
        memory_limit_bytes=settings.ENV.index_memory_mb * 1024 * 1024,
        processors=[
            shapes.Processor(
                processor_id=kb_id(node.node_id),
                node_id=node.node_id,
                created_at=_moment(node.created_at),
                last_accessed=_moment(node.last_used),
                access_count=node.uses,
                idle_seconds=round(max(0.0, time.time() - node.last_used), 3),
                patterns=node.patterns,
                memory_bytes=node.memory_bytes,
            )
            for node in held
        ],
        process=f"{instance()}, pid {os.getpid()}",
    )


def summary(instances: list[Snapshot], active: int | None) -> shapes.Summary:
    """Totals of all instances, and the resources of this machine."""
    requests = sum(one.request_count for one in instances)
    errors = sum(one.error_count for one in instances)
    spent, asked = sum(one.minute.spent for one in instances), sum(one.minute.requests for one in instances)
    return shapes.Summary(
        sessions=_sessions(instances, active),
        performance=shapes.Performance(
            total_requests=requests,
            total_errors=errors,
            error_rate=errors / requests if requests else 0.0,
            average_response_time=spent / asked if asked else 0.0,
        ),
        resources=shapes.ResourceFigures.model_validate(machine(instances), from_attributes=True),
        databases=shapes.Databases(
            clickhouse=_store([one.store("patterns") for one in instances]),
            qdrant=_store([one.store("vectors") for one in instances]),
            redis=_store([one.store("redis") for one in instances]),
            postgresql=_store([one.postgresql for one in instances]),
        ),
    )


def machine(instances: list[Snapshot]) -> resources.Resources:
    """As the sampler measured it, so that all processes return the same; without a sampler, as it is now."""
    return instances[0].resources or resources.measure()


def rates(instances: list[Snapshot]) -> shapes.Rates:
    """Rates over the last minute."""
    minutes = [one.minute for one in instances if one.minute.seconds > 0]
    requests = sum(one.requests / one.seconds for one in minutes)
    errors = sum(one.errors / one.seconds for one in minutes)
    return shapes.Rates(requests_per_second=requests, requests_per_minute=60 * requests, errors_per_minute=60 * errors)


def _sessions(instances: list[Snapshot], active: int | None) -> shapes.SessionTotals:
    operations: dict[str, int] = {}
    for one in instances:
        for operation, number in one.session_operations.items():
            operations[operation] = operations.get(operation, 0) + number
    of_all_nodes = {
        "total_created": operations.get("create", 0),
        "total_deleted": operations.get("delete", 0),
        "total_expired": sum(one.sessions_expired for one in instances),
        "operations_total": sum(operations.values()),
        "operations": operations,
        "observations": sum(one.observations for one in instances),
        "patterns_learned": sum(one.patterns_learned for one in instances),
    }
    return shapes.SessionTotals.model_validate({"active": active, **for_all_nodes_only(of_all_nodes)})


def _store(counts: list[StoreCount]) -> shapes.DatabaseFigures:
    total = sum(counts, StoreCount())
    mean = total.seconds / total.operations if total.operations else 0.0
    return shapes.DatabaseFigures(operations=total.operations, errors=total.errors, avg_response_time=mean)
