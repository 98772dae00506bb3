"""`python -m benchmarks.run`: this service and two baselines, side by side, on this machine."""

import argparse
import os
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from benchmarks import correctness, report
from benchmarks.correctness import Faults
from benchmarks.load import Load, load_generator
from benchmarks.measuring import Row, compare, growth
from benchmarks.scenarios import FULL_OBSERVE, SCENARIOS, SHORT_OBSERVE
from benchmarks.services import Baseline, Durable, Ours
from benchmarks.stack import temporary_folder
from katoproject.configuration.environment import PROJECT_DIR, variable_names


def main() -> None:
    options = _options()
    began = time.monotonic()
    # The settings of a developer must not change the measurement.
    for names in variable_names().values():
        for name in names:
            os.environ.pop(name, None)
    rounds = options.rounds or (1 if options.quick else 3)
    scale = 0.25 if options.quick else 1.0
    found: dict[str, Any] = {}
    with temporary_folder() as folder, load_generator() as load, _services(folder, load) as services:
        ours, baseline, durable = services
        found["rows"] = _measure_all(ours, baseline, durable, options.only, rounds=rounds, scale=scale)
        if not options.only:
            found["growth"] = growth(SHORT_OBSERVE, FULL_OBSERVE, ours, rounds=2 * rounds, scale=scale)
            print(f"\n{report.flatness(found['growth'])}", flush=True)
            found["faults"] = _count_faults(ours, baseline, trials=rounds)
    seconds = round(time.monotonic() - began)
    file = report.save(found | {"rounds": rounds, "scale": scale, "seconds": seconds})
    print(f"\n{seconds} s; all figures: {file.relative_to(PROJECT_DIR)}")


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m benchmarks.run", description=__doc__)
    parser.add_argument("--quick", action="store_true", help="one short round each, for a first impression")
    parser.add_argument("--only", default="", metavar="TEXT", help="only scenarios whose name contains TEXT")
    parser.add_argument("--rounds", type=int, help="rounds of each scenario and service (3; quick: 1)")
    return parser.parse_args()


def _measure_all(
    ours: Ours, baseline: Baseline, durable: Durable, only: str, *, rounds: int, scale: float
) -> list[Row]:
    print(f"Two web processes each. CPU is the sum over all processes of a service.\n\n{report.HEADINGS}", flush=True)
    rows: dict[str, Row] = {}
    for scenario in SCENARIOS:
        if only not in scenario.name:
            continue
        known = rows.get(scenario.beside or "")
        row = compare(scenario, ours, known.baseline.round if known else baseline, durable, rounds=rounds, scale=scale)
        print(report.line(row), flush=True)
        rows[scenario.name] = row
    return list(rows.values())


def _count_faults(ours: Ours, baseline: Baseline, *, trials: int) -> dict[str, Faults]:
    found = {}
    for service in (ours, baseline):
        service.restart(workers=correctness.WORKERS)
        found[service.name] = correctness.faults_of(service, trials=trials)
    print(f"\n{report.faults(**found)}", flush=True)
    return found


@contextmanager
def _services(folder: Path, load: Load) -> Iterator[tuple[Ours, Baseline, Durable]]:
    ours, baseline = Ours(folder / "ours", load), Baseline(folder / "baseline", load)
    durable = Durable(folder / "durable", load)
    # `web_command` reads both in this process: the folder of static files, and the level of the server's log.
    os.environ |= {"KATO_DATA_DIR": str(folder / "ours"), "LOG_LEVEL": "ERROR"}
    try:
        ours.start()
        baseline.start()
        durable.start()
        yield ours, baseline, durable
    finally:
        ours.stop()
        baseline.stop()
        durable.stop()


if __name__ == "__main__":
    main()
