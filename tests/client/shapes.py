"""Compares a JSON value with a type that the client declares: its fields and their types."""

import types as builtin
from typing import Any, Literal, NotRequired, Union, get_args, get_origin, get_type_hints, is_typeddict


def problems(value: Any, declared: Any, where: str = "answer") -> list[str]:
    """The differences as texts; empty if the value matches."""
    origin = get_origin(declared)
    if declared is Any:
        return []
    if origin in (NotRequired,):
        return problems(value, get_args(declared)[0], where)
    if is_typeddict(declared):
        return _problems_of_object(value, declared, where)
    if origin in (Union, builtin.UnionType):
        found = [problems(value, one, where) for one in get_args(declared)]
        return min(found, key=len)
    if origin is Literal:
        return [] if value in get_args(declared) else [f"{where}: {value!r} is none of {get_args(declared)}"]
    if origin is list and isinstance(value, list):
        [item] = get_args(declared)
        return [problem for index, one in enumerate(value) for problem in problems(one, item, f"{where}[{index}]")]
    if origin is dict and isinstance(value, dict):
        _, item = get_args(declared)
        return [problem for key, one in value.items() for problem in problems(one, item, f"{where}.{key}")]
    expected = origin or declared
    fits = isinstance(value, int | float) if expected is float else isinstance(value, expected)
    return [] if fits and not (isinstance(value, bool) and expected is not bool) else [f"{where}: {value!r}"]


def _problems_of_object(value: Any, declared: Any, where: str) -> list[str]:
    if not isinstance(value, dict):
        return [f"{where}: {value!r} is not an object"]
    fields = get_type_hints(declared, include_extras=True)
    missing = [f"{where}.{name} is missing" for name in declared.__required_keys__ - set(value)]
    unknown = [f"{where}.{name} is not declared" for name in set(value) - set(fields)]
    wrong = [
        problem
        for name, one in value.items()
        if name in fields
        for problem in problems(one, fields[name], f"{where}.{name}")
    ]
    return missing + unknown + wrong
