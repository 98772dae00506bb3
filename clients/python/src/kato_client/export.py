"""Export what a node knows as lines of JSON, through the API: `python -m kato_client.export --url … --node …`.

The API cannot list patterns. But for a state of one symbol, every pattern that starts with that symbol is a candidate,
and every pattern starts with some symbol; `/symbols/stats` names the symbols. If more than `max_predictions` patterns
start with the same symbol, the export asks for them in parts. In the end it compares what it found with the symbol
statistics, which count the patterns that contain each symbol.
"""

import argparse
import asyncio
import io
import json
import sys
import time
from collections import Counter
from collections.abc import AsyncIterator, Callable, Iterable, Sequence
from dataclasses import dataclass, field
from itertools import islice
from pathlib import Path
from typing import IO, Any

from kato_client import types
from kato_client._access import HELP
from kato_client._client import AsyncKato
from kato_client.errors import ApiError, KatoError

MOST_PREDICTIONS = 10_000  # the limit of one response
CONCURRENCY = 8
INCOMPLETE = 3  # exit status

# Return every candidate, whatever the service's defaults, and change nothing. All candidates have a symbol of the
# state, so a tiny threshold admits them; KATO 6 refuses 0.
_CONFIG = types.Config(
    recall_threshold=1e-9,
    max_pattern_length=0,
    process_predictions=False,
    use_token_matching=True,
    sort_symbols=True,
    filter_pipeline=[],
)


@dataclass(slots=True)
class Found:
    """What was exported: for each symbol, how many patterns contain it and how often it was learned."""

    names: set[str] = field(default_factory=set)
    members: Counter[str] = field(default_factory=Counter)
    occurrences: Counter[str] = field(default_factory=Counter)

    def add(self, name: str, events: types.Events, frequency: int) -> None:
        self.names.add(name)
        counts = Counter(symbol for event in events for symbol in event)
        for symbol, count in counts.items():
            self.members[symbol] += 1
            self.occurrences[symbol] += count * frequency

    def differences(self, statistics: dict[str, types.SymbolStatistics]) -> list[str]:
        """Return where the service's counts differ; empty if the export has everything."""
        return [
            f"{symbol!r}: {self.members[symbol]} of {told['pattern_member_frequency']} patterns, "
            f"{self.occurrences[symbol]} of {told['frequency']} occurrences"
            for symbol, told in sorted(statistics.items())
            if (self.members[symbol], self.occurrences[symbol]) != (told["pattern_member_frequency"], told["frequency"])
        ]


class NodeExport:
    """One export; `found` grows as `patterns` is iterated over.

    at_most: the most patterns that one response can contain. concurrency: requests at the same time.
    """

    def __init__(
        self, kato: AsyncKato, node_id: str, *, at_most: int = MOST_PREDICTIONS, concurrency: int = CONCURRENCY
    ) -> None:
        self._kato = kato
        self._node_id = node_id
        self._at_most = at_most
        self._concurrency = concurrency
        self.found = Found()
        self.statistics: dict[str, types.SymbolStatistics] = {}
        self.symbols_done = 0

    async def patterns(self) -> AsyncIterator[types.Pattern]:
        """Yield every pattern of the node that is not in `found` yet, by first symbol."""
        self.statistics = await self._read_statistics()
        for symbol in sorted(self.statistics):
            async for names in self._starting_with(symbol):
                async for pattern in self._look_up(names):
                    yield pattern
            self.symbols_done += 1

    async def affinities(self) -> dict[str, types.Emotives]:
        page = await self._kato.symbol_affinities(node_id=self._node_id)
        found = page["affinities"]
        while (after := page.get("next")) is not None:
            page = await self._kato.symbol_affinities(node_id=self._node_id, after=after)
            found |= page["affinities"]
        return found

    async def differences(self) -> list[str]:
        """Return where the node's counts, as they are now, differ from the export."""
        return self.found.differences(await self._read_statistics())

    async def _read_statistics(self) -> dict[str, types.SymbolStatistics]:
        page = await self._kato.symbol_statistics(node_id=self._node_id)
        found = page["symbols"]
        while (after := page.get("next")) is not None:
            page = await self._kato.symbol_statistics(node_id=self._node_id, after=after)
            found |= page["symbols"]
        return found

    async def _starting_with(self, symbol: str) -> AsyncIterator[list[str]]:
        names = await self._matching([symbol], {})
        yield names
        if len(names) == self._at_most:
            async for part in self._holding([symbol]):
                yield part

    async def _holding(self, symbols: list[str]) -> AsyncIterator[list[str]]:
        """Yield the patterns that contain all these symbols, in parts.

        First those without any other symbol, then by each further symbol. The first symbol is the one whose patterns
        exceed the limit; the others are in order, so no combination is requested twice.
        """
        # Filters apply only to states of two or more symbols; the two may be the same.
        yield await self._matching([*symbols, symbols[0]], _same_symbols(symbols))
        for further in self._candidates_beyond(symbols):
            together = [*symbols, further]
            names = await self._matching(together, _all_of(together))
            yield names
            if len(names) == self._at_most:
                async for part in self._holding(together):
                    yield part

    def _candidates_beyond(self, symbols: list[str]) -> Iterable[str]:
        for symbol in sorted(self.statistics):
            if self.found.members[symbols[0]] == self.statistics[symbols[0]]["pattern_member_frequency"]:
                return  # all patterns that contain the first symbol are found
            if symbol != symbols[0] and (len(symbols) == 1 or symbol > symbols[-1]):
                yield symbol

    async def _matching(self, state: Sequence[str], config: types.Config) -> list[str]:
        config = types.Config(**{**_CONFIG, "max_predictions": self._at_most, **config})
        async with self._kato.session(self._node_id, config=config) as session:
            await session.observe(state)
            predictions = (await session.predictions())["predictions"]
        return [prediction["name"] for prediction in predictions]

    async def _look_up(self, names: Iterable[str]) -> AsyncIterator[types.Pattern]:
        new = (name for name in names if name not in self.found.names)
        while some := list(islice(new, self._concurrency)):
            for pattern in await asyncio.gather(*map(self._pattern, some)):
                if pattern is not None:  # the node forgot it meanwhile; the statistics will show that
                    self.found.add(_bare(pattern["name"]), pattern["pattern_data"], pattern["frequency"])
                    yield pattern

    async def _pattern(self, name: str) -> types.Pattern | None:
        try:
            answer = await self._kato.pattern(name, node_id=self._node_id)
        except ApiError as error:
            if error.status != 404:
                raise
            return None
        return answer["pattern"].get("pattern")


def _all_of(symbols: Sequence[str]) -> types.Config:
    """Admit only patterns that contain all of these symbols. (A threshold of 0 would count as not given.)"""
    return {"filter_pipeline": ["jaccard"], "jaccard_min_overlap": len(symbols), "jaccard_threshold": 1e-9}


def _same_symbols(symbols: Sequence[str]) -> types.Config:
    """Admit only patterns that contain these symbols and no others."""
    return {"filter_pipeline": ["jaccard"], "jaccard_min_overlap": len(symbols), "jaccard_threshold": 1.0}


def _bare(name: str) -> str:
    return name.removeprefix("PTRN|")


def _line(content: dict[str, Any]) -> str:
    return json.dumps(content, ensure_ascii=False, separators=(",", ":")) + "\n"


def _pattern_line(pattern: types.Pattern) -> str:
    return _line(
        {
            "name": _bare(pattern["name"]),
            "events": pattern["pattern_data"],
            "frequency": pattern["frequency"],
            "emotives": pattern["emotives"],
            "metadata": pattern["metadata"],
        }
    )


async def write(export: NodeExport, node_id: str, out: IO[str], tell: Callable[[], None]) -> list[str]:
    """Write an export, or the rest of one. Returns the differences found; if there are any, omits the last line."""
    if not export.found.names:
        out.write(_line({"kato": "node", "version": 1, "node_id": node_id}))
    async for pattern in export.patterns():
        out.write(_pattern_line(pattern))
        tell()
    affinities = {symbol: affinity for symbol, affinity in (await export.affinities()).items() if affinity}
    for symbol, affinity in affinities.items():
        out.write(_line({"symbol": symbol, "affinity": affinity}))
    differences = await export.differences()
    if not differences:
        out.write(_line({"end": True, "patterns": len(export.found.names), "affinities": len(affinities)}))
    out.flush()
    return differences


def take_up(found: Found, out: IO[str]) -> None:
    """Read what an interrupted export has written, and position the file where the next pattern belongs."""
    end = 0
    while (text := out.readline()).endswith("\n"):
        line = json.loads(text)
        if "events" in line:
            found.add(line["name"], line["events"], line["frequency"])
        elif "kato" not in line:
            break
        end = out.tell()
    out.seek(end)
    out.truncate()


class Progress:
    """Prints a line to standard error: every second on a terminal, every ten seconds otherwise."""

    def __init__(self, export: NodeExport) -> None:
        self._export = export
        self._every = 1.0 if sys.stderr.isatty() else 10.0
        self._next = time.monotonic() + self._every

    def tell(self) -> None:
        if time.monotonic() < self._next:
            return
        self._next = time.monotonic() + self._every
        print(
            f"{len(self._export.found.names)} patterns, {self._export.symbols_done} of "
            f"{len(self._export.statistics)} symbols",
            file=sys.stderr,
        )


async def run(options: argparse.Namespace) -> int:
    async with AsyncKato(options.url, accept_unidentified=True) as kato:
        export = NodeExport(kato, options.node, concurrency=options.concurrency)
        tell = Progress(export).tell
        if options.output is None:
            differences = await write(export, options.node, sys.stdout, tell)
        else:
            with options.output.open("r+" if options.resume else "x", encoding="utf-8") as out:
                if options.resume:
                    take_up(export.found, out)
                differences = await write(export, options.node, out, tell)
    found = len(export.found.names)
    print(f"{found} pattern{'' if found == 1 else 's'} exported", file=sys.stderr)
    if differences:
        shown = "\n  ".join(differences[:20])
        print(
            f"INCOMPLETE: the node's statistics differ for {len(differences)} symbols (exported of counted):\n"
            f"  {shown}\nEither the node learned during the export (export again), or some patterns are retired "
            "(un-retire them first), or out of reach.",
            file=sys.stderr,
        )
        return INCOMPLETE
    return 0


def main() -> None:
    about = __doc__.partition("\n")[0]
    parser = argparse.ArgumentParser(prog="python -m kato_client.export", description=about, epilog=HELP)
    parser.add_argument("--url", required=True, help="for example http://127.0.0.1:8000")
    parser.add_argument("--node", required=True, help="the node_id")
    parser.add_argument("--output", type=Path, help="a new file; default: standard output")
    parser.add_argument("--resume", action="store_true", help="continue the --output of an interrupted export")
    parser.add_argument("--concurrency", type=int, default=CONCURRENCY, help="requests at the same time")
    options = parser.parse_args()
    if options.resume and options.output is None:
        parser.error("--resume needs --output")
    if isinstance(sys.stdout, io.TextIOWrapper):
        sys.stdout.reconfigure(encoding="utf-8")
    try:
        sys.exit(asyncio.run(run(options)))
    except (KatoError, OSError, ValueError) as error:
        sys.exit(f"{type(error).__name__}: {error}")
    except KeyboardInterrupt:
        sys.exit("Interrupted. To continue an export with --output, repeat the command with --resume")


if __name__ == "__main__":
    main()
