"""Compares a JSON value with a type that the client declares: its fields and their types."""

import types as builtin
from itertools import chain
from typing import Any, Literal, NotRequired, TypeVar, Union, get_args, get_origin, get_type_hints, is_typeddict

from kato_client.types import Prediction


def problems(value: Any, declared: Any, where: str = "answer", prediction: Any = Prediction) -> list[str]:
    """The differences as texts; empty if the value matches. `prediction`: the type that generic ones are of."""
    if isinstance(declared, TypeVar):
        declared = prediction
    origin = get_origin(declared)
    if is_typeddict(origin):
        declared, origin = origin, None
    if declared is Any:
        return []
    if origin in (NotRequired,):
        return problems(value, get_args(declared)[0], where, prediction)
    if is_typeddict(declared):
        return _problems_of_object(value, declared, where, prediction)
    if origin in (Union, builtin.UnionType):
        found = [problems(value, one, where, prediction) for one in get_args(declared)]
        return min(found, key=len)
    if origin is Literal:
        return [] if value in get_args(declared) else [f"{where}: {value!r} is none of {get_args(declared)}"]
    if origin is list and isinstance(value, list):
        [item] = get_args(declared)
        found = [problems(one, item, f"{where}[{index}]", prediction) for index, one in enumerate(value)]
        return list(chain.from_iterable(found))
    if origin is dict and isinstance(value, dict):
        _, item = get_args(declared)
        found = [problems(one, item, f"{where}.{key}", prediction) for key, one in value.items()]
        return list(chain.from_iterable(found))
    expected = origin or declared
    fits = isinstance(value, int | float) if expected is float else isinstance(value, expected)
    return [] if fits and not (isinstance(value, bool) and expected is not bool) else [f"{where}: {value!r}"]


def _problems_of_object(value: Any, declared: Any, where: str, prediction: Any) -> list[str]:
    if not isinstance(value, dict):
        return [f"{where}: {value!r} is not an object"]
    fields = get_type_hints(declared, include_extras=True)
    missing = [f"{where}.{name} is missing" for name in declared.__required_keys__ - set(value)]
    unknown = [f"{where}.{name} is not declared" for name in set(value) - set(fields)]
    wrong = [
        problem
        for name, one in value.items()
        if name in fields
        for problem in problems(one, fields[name], f"{where}.{name}", prediction)
    ]
    return missing + unknown + wrong
