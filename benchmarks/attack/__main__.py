"""`python -m benchmarks.attack [--only TEXT] [--json FILE]`. Exit status 1 if a limit does not hold."""

import argparse
import json
import os
import resource
import sys
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from rich.console import Console
from rich.table import Table

from benchmarks.attack import access, bodies, connections, learning, predictions  # noqa: F401  each registers its attacks
from benchmarks.attack.attack import ATTACKS, KEYS, MEBIBYTE, OPEN, Attack, Measured
from benchmarks.attack.attacker import NotPossible, Seen
from benchmarks.attack.honest import Figures
from benchmarks.attack.machine import slowness
from benchmarks.attack.service import MemoryWatch, Service, serving
from benchmarks.stack import Stores, temporary_folder

ALONE = 3.0  # seconds for which the honest client is measured before each attack
AFTERMATH = 1.0  # seconds after an attack that still belong to it
RECOVERY = 30.0  # seconds that the service has to serve the honest client again
OPEN_FILES = 10_000
WIDTH = 160  # of the table in a file


@dataclass(frozen=True)
class Row:
    attack: Attack
    seen: Seen
    measured: Measured | None
    broken: list[str]

    @property
    def measurement(self) -> str:
        if self.measured is None:
            return "nothing"
        parts = [f"p99 {self.measured.alone.p99_ms:.0f} → {self.measured.during.p99_ms:.0f} ms"]
        parts.append(f"+{self.measured.risen / MEBIBYTE:.0f} MB")
        parts.append(f"machine ×{self.measured.slowness:.1f}")
        if self.seen.answers:
            parts.append(", ".join(f"{n} × {status or 'closed'}" for status, n in sorted(self.seen.statuses.items())))
            parts.append(f"≤ {self.seen.slowest:.2f} s, {self.seen.largest / 1000:.1f} kB")
        return "; ".join([*parts, *([self.seen.note] if self.seen.note else [])])

    def as_json(self) -> dict[str, object]:
        return {
            "attack": self.attack.name,
            "limit": self.attack.limit,
            "measured": self.measurement,
            "holds": not self.broken,
            "broken": self.broken,
        }


def perform(kind: type[Attack], service: Service) -> Row:
    one = kind()
    try:
        one.prepare(service.attacker)
        alone = alone_figures(service)
        slow = slowness()
        with MemoryWatch(service) as memory:
            seen = one.attack(service.attacker)
            time.sleep(AFTERMATH)
            during = service.honest.figures()
        measured = Measured(alone, during, memory.before, memory.peak, memory.after, slow)
        return Row(one, seen, measured, list(one.broken(seen, measured)))
    except (NotPossible, OSError) as error:
        return Row(one, Seen(), None, [f"could not be tried: {error}"])


def alone_figures(service: Service) -> Figures:
    service.honest.figures()
    time.sleep(ALONE)
    return service.honest.figures()


def is_well(service: Service) -> bool:
    """Whether the honest client is served as before, after a while."""
    deadline = time.monotonic() + RECOVERY
    while time.monotonic() < deadline:
        if not alone_figures(service).failed:
            return True
    return False


def perform_all(kinds: list[type[Attack]], console: Console) -> Iterator[Row]:
    """One service after another: a new one for attacks on another kind, and where one does not get well again."""
    left = list(kinds)
    while left:
        wanted, well = left[0].service, True
        with serving(wanted) as service:
            while well and left and left[0].service == wanted:
                kind = left.pop(0)
                console.print(f"[dim]{kind.name} …[/]")
                row = perform(kind, service)
                well = is_well(service)
                if not well:
                    row.broken.append(f"honest requests still fail {RECOVERY:g} s later")
                yield row


def table_of(rows: list[Row]) -> Table:
    table = Table(title="Attacks on a service of two web processes, beside one honest client")
    table.add_column("attack", overflow="fold", ratio=3)
    table.add_column("limit", overflow="fold", ratio=3)
    table.add_column("measured", overflow="fold", ratio=5)
    table.add_column("holds", overflow="fold", ratio=3)
    for row in rows:
        holds = "[green]yes[/]" if not row.broken else f"[red]NO: {'; '.join(row.broken)}[/]"
        table.add_row(row.attack.name, row.attack.limit, row.measurement, holds)
    return table


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--only", default="", metavar="TEXT", help="only attacks whose name contains this")
    parser.add_argument("--json", type=Path, metavar="FILE", help="write the rows to this file, too")
    options = parser.parse_args()
    chosen = [kind for kind in ATTACKS if options.only in kind.name]
    if not chosen:
        parser.error(f"no attack's name contains {options.only!r}")
    allow_many_files()
    console = Console() if sys.stdout.isatty() else Console(width=WIDTH)
    with temporary_folder() as folder:
        os.environ["KATO_DATA_DIR"] = str(folder / "data")
        with Stores(folder / "data", private=True):
            rows = list(perform_all(sorted(chosen, key=lambda kind: (OPEN, KEYS).index(kind.service)), console))
    console.print(table_of(rows))
    if options.json:
        options.json.write_text(json.dumps([row.as_json() for row in rows], indent=2, ensure_ascii=False) + "\n")
    broken = [row for row in rows if row.broken]
    console.print(f"{len(rows) - len(broken)} of {len(rows)} limits hold")
    return 1 if broken else 0


def allow_many_files() -> None:
    """For the attacker's connections, and for those of the service, which inherits it."""
    _, most = resource.getrlimit(resource.RLIMIT_NOFILE)
    wanted = OPEN_FILES if most == resource.RLIM_INFINITY else min(OPEN_FILES, most)
    resource.setrlimit(resource.RLIMIT_NOFILE, (wanted, most))


if __name__ == "__main__":
    sys.exit(main())
