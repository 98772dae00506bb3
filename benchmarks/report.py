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
from benchmarks.measuring import Comparison, Round, Row
from katoproject.configuration.environment import PROJECT_DIR

RESULTS = PROJECT_DIR / "benchmarks" / "results"
# The highest acceptable ratio of the CPU of an observation into a nearly full STM to one into a short STM.
FLAT = 1.2

_COLUMNS = "{:<30} {:>5} {:>5} {:>5} {:>6} {:>6} {:>6}  {:>5} {:>5} {:>5} {:>5} {:>5} {:>5}  {:>5} {:>10} {:>5} {:>10}"
HEADINGS = "\n".join(
    (
        _COLUMNS.format("", "req/s", "", "", "p50 ms", "", "", "CPU", "µs", "", "", "", "", "ours/", "", "ours/", ""),
        _COLUMNS.format(
            "",
            *("ours", "redis", "dur.") * 2,
            *("ours", "web", "pg", "cache", "redis", "dur."),
            *("redis", "target", "dur.", "target"),
        ),
    )
)


def line(row: Row) -> str:
    ours, base, durable = row.ours, row.baseline, row.durable
    rounds = [ours, base.round, *([durable.round] if durable else [])]
    missing = [""] * (3 - len(rounds))
    text = _COLUMNS.format(
        row.scenario,
        *(f"{one.per_second:.0f}" for one in rounds),
        *missing,
        *(f"{one.p50_ms:.1f}" for one in rounds),
        *missing,
        f"{ours.cpu_us:.0f}",
        *(f"{ours.cpu.get(part, 0):.0f}" for part in ("web", "postgres", "redis")),
        *(f"{one.cpu_us:.0f}" for one in rounds[1:]),
        *missing,
        *_ratio(base),
        *(_ratio(durable) if durable else ("", "")),
    )
    named = zip(("ours", "redis", "durable"), rounds, strict=False)
    return text.rstrip() + "".join(_failures(name, one) for name, one in named)


def _ratio(found: Comparison) -> tuple[str, str]:
    target = "" if found.target is None else f"{_verdict(found.ratio, found.target)} {found.target}"
    return f"{found.ratio:.2f}", target


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
