"""Copying bytes with one memcpy: for a few bytes, a loop is more expensive."""

from typing import Any

from numba import types
from numba.core import cgutils
from numba.extending import intrinsic

_emit_copy: Any = cgutils.raw_memcpy


def _copy_bytes(_context: Any, target: Any, at: Any, source: Any, start: Any, count: Any) -> Any:
    def generate(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:
        def pointer(array: int, place: int) -> Any:
            data = context.make_array(signature.args[array])(context, builder, arguments[array]).data
            return builder.gep(data, [number(place)])

        def number(place: int) -> Any:
            return context.cast(builder, arguments[place], signature.args[place], types.intp)

        _emit_copy(builder, pointer(0, 1), pointer(2, 3), number(4), 1)
        return context.get_dummy_value()

    return types.none(target, at, source, start, count), generate


copy_bytes: Any = intrinsic(_copy_bytes)
"""copy_bytes(target, at, source, start, count): target[at : at + count] = source[start : start + count], for bytes."""
