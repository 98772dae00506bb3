"""Every command documents itself, and docs/commands.md names it."""

import argparse
import re
from collections.abc import Iterator

import pytest
from django.core.management import get_commands, load_command_class

from foundation.terminal.command import Command
from katoproject.configuration.environment import PROJECT_DIR

OURS = ("katoproject", "memory_app", "sessions_app", "katoproject.monitoring")


def parsers() -> Iterator[tuple[str, argparse.ArgumentParser]]:
    """The parsers of every command for people, and of every subcommand."""
    for name, app in sorted(get_commands().items()):
        if app in OURS and isinstance(command := load_command_class(app, name), Command):
            parser = command.create_parser("manage.py", name)
            yield name, parser
            for action in parser._actions:
                if isinstance(action, argparse._SubParsersAction):
                    yield from ((f"{name} {one}", sub) for one, sub in action.choices.items())


PARSERS = dict(parsers())


@pytest.mark.parametrize("name", PARSERS)
def test_help_describes_a_command_and_gives_an_example(name: str) -> None:
    text = PARSERS[name].format_help()
    about, _, examples = text.partition("examples:\n")
    assert len(about) > 100
    assert f"manage.py {name}" in examples
    assert max(map(len, text.splitlines())) <= 120


@pytest.mark.parametrize("name", PARSERS)
def test_help_explains_every_argument(name: str) -> None:
    for action in PARSERS[name]._actions:
        if isinstance(action, argparse._SubParsersAction):
            continue  # each subcommand is described on a line of its own
        shown = " ".join(action.option_strings) or action.metavar or action.dest
        assert action.help, f"{name} {shown}"


def test_every_command_is_documented() -> None:
    text = (PROJECT_DIR / "docs" / "commands.md").read_text()
    for name in PARSERS:
        command, _, subcommand = name.partition(" ")
        assert f"`{command}" in text, name
        if subcommand:
            assert re.search(rf"`({command} )?{subcommand}`", text), name
