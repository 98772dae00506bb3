"""Examining many pairs, in several processes, each with a database of its own."""

import multiprocessing
import os
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import django

if TYPE_CHECKING:
    from benchmarks.schedules.pairs import Report

# One for each processor: the operations of one run work one at a time.
PROCESSES = os.cpu_count() or 1


@dataclass(frozen=True, slots=True)
class Task:
    """`seed`: of a sample of `at_most` random schedules; None for all."""

    names: tuple[str, ...]
    crashes: bool
    one_process: bool = False
    at_most: int | None = None
    seed: int | None = None


def _work(number: int, tasks: "multiprocessing.Queue[Task | None]", reports: "multiprocessing.Queue[object]") -> None:
    django.setup()
    from random import Random

    from benchmarks.schedules.laboratory import laboratory
    from benchmarks.schedules.pairs import examine

    with laboratory(f"schedules_{number}") as room:
        while (task := tasks.get()) is not None:
            try:
                sample = None if task.seed is None else Random(task.seed)
                reports.put(
                    examine(
                        room,
                        task.names,
                        crashes=task.crashes,
                        at_most=task.at_most,
                        sample=sample,
                        one_process=task.one_process,
                    )
                )
            except Exception as error:  # noqa: BLE001  the other process shows it
                reports.put(f"{task}: {type(error).__name__}: {error}")
                return


def perform(tasks: Sequence[Task], *, processes: int = PROCESSES) -> "Iterator[Report]":
    """The reports on all tasks, each as soon as it is there."""
    context = multiprocessing.get_context("spawn")
    waiting: multiprocessing.Queue[Task | None] = context.Queue()
    reports: multiprocessing.Queue[Report | str] = context.Queue()
    for task in [*tasks, *[None] * processes]:
        waiting.put(task)
    workers = [context.Process(target=_work, args=(number, waiting, reports)) for number in range(processes)]
    for worker in workers:
        worker.start()
    try:
        for _ in tasks:
            report = reports.get()
            if isinstance(report, str):
                raise SystemExit(report)
            yield report
        for worker in workers:
            worker.join()
    finally:
        waiting.cancel_join_thread()  # tasks that no process has taken
        for worker in workers:
            worker.kill()
