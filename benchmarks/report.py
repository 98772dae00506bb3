"""The results as text and as JSON."""

import json
import os
import platform
import subprocess
from dataclasses import asdict
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from benchmarks.correctness import DELETED, WRITERS, Faults
from benchmarks.measuring import Round, Row
from katoproject.configuration.environment import PROJECT_DIR

RESULTS = PROJECT_DIR / "benchmarks" / "results"
# The highest acceptable ratio of the CPU of an observation into a nearly full STM to one into a short STM.
FLAT = 1.2

_COLUMNS = "{:<32} {:>6} {:>6} {:>7} {:>7} {:>7} {:>7}  {:>6} {:>6} {:>6} {:>6} {:>6}  {:>5} {:>7}"
HEADINGS = "\n".join(
    (
        _COLUMNS.format("", "req/s", "", "p50 ms", "", "p99 ms", "", "CPU µs", "a req.", "", "", "", "ours/", ""),
        _COLUMNS.format("", *("ours", "base") * 3, "ours", "web", "pg", "redis", "base", "base", "target"),
    )
)


def line(row: Row) -> str:
    ours, base = row.ours, row.baseline
    parts = (f"{ours.cpu.get(part, 0):.0f}" for part in ("web", "postgres", "redis"))
    text = _COLUMNS.format(
        row.scenario,
        *(f"{one.per_second:.0f}" for one in (ours, base)),
        *(f"{one.p50_ms:.1f}" for one in (ours, base)),
        *(f"{one.p99_ms:.1f}" for one in (ours, base)),
        f"{ours.cpu_us:.0f}",
        *parts,
        f"{base.cpu_us:.0f}",
        f"{row.ratio:.2f}",
        "" if row.target is None else f"{_verdict(row.ratio, row.target)} {row.target}",
    )
    return text + _failures("ours", ours) + _failures("base", base)


def _verdict(ratio: float, target: float) -> str:
    return "≤" if ratio <= target else "MISSED"


def _failures(name: str, measured: Round) -> str:
    return f"   {name}: {measured.failed} of {measured.requests} failed" if measured.failed else ""


def flatness(ratio: float) -> str:
    verdict = f"({_verdict(ratio, FLAT)} {FLAT})"
    return f"observe at length 900 costs {ratio:.2f} times as much as observe at length 10 {verdict}"


def faults(ours: Faults, baseline: Faults) -> str:
    lines = (
        ("with four processes each", "ours", "base"),
        (f"lost, of {WRITERS} acknowledged at once on one session", ours.lost_writes, baseline.lost_writes),
        ("  refused, of the same", ours.refused_writes, baseline.refused_writes),
        (f"brought back, of {DELETED} deleted while written to", ours.resurrected, baseline.resurrected),
    )
    return "\n".join("{:<62} {:>5} {:>5}".format(*line) for line in lines)


def save(found: dict[str, Any]) -> Path:
    """Write the results; return the file."""
    RESULTS.mkdir(exist_ok=True)
    now = datetime.now(UTC)
    file = RESULTS / f"{now:%Y%m%dT%H%M%SZ}.json"
    content = {
        "at": now.isoformat(timespec="seconds"),
        "commit": _git("rev-parse", "HEAD"),
        "changed_since": bool(_git("status", "--porcelain", "--untracked-files=no")),
        "machine": {"cpus": os.cpu_count(), "system": platform.platform(), "python": platform.python_version()},
        **found,
    }
    file.write_text(json.dumps(content, indent=1, default=asdict) + "\n")
    return file


def _git(*arguments: str) -> str:
    done = subprocess.run(["git", *arguments], cwd=PROJECT_DIR, capture_output=True, text=True, check=False)
    return done.stdout.strip()
