"""What a history says of one session, as the rules need it."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field, replace
from functools import cached_property
from typing import Any

from benchmarks.torture.checker.acts import Act, acts_of
from benchmarks.torture.checker.background import Job, jobs_of
from benchmarks.torture.checker.chain import Chain
from benchmarks.torture.checker.sorting import WORDS
from benchmarks.torture.history import Event, Fault, Listening, Request

LIMIT = 1000  # events of an STM
NOTHING_TO_LEARN = 400  # the status of a learn that found the STM empty


@dataclass
class Session:
    id: str
    requests: list[Request] = field(default_factory=list)
    """In the order of their starts, without the events that reads showed, if those are in `chain`."""
    chain: Chain = field(default_factory=Chain)
    events: list[Event] = field(default_factory=list)
    listening: Sequence[Listening] = ()
    faults: Sequence[Fault] = ()

    @classmethod
    def of(
        cls,
        name: str,
        entries: Iterable[Request | Event],
        listening: Sequence[Listening] = (),
        faults: Sequence[Fault] = (),
        *,
        whole: bool = False,
    ) -> "Session":
        """`whole`: leave the events of reads in `requests`."""
        session = cls(name, listening=listening, faults=faults)
        for entry in entries:
            if isinstance(entry, Event):
                session.events.append(entry)
            elif entry.operation == "read_stm" and entry.status == 200 and not (whole or entry.node.startswith(WORDS)):
                session.requests.append(session._without_events(entry))
            else:
                session.requests.append(entry)
        session.requests.sort(key=lambda request: request.start)
        return session

    def _without_events(self, request: Request) -> Request:
        stm: list[list[str]] = request.answer["stm"]
        ends = stm if len(stm) < 6 else [*stm[:2], ["…"], *stm[-2:]]
        brief = replace(request, answer={**request.answer, "stm": ends})
        self.chain.add(brief, stm)
        return brief

    @property
    def node(self) -> str:
        return self.requests[0].node

    @property
    def words(self) -> bool:
        """Whether it observes the words of a small vocabulary, so that events are not unique."""
        return self.node.startswith(WORDS)

    @cached_property
    def acts(self) -> list[Act]:
        return sorted(acts_of(self.requests), key=lambda act: act.start)

    @cached_property
    def jobs(self) -> list[Job]:
        return jobs_of(self.acts, self.requests)

    @cached_property
    def settings(self) -> list[dict[str, Any]]:
        """What creation and each configure set, if it was not refused; creation first."""
        created: dict[str, Any] = {}
        changed: list[dict[str, Any]] = []
        for act in self.acts:
            asked = act.asked.arguments
            if act.asked.operation == "create":
                created = asked.get("config") or {}
            elif act.asked.operation == "configure" and not act.refused:
                changed.append(asked.get("config", asked))
        return [created, *changed]

    @cached_property
    def lengths(self) -> set[int]:
        """The lengths at which it may have learned automatically."""
        return {length for settings in self.settings if (length := int(settings.get("max_pattern_length", 0))) > 0}

    @cached_property
    def modes(self) -> set[str]:
        created, *changed = self.settings
        modes = {settings["stm_mode"] for settings in changed if "stm_mode" in settings}
        return {created.get("stm_mode", "CLEAR"), *modes}

    @property
    def rolls(self) -> bool:
        """Whether its window may have moved on with a learn."""
        return bool(self.lengths) and "ROLLING" in self.modes

    @property
    def empties(self) -> bool:
        """Whether an observation may have emptied its STM."""
        return bool(self.lengths) and (1 in self.lengths or self.modes != {"ROLLING"})

    @property
    def window(self) -> int | None:
        """How many events its STM holds at most, if that was always the same."""
        if not self.lengths:
            return LIMIT
        constant = all("max_pattern_length" not in settings for settings in self.settings[1:])
        return min(min(self.lengths) - 1, LIMIT) if constant else None

    def may_have_moved(self, length: int) -> bool:
        """Whether an STM of this length may have lost events at its front."""
        return length >= LIMIT or (self.rolls and length >= min(self.lengths) - 1)
