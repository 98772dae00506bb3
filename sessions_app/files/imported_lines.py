"""What a line of a node's file may hold where a client sends it: no more than learning could have stored.

Files of operators have no such limits (`manage.py node import`).
"""

from collections.abc import Iterable

from django.conf import settings
from pydantic_core import to_json

from foundation.json_lines import Line
from memory_app.files.node_files import Affinity, Pattern
from memory_app.operations.affinities import exact_text
from sessions_app.limits import MAX_LEARNED, MAX_TEXT, MOST_EMOTIVES, MOST_SYMBOLS


def check_line(line: Line) -> None:
    """Raises ValueError."""
    match line:
        case Pattern():
            _check_pattern(line)
        case Affinity():
            _check_texts([line.symbol, *line.affinity])


def _check_pattern(line: Pattern) -> None:
    if line.lesson.length > MAX_LEARNED:
        raise ValueError(f"a pattern should have at most {MAX_LEARNED} symbols (KATO_LIMIT_VALUES)")
    for event in line.events:
        if len(event) > MOST_SYMBOLS:
            raise ValueError(f"an event should have at most {MOST_SYMBOLS} symbols (KATO_LIMIT_SYMBOLS)")
        _check_texts(event)
    for emotives in line.emotives:
        if len(emotives) > MOST_EMOTIVES:
            raise ValueError(f"at most {MOST_EMOTIVES} emotives should be learned at once (KATO_LIMIT_EMOTIVES)")
        _check_texts(emotives)
    most = settings.ENV.limit_pattern
    if line.felt is not None:
        _check_texts(line.felt)
        if sum(len(emotive.encode()) + len(exact_text(number)) for emotive, number in line.felt.items()) > most:
            raise ValueError(f"what a pattern has felt should have at most {most} bytes (KATO_LIMIT_PATTERN)")
    if len(to_json(line.emotives)) + len(to_json(line.metadata)) > most:
        raise ValueError(f"a pattern should keep at most {most} bytes of emotives and metadata (KATO_LIMIT_PATTERN)")


def _check_texts(texts: Iterable[str]) -> None:
    if any(len(text) > MAX_TEXT for text in texts):
        raise ValueError(
            f"a symbol or the name of an emotive should have at most {MAX_TEXT} characters (KATO_LIMIT_TEXT)"
        )
