"""The report of a run, for people and for machines."""

import json
from collections.abc import Iterable
from dataclasses import asdict
from typing import Any

from benchmarks.torture.figures import Figures
from benchmarks.torture.resources import Held


def as_markdown(figures: Figures) -> str:
    parts = [
        _summary(figures),
        _faults(figures),
        _resources(figures),
        *(f"Not possible here: {name} ({why})." for name, why in figures.skipped.items()),
        str(figures.verdict),
        *(f"COMPLAINT: {complaint}" for complaint in figures.complaints),
    ]
    return "\n\n".join(parts) + "\n"


def _summary(figures: Figures) -> str:
    verdict = figures.verdict
    rows: list[tuple[str, object]] = [
        ("seed", figures.settings.seed),
        ("duration", f"{figures.seconds / 60:.1f} minutes"),
        ("requests", f"{verdict.requests:,} ({verdict.requests / max(figures.seconds, 1):.0f} a second)"),
        ("reads checked", f"{verdict.reads:,}"),
        ("writes acknowledged", f"{verdict.acknowledged:,}"),
        ("writes that may have happened", f"{verdict.ambiguous:,}"),
        ("events received", f"{figures.events:,}"),
        ("responses", ", ".join(f"{status}: {number:,}" for status, number in sorted(figures.statuses.items()))),
        ("slowest response", f"{figures.slowest:.1f} s"),
        ("faults", f"{figures.faults:,} of {len(figures.kinds)} kinds"),
        ("violations", f"{verdict.broken.total():,}"),
    ]
    if verdict.holds and verdict.reads:
        rows.append(("bound at 95 %", f"fewer than {3 / verdict.reads:.1e} wrong reads for each read"))
    return _table(("figure", "value"), rows)


def _faults(figures: Figures) -> str:
    columns = ("fault", "number", "writes again, s", "all well, s", "longest gap, s")
    rows = (
        (name, kind.number, *(f"{one.median:.1f} / {one.most:.1f}" for one in (kind.served, kind.well, kind.gap)))
        for name, kind in figures.kinds.items()
    )
    head = (
        "Seconds after the cause was gone, and without any acknowledged write: p50 / max, of the faults that came "
        "alone, where there are any."
    )
    return f"{head}\n\n{_table(columns, rows)}"


def _resources(figures: Figures) -> str:
    columns = ("processes", "number", "memory, MB", "connections")
    names = sorted({*figures.before, *figures.after})
    rows = []
    for name in names:
        before, after = figures.before.get(name, Held()), figures.after.get(name, Held())
        rows.append(
            (
                name,
                f"{before.processes} → {after.processes}",
                f"{before.megabytes:.0f} → {after.megabytes:.0f}",
                f"{before.connections} → {after.connections}",
            )
        )
    return _table(columns, rows)


def _table(columns: tuple[str, ...], rows: Iterable[tuple[object, ...]]) -> str:
    lines = [columns, tuple("---" for _ in columns), *rows]
    return "\n".join(f"| {' | '.join(map(str, line))} |" for line in lines)


def as_json(figures: Figures) -> str:
    verdict = figures.verdict
    told: dict[str, Any] = {
        "settings": asdict(figures.settings),
        "seconds": figures.seconds,
        "requests": verdict.requests,
        "reads": verdict.reads,
        "acknowledged": verdict.acknowledged,
        "ambiguous": verdict.ambiguous,
        "events": figures.events,
        "statuses": figures.statuses,
        "operations": figures.operations,
        "slowest": figures.slowest,
        "faults": {name: asdict(kind) for name, kind in figures.kinds.items()},
        "skipped": figures.skipped,
        "before": {name: asdict(held) for name, held in figures.before.items()},
        "after": {name: asdict(held) for name, held in figures.after.items()},
        "comparisons": verdict.comparisons,
        "broken": verdict.broken,
        "violations": [str(violation) for violation in verdict.violations],
        "complaints": figures.complaints,
    }
    return json.dumps(told, indent=2, ensure_ascii=False) + "\n"
