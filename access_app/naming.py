"""What a key may be called, and to which nodes it may be bound: the same for a command, the console and a program."""

from access_app.errors import Unfit
from access_app.tokens import is_id

MAX_NAME_LENGTH = 100
# Of a node id: a longer prefix would be of none.
MAX_PREFIX_LENGTH = 512


def fit_name(text: str) -> str:
    """Raises Unfit."""
    if not 1 <= len(text) <= MAX_NAME_LENGTH or not text.isprintable() or text != text.strip():
        raise Unfit(f"a name has 1 to {MAX_NAME_LENGTH} printable characters, and no space at its ends")
    if is_id(text):
        # Commands take an id or a name: with a name that is the id of another key, they would act on that one.
        raise Unfit("a name of 12 letters and digits could be the id of a key: add a hyphen, or another character")
    return text


def fit_prefix(text: str) -> str:
    """Raises Unfit."""
    if not text:
        raise Unfit("it is empty: leave the option out, and the key is for all nodes")
    if len(text) > MAX_PREFIX_LENGTH:
        raise Unfit(f"no node id has more than {MAX_PREFIX_LENGTH} characters")
    return text
