"""Reads as much of EDN as a history needs: maps, vectors, keywords, texts, whole numbers and nil."""

import re
from typing import Any

_TOKEN = re.compile(r'[\[\]{}]|"[^"]*"|[^\s,\[\]{}"]+')


def parsed(text: str) -> Any:
    tokens = iter(_TOKEN.findall(text))
    return _value(next(tokens), tokens)


def _value(token: str, tokens: Any) -> Any:
    if token in ("[", "{"):
        items: list[Any] = []
        while (following := next(tokens)) not in ("]", "}"):
            items.append(_value(following, tokens))
        return items if token == "[" else dict(zip(items[::2], items[1::2], strict=True))
    if token.startswith('"'):
        return token[1:-1]
    if token == "nil":
        return None
    return token if token.startswith(":") else int(token)
