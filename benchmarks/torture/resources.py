"""Memory and connections of every process of the service."""

from collections import defaultdict
from collections.abc import Iterator
from dataclasses import dataclass

import psutil

from benchmarks.torture.service import Stack

_MEBIBYTE = 1 << 20


@dataclass
class Held:
    """By all processes of one kind."""

    processes: int = 0
    megabytes: float = 0.0
    """Proportional: pages that several processes share are divided among them."""
    connections: int = 0


def held_by(stack: Stack) -> dict[str, Held]:
    found: dict[str, Held] = defaultdict(Held)
    for name, process in _processes(stack):
        try:
            megabytes = process.memory_full_info().pss / _MEBIBYTE
            connections = len(process.net_connections(kind="all"))
        except psutil.Error:
            continue  # it has just ended
        held = found[name]
        held.processes += 1
        held.megabytes += megabytes
        held.connections += connections
    return dict(found)


def _processes(stack: Stack) -> Iterator[tuple[str, psutil.Process]]:
    supervisor = psutil.Process(stack.first.pid)
    yield "supervisor", supervisor
    for part, name in (("web", "first host"), ("worker", "worker"), ("beat", "scheduler")):
        try:
            leader = stack.first.child(part)
        except LookupError:
            continue
        yield from _tree(name, leader)
    yield from _tree("second host", psutil.Process(stack.second.pid))
    for name, pid in stack.database.pids().items():
        yield from _tree(name, psutil.Process(pid))
    if stack.cache.server.is_running:
        yield "Redis", psutil.Process(stack.cache.server.pid)


def _tree(name: str, leader: psutil.Process) -> Iterator[tuple[str, psutil.Process]]:
    yield f"{name}, main process", leader
    for child in leader.children(recursive=True):
        yield f"{name}, its processes", child
