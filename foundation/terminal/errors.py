"""Errors that end a command, and their exit status."""

from django.conf import settings
from django.core.management.base import CommandError
from django.db import ProgrammingError
from psycopg.errors import UndefinedColumn, UndefinedTable
from pydantic import ValidationError

from foundation.errors import Refusal
from foundation.postgresql.trouble import STORE_TROUBLE, WrongSchema, first_line, is_reply
from foundation.problems import explain_problems

WRONG_ARGUMENTS = 2
INTERRUPTED = 130

# Exceptions that are not a fault of the program: a command reports them on one line.
EXPECTED = (Refusal, ValidationError, ProgrammingError, *STORE_TROUBLE)


class Error(CommandError):
    """Exit status 1. Django prints the name of the class before the message: `Error: …`."""


class WrongArguments(CommandError):
    """Exit status 2, as when the parser refuses an argument."""

    def __init__(self, message: str) -> None:
        super().__init__(message, returncode=WRONG_ARGUMENTS)


class Interrupted(CommandError):
    """Exit status 130: Ctrl-C, with a message about what was done until then."""

    def __init__(self, message: str) -> None:
        super().__init__(message, returncode=INTERRUPTED)


def explained(error: Exception) -> CommandError:
    """One of `EXPECTED` as an error for the operator, on one line."""
    match error:
        case Refusal():
            kind = WrongArguments if error.exit_status == WRONG_ARGUMENTS else Error
            return kind(error.explanation)
        case ValidationError():
            return WrongArguments(explain_problems(error.errors()))
        case ProgrammingError() | WrongSchema():
            if isinstance(error.__cause__, UndefinedTable | UndefinedColumn):
                return Error(f"The database is not up to date ({first_line(error)}): run `manage.py migrate`")
            if isinstance(error, ProgrammingError):
                raise error
    if is_reply(error):
        return Error(f"PostgreSQL refuses: {first_line(error)}")
    return Error(f"PostgreSQL is unavailable ({first_line(error)}). {how_to_reach_the_database()}")


def how_to_reach_the_database() -> str:
    if settings.ENV.database_url:
        server = settings.DATABASES["default"]
        return f"Start the server at {server['HOST']}:{server['PORT']}, or set DATABASE_URL to the one the service uses"
    folder = settings.DATA_DIR
    return f"Start the service (`make run`), or set DATABASE_URL or KATO_DATA_DIR (now {folder}) to what it uses"
