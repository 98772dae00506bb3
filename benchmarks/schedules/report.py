"""What was tried and what was found, as text."""

from collections import Counter
from collections.abc import Iterable

from benchmarks.schedules.pairs import Extent, Report


def story(report: Report) -> str:
    """What is wrong with these operations at once, with the shortest schedule that shows it."""
    lines = [f"{' | '.join(report.names)}: {report.violations} of {report.schedules} schedules"]
    lines += [f"  {'ABC'[number]} is {name}" for number, name in enumerate(report.names)]
    if report.first is not None:
        lines += [f"    {step}" for step in report.first.schedule]
        lines.append(f"  {report.first.what}")
    lines += [f"  {fault}" for fault in report.faults]
    return "\n".join(lines)


def line(report: Report) -> str:
    verdict = "holds" if report.holds else "VIOLATED"
    return (
        f"{' | '.join(report.names):<64} {report.schedules:>6} ({report.extent.value}) {report.crashes:>6} crashed"
        f" {report.waits:>6} waits {report.seconds:>6.1f} s  {verdict}"
    )


def summary(reports: Iterable[Report], seconds: float) -> str:
    all_of = list(reports)
    extents = Counter(one.extent for one in all_of)
    total = {
        "combinations of operations": len(all_of),
        "of these, with every interleaving": extents[Extent.ALL],
        "with one of those that differ in the order of commuting steps": extents[Extent.REDUCED],
        "with a sample": extents[Extent.SAMPLE],
        "schedules": sum(one.schedules for one in all_of),
        "places that could not be reached again": sum(one.lost for one in all_of),
        "steps": sum(one.steps for one in all_of),
        "schedules with a crash": sum(one.crashes for one in all_of),
        "waits for a lock": sum(one.waits for one in all_of),
        "schedules with a violation": sum(one.violations for one in all_of),
        "faults that verify found": sum(len(one.faults) for one in all_of),
    }
    return "\n".join([*(f"{number:>10,} {what}" for what, number in total.items()), f"{seconds:>10,.0f} seconds"])
