"""`manage.py session observe`."""

import argparse
from codecs import BOM_UTF8
from collections.abc import Iterator
from functools import partial
from itertools import islice
from typing import IO, Any

from pydantic import TypeAdapter, ValidationError
from pydantic_core import from_json

from foundation.errors import Refusal
from foundation.http.bodies import as_object
from foundation.json_lines import WrongLine
from foundation.postgresql.trouble import STORE_TROUBLE
from foundation.terminal.arguments import add_json_argument, utf8
from foundation.terminal.command import Command
from foundation.terminal.errors import Error, Interrupted, WrongArguments, explained
from foundation.terminal.progress import progress, rewindable
from foundation.terminal.text import counted
from sessions_app import operations
from sessions_app.observations import Observation
from sessions_app.shapes import bodies
from sessions_app.shapes.observation_input import make_observation

_EVENT = TypeAdapter[list[str] | bodies.ObservationInput](bodies.TrainingEvent)
_BATCH = 100  # observations in one transaction


def add_observe(command: Command, commands: Any) -> None:
    parser = command.add_subcommand(
        commands,
        "observe",
        partial(_observe, command),
        about="Append observations to a session's STM.\n"
        "Either one observation, whose symbols are arguments, or those of a file. Each line of the file is the JSON\n"
        "list of an event's symbols, or an observation as in the API. Every line is checked before the first one is\n"
        "observed.",
        examples="""
  manage.py session observe session-0b1f… kettle on --emotive joy=0.5
  manage.py session observe session-0b1f… --file day.ndjson --learn
  echo '{"strings": ["kettle"], "vectors": [[1, 2]]}' | manage.py session observe session-0b1f… --file -
""",
    )
    parser.add_argument("session_id", type=utf8, metavar="SESSION", help="its id")
    parser.add_argument("symbols", type=utf8, metavar="SYMBOL", nargs="*", help="the symbols of one event")
    parser.add_argument(
        "--emotive",
        type=_emotive,
        action="append",
        default=[],
        metavar="NAME=NUMBER",
        help="an emotive of the event; can be repeated",
    )
    parser.add_argument("--file", help="lines of JSON, one observation each; - is standard input")
    parser.add_argument("--learn", action="store_true", help="learn the STM afterwards")
    add_json_argument(parser)


def _observe(
    command: Command,
    *,
    session_id: str,
    symbols: list[str],
    emotive: list[tuple[str, float]],
    file: str | None,
    learn: bool,
    json: bool,
    **options: Any,
) -> None:
    if bool(file) == bool(symbols or emotive):
        raise WrongArguments("Pass either symbols and emotives, or --file FILE")
    report: dict[str, Any] = {"session_id": session_id, "observations": 0, "patterns_learned": 0}
    if file:
        with rewindable(file) as lines:
            total = sum(1 for _ in _observations(lines))
            if not total:
                raise Error("The file is empty; there is nothing to observe")
            lines.seek(0)
            _observe_all(session_id, _observations(lines), total, report)
    else:
        one = bodies.ObservationInput.model_validate(
            as_object({"strings": symbols, "emotives": dict(emotive)}, ["observation"])
        )
        _observe_all(session_id, iter([make_observation(one, "obs-")]), 1, report)
    if learn:
        learned = operations.learn(session_id=session_id)
        report |= {"stm_length": 0, "final_learned_pattern": learned.pattern_name}
        report["patterns_learned"] += bool(learned.pattern_name)
    if json:
        command.print_json(report)
        return
    text = f"{report['observations']:,} observed, {counted(report['stm_length'], 'event')} in the STM"
    command.stdout.write(f"{text}, {counted(report['patterns_learned'], 'pattern')} learned")


def _observe_all(session_id: str, observations: Iterator[Observation], total: int, report: dict[str, Any]) -> None:
    try:
        with progress("Observing", total=total) as advance:
            while batch := list(islice(observations, _BATCH)):
                observed = operations.observe_sequence(session_id=session_id, observations=batch)
                report["observations"] += len(batch)
                report["patterns_learned"] += sum(map(bool, observed.auto_learned_patterns))
                report["stm_length"] = observed.final_stm_length
                advance(len(batch))
    except KeyboardInterrupt:
        raise Interrupted(f"{report['observations']} of {total} observations were made and stay") from None
    except (Refusal, *STORE_TROUBLE) as error:
        if not report["observations"]:
            raise
        done = f"{report['observations']} of {total} observations were made and stay"
        raise Error(f"{done}. Then: {explained(error)}") from error


def _emotive(text: str) -> tuple[str, float]:
    name, _, number = utf8(text).rpartition("=")
    try:
        return name, float(number)
    except ValueError:
        raise argparse.ArgumentTypeError(f"{text!r} is not NAME=NUMBER") from None


def _observations(lines: IO[bytes]) -> Iterator[Observation]:
    """Raises Error with the number of the invalid line."""
    for number, line in enumerate(lines, start=1):
        text = line.removeprefix(BOM_UTF8) if number == 1 else line
        try:
            # Wrapped, because a line may be a list and as_object takes objects.
            given = _EVENT.validate_python(as_object({"observation": from_json(text)}, [])["observation"])
            one = given if isinstance(given, bodies.ObservationInput) else bodies.ObservationInput(strings=given)
            yield make_observation(one, "obs-", "observation")
        except (Refusal, ValidationError) as error:
            raise Error(f"line {number}: {explained(error)}. Nothing was observed") from None
        except ValueError as error:
            raise Error(f"{WrongLine(number, str(error))}. Nothing was observed") from None
