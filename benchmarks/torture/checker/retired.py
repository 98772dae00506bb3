"""When each pattern of a node was retired, and may have been purged, as far as a history says."""

from collections.abc import Iterable

from benchmarks.torture.checker.acts import Act


class Retirements:
    def __init__(self, acts: Iterable[Act], clears: Iterable[Act]) -> None:
        self._retired: dict[str, list[Act]] = {}
        self._restored: dict[str, list[Act]] = {}
        self._purged: dict[str, list[Act]] = {}
        self._clears = list(clears)
        kinds = {"retire": self._retired, "un_retire": self._restored, "purge": self._purged}
        for act in acts:
            found = kinds.get(act.asked.operation)
            if found is not None and not act.refused:
                for name in act.asked.arguments["pattern_ids"]:
                    found.setdefault(name, []).append(act)

    def purges(self, name: str) -> list[Act]:
        """Requests that may have purged it."""
        return self._purged.get(name, [])

    @property
    def all_purges(self) -> list[Act]:
        return [act for acts in self._purged.values() for act in acts]

    def surely(self, name: str, start: float, end: float) -> Act | None:
        """The act by which the pattern was retired all the time from `start` to `end`."""
        restored = [*self._restored.get(name, []), *self._clears]
        for act in self._retired.get(name, []):
            if act.done and act.end < start and not any(one.start < end and one.end > act.start for one in restored):
                return act
        return None

    def perhaps(self, name: str, start: float, end: float) -> bool:
        """Whether it may have been retired at any time from `start` to `end`."""
        restored = [one for one in (*self._restored.get(name, []), *self._clears) if one.done and one.end < start]
        return any(
            act.start < end and not any(one.start > act.end for one in restored) for act in self._retired.get(name, [])
        )
