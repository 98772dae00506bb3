"""What one learn operation adds to a pattern and to its symbols (engine.md 4.3), as plain data.

Frequency, symbol counts and affinities are sums over all learn operations, so they do not depend on the order in which
concurrent learns commit. (Affinity sums must be stored exactly, as `numeric`, for this to hold to the last bit.) The
emotives window, by its nature, is in commit order.
"""

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from itertools import chain
from typing import Any

from engine.naming import pattern_name, text_form
from engine.observation import mean_emotives

Events = Sequence[Sequence[str]]
EmotivesWindow = list[dict[str, float]]


@dataclass(frozen=True, kw_only=True, slots=True)
class Lesson:
    """What one learn operation adds to the long-term memory.

    name, events, length: those of the pattern. A new pattern is stored; a known one has the same already.
    emotives: the accumulated maps, oldest first; input of `merge_emotives`.
    metadata: input of `merge_metadata`: by key, sorted distinct texts.
    affinities: by emotive e, what aff(x, e) of every distinct symbol x grows by, at every learn.
    """

    name: str
    events: list[list[str]]
    length: int
    emotives: EmotivesWindow
    metadata: dict[str, list[str]]
    affinities: dict[str, float]

    @property
    def symbol_counts(self) -> Counter[str]:
        """By distinct symbol, its occurrences in the pattern.

        freq(x) grows by that number at every learn, pmf(x) by one for a new pattern. It is counted each time it is
        asked for, which only a learn with emotives does.
        """
        return Counter(chain.from_iterable(self.events))


def prepare_lesson(
    events: Events,
    *,
    emotives: Iterable[Mapping[str, float]] = (),
    metadata: Iterable[Mapping[str, Any]] = (),
) -> Lesson | None:
    """What learning `events` adds, with these accumulated emotives and metadata; None below two symbols (4.1)."""
    length = sum(map(len, events))
    if length < 2:
        return None
    window = [dict(entry) for entry in emotives]
    return Lesson(
        name=pattern_name(events),
        events=[list(event) for event in events],
        length=length,
        emotives=window,
        metadata=metadata_texts(metadata),
        affinities=mean_emotives(window),
    )


def merge_emotives(stored: EmotivesWindow, learned: EmotivesWindow, *, persistence: int) -> EmotivesWindow:
    """The emotives window after a learn: the last `persistence` maps, or `stored` if no emotives were learned."""
    return (stored + learned)[-persistence:] if learned else list(stored)


def merge_metadata(stored: Mapping[str, list[str]], learned: Mapping[str, list[str]]) -> dict[str, list[str]]:
    """By key, the sorted union of texts; keys in order of first appearance, stored ones first."""
    more = {
        key: distinct([*stored[key], *texts])
        for key, texts in learned.items()
        if key in stored and stored[key] != texts
    }
    return {**stored, **learned, **more}


def metadata_texts(accumulated: Iterable[Mapping[str, Any]]) -> dict[str, list[str]]:
    """meta(M): by key, the sorted distinct text forms of its values; keys in order of first appearance."""
    texts: dict[str, list[str]] = {}
    for entry in accumulated:
        for key, value in entry.items():
            text = text_form(value)
            if key in texts:
                texts[key].append(text)
            else:
                texts[key] = [text]
    for key, values in texts.items():
        if len(values) > 1:  # most have one, and there may be a hundred thousand keys
            texts[key] = distinct(values)
    return texts


def distinct(texts: list[str]) -> list[str]:
    """The texts, sorted, each once."""
    return sorted(set(texts))
