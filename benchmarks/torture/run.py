"""One run: the service, its clients, and faults one after another."""

import random
import shutil
import subprocess
import threading
import time
import traceback
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from itertools import islice
from pathlib import Path

from benchmarks.stack import manage, temporary_folder
from benchmarks.torture.driver import Driver, driving
from benchmarks.torture.faults import KINDS, Surroundings
from benchmarks.torture.history import Fault
from benchmarks.torture.resources import Held, held_by
from benchmarks.torture.schedule import Planned, schedule
from benchmarks.torture.service import Size, Stack, running_stack
from benchmarks.torture.service.hosts import Probe
from benchmarks.torture.workload.order import Order

WELL_LIMIT = 90.0  # seconds after which the service should long be well
PROGRESS = 10.0  # seconds between two lines
WARM_UP = 2.0
AFTERMATH = 1.0  # seconds after the last fault
VANISHING = 0.002  # of the clients leave at any time
SETTLED = 0.1  # of the run after which memory is looked at first

Say = Callable[[str], None]


@dataclass(frozen=True)
class Settings:
    seed: int
    minutes: float
    faults: int | None = None
    """Stop after so many, even if there is time."""
    only: tuple[str, ...] = ()
    """Names of the kinds; empty for all."""
    clients: int = 1
    """Times the crowd."""
    pace: float = 0.08
    size: Size = field(default_factory=Size)
    verified: bool = True
    """Whether the service's own checks look at its stores in the end."""


@dataclass
class Run:
    """What it was like. The rest is in the history."""

    seconds: float = 0.0
    skipped: dict[str, str] = field(default_factory=dict)
    """Kinds of faults that this machine cannot have, and why."""
    kinds: Counter[str] = field(default_factory=Counter)
    before: dict[str, Held] = field(default_factory=dict)
    after: dict[str, Held] = field(default_factory=dict)
    complaints: list[str] = field(default_factory=list)
    """What is wrong beside what the history shows."""
    current: str = ""


def torture(settings: Settings, history: Path, say: Say, *, logs: Path | None = None) -> Run:
    """Write a history. `logs`: a folder for what the processes logged."""
    run = Run()
    with telling(run), temporary_folder() as folder, ExitStack() as opened:
        if logs is not None:
            opened.callback(_keep_logs, folder, logs)
        stack = opened.enter_context(running_stack(folder, settings.size, seed=settings.seed))
        order = Order(stack.ports, str(history), settings.seed, settings.clients, settings.pace, VANISHING)
        probe = Probe(stack.ports)
        with driving(order) as driver:
            begun = time.monotonic()
            with _progress(run, driver, say):
                _break_things(settings, stack, probe, driver, run)
                time.sleep(AFTERMATH)
                run.after = held_by(stack)
                run.current = "the clients finish"
                driver.end()
            run.seconds = time.monotonic() - begun
        if settings.verified:
            run.complaints += _verified(stack)
    return run


@contextmanager
def telling(run: Run) -> Iterator[None]:
    """What fails after the clients have ended, as the service is stopped, is a complaint: the history is whole."""
    try:
        yield
    except Exception as error:
        if not run.seconds:
            raise
        run.complaints.append("after the run: " + "".join(traceback.format_exception(error)).strip())


def _break_things(settings: Settings, stack: Stack, probe: Probe, driver: Driver, run: Run) -> None:
    kinds = {name: kind for name, kind in KINDS.items() if not settings.only or name in settings.only}
    run.skipped = {name: why for name, kind in kinds.items() if (why := kind.obstacle(stack))}
    for name in run.skipped:
        del kinds[name]
    around = Surroundings(stack, driver.vanish)
    time.sleep(WARM_UP)
    begun = time.monotonic()
    for planned in islice(schedule(settings.seed, kinds), settings.faults):
        passed = time.monotonic() - begun
        if not run.before and passed > SETTLED * settings.minutes * 60:
            run.before = held_by(stack)
        if passed > settings.minutes * 60:
            return
        time.sleep(planned.calm)
        driver.check()
        _perform(planned, around, probe, driver, run)


def _perform(planned: Planned, around: Surroundings, probe: Probe, driver: Driver, run: Run) -> None:
    chance = random.Random(planned.seed)
    ones = [KINDS[name](around, chance) for name in planned.names]
    run.current = " beside ".join(planned.names)
    starts: list[float] = []
    ends: list[float] = []
    for number, one in enumerate(ones):
        time.sleep(planned.seconds * planned.overlap * number)
        starts.append(time.monotonic())
        one.begin()
    time.sleep(planned.seconds * (1 - planned.overlap) if len(ones) > 1 else planned.seconds)
    for one in ones:
        one.end()
        ends.append(time.monotonic())
    served, well, left = probe.wait(around.stack.revive, seconds=WELL_LIMIT)
    if left:
        run.complaints.append(f"after {run.current} not well within {WELL_LIMIT:g} s: {'; '.join(left)}")
    for one, start, end in zip(ones, starts, ends, strict=True):
        beside = {"beside": [other.name for other in ones if other is not one]} if len(ones) > 1 else {}
        details = {**one.details, **beside, "served": served, "number": planned.number}
        driver.record(Fault(one.name, start, end, well, details))
        run.kinds[one.name] += 1
    for one in ones:
        one.afterwards()
    run.current = ""


@contextmanager
def _progress(run: Run, driver: Driver, say: Say) -> Iterator[None]:
    enough = threading.Event()

    def tell() -> None:
        begun = time.monotonic()
        while not enough.wait(PROGRESS):
            counts = Counter(driver.counts)
            say(
                f"{time.monotonic() - begun:6.0f} s  {counts['requests']:,} requests, {counts['reads']:,} reads and "
                f"{counts['writes']:,} writes acknowledged, {counts['failed']:,} failed, {counts['odd']:,} odd; "
                f"{run.kinds.total()} faults{f', now: {run.current}' if run.current else ''}"
                f"{f'; {len(run.complaints)} complaints' if run.complaints else ''}"
            )

    thread = threading.Thread(target=tell)
    thread.start()
    try:
        yield
    finally:
        enough.set()
        thread.join()


def _verified(stack: Stack) -> list[str]:
    """What the service's own checks find in its stores."""
    found = []
    for command in (["verify"], ["upkeep", "compare-cache"]):
        try:
            said = manage(*command, **stack.environment)
        except subprocess.CalledProcessError as error:
            found.append(f"manage.py {' '.join(command)}: {error.stdout}{error.stderr}")
        else:
            if command[-1] == "compare-cache" and not said.rstrip().endswith("compare-cache: 0"):
                found.append(f"manage.py upkeep compare-cache: {said.strip()}")
    return found


def _keep_logs(folder: Path, logs: Path) -> None:
    logs.mkdir(parents=True, exist_ok=True)
    for log in folder.rglob("*.log"):
        shutil.copy(log, logs / "-".join(log.relative_to(folder).parts))
