"""`manage.py predict`: what a node predicts for given events, or for the STM of a session."""

from collections import Counter
from typing import Any

from django.core.management.base import CommandParser
from pydantic_core import from_json
from rich.box import SIMPLE_HEAD
from rich.table import Table
from rich.text import Text

from foundation.contracts import ContractName
from foundation.terminal.arguments import add_json_argument, utf8
from foundation.terminal.command import Command as TerminalCommand
from foundation.terminal.errors import WrongArguments
from foundation.terminal.text import readable
from memory_app.management.arguments import node_id
from sessions_app.management.options import (
    add_config_arguments,
    add_contract_argument,
    given_config,
    given_settings,
    names,
)
from sessions_app.reads import predicting

CONFIG = (
    "recall_threshold",
    "max_predictions",
    "rank_sort_algo",
    "sort_symbols",
    "use_token_matching",
    "fuzzy_token_threshold",
    "affinity_emotive",
    "filter_pipeline",
    "length_min_ratio",
    "length_max_ratio",
    "jaccard_threshold",
    "jaccard_min_overlap",
    "minhash_threshold",
    "minhash_bands",
    "minhash_rows",
    "minhash_num_hashes",
    "single_symbol_match",
)
# Shown of a prediction, besides what it is ranked by.
FIGURES = ("similarity", "frequency")
STYLES = {"past": "dim", "present": "green", "missing": "yellow", "extras": "magenta", "future": "cyan"}

Events = list[list[str]]

_HELP = """\
Show what a node predicts: which patterns match; what of them is past, present, missing and future; what is extra.

It predicts either from events, oldest first, as if a new session had observed them, or from the STM of a session, even
of an expired one. Nothing is stored, and the life of the session is not extended. Separate the symbols of an event with
commas; put a symbol that contains a comma in double quotes.
"""


class Command(TerminalCommand):
    help = _HELP
    examples = """
  manage.py predict --node shop coffee milk,sugar
  manage.py predict --node shop coffee --recall-threshold 0.5 --max-predictions 3
  manage.py predict --node orders '"order, in writing",bob' --rank-sort-algo similarity
  manage.py predict --node shop coffee milk,sugar --contract 6.3
  manage.py predict --session session-0a1b… --json
"""

    def add_arguments(self, parser: CommandParser) -> None:
        source = parser.add_mutually_exclusive_group(required=True)
        source.add_argument("--node", type=node_id, help="predict from the given events")
        source.add_argument(
            "--session", type=utf8, metavar="ID", help="predict from this session's STM, with its configuration"
        )
        parser.add_argument("events", nargs="*", type=names, metavar="EVENT", help="its symbols, separated by commas")
        add_contract_argument(parser, "with --node, the version of KATO that the predictions are those of")
        add_json_argument(parser)
        add_config_arguments(parser, CONFIG)
        parser.set_defaults(perform=self._predict)

    def _predict(
        self,
        node: str | None,
        session: str | None,
        events: Events,
        contract: ContractName | None,
        json: bool,
        **options: Any,
    ) -> None:
        given = given_settings(options, CONFIG)
        if session is not None:
            if events:
                raise WrongArguments("Pass either --session or events; a session has events of its own")
            if contract is not None:
                raise WrongArguments("Pass either --session or --contract; a session has a contract of its own")
            predicted = predicting.preview(session, given, seconds=None)
            answer = predicting.answer(session, predicted)
        else:
            assert node is not None
            if not any(events):
                raise WrongArguments("Pass at least one event, or --session ID")
            config = given_config(options, CONFIG, contract=contract)
            answer = predicted = predicting.imagine(
                node_id=node, config=config, events=events, contract=contract, seconds=None
            )
        if json:
            self.stdout.write(answer.decode())
        else:
            self._show(from_json(predicted), given.get("rank_sort_algo", "potential"))

    def _show(self, predicted: dict[str, Any], rank: str) -> None:
        if not predicted["count"]:
            self.tell("No pattern matches")
            return
        figures = list(dict.fromkeys((rank, *FIGURES)))
        table = Table(box=SIMPLE_HEAD, show_edge=False, pad_edge=False)
        for name in ("", *figures):
            table.add_column(name, justify="right")
        for name, style in STYLES.items():
            table.add_column(Text(name, style=style), overflow="fold")
        table.add_column("pattern", no_wrap=True)
        for number, prediction in enumerate(predicted["predictions"], start=1):
            table.add_row(
                str(number),
                *(readable(prediction[name]) for name in figures),
                *(_coloured(prediction, name) for name in STYLES),
                prediction["name"],
            )
        self.console().print(table)


def _coloured(prediction: dict[str, Any], field: str) -> Text:
    """`kettle → boil → cup,tea`. Missing symbols of the present have the colour of missing ones."""
    text = Text()
    events: Events = prediction[field]
    for event, missing in zip(events, prediction["missing"] if field == "present" else [[]] * len(events), strict=True):
        if not event:
            continue
        text.append(" → " if text else "", style="dim")
        left = Counter(missing)
        for position, symbol in enumerate(event):
            text.append("," if position else "")
            text.append(readable(symbol), style=STYLES["missing" if left[symbol] > 0 else field])
            left[symbol] -= 1
    return text
