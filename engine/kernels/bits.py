"""Bit operations on 64-bit masks, as processor instructions: Numba has no function for them."""

from typing import Any

from llvmlite import ir
from numba import types
from numba.extending import intrinsic


def _unary(emit: Any) -> Any:
    def typed(_context: Any, word: Any) -> Any:
        def generate(_target: Any, builder: Any, _signature: Any, arguments: Any) -> Any:
            return emit(builder, arguments[0])

        return types.int64(types.uint64), generate

    return intrinsic(typed)


lowest_bit = _unary(lambda builder, word: builder.cttz(word, ir.Constant(ir.IntType(1), 0)))
"""lowest_bit(word): the number of the lowest bit that is set, 64 if there is none."""

bit_count = _unary(lambda builder, word: builder.ctpop(word))
"""bit_count(word): the number of bits that are set."""
