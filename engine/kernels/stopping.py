"""Looking at the flag of a `Stop` from inside a kernel."""

from typing import Any

from llvmlite import ir
from numba import types
from numba.extending import intrinsic


def _is_set(_context: Any, flag: Any) -> Any:
    def generate(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:
        data = context.make_array(signature.args[0])(context, builder, arguments[0]).data
        # Atomic: the compiler would move a plain load out of the loop, because nothing in the kernel changes the flag.
        return builder.icmp_unsigned("!=", builder.load_atomic(data, "monotonic", 1), ir.Constant(ir.IntType(8), 0))

    return types.boolean(flag), generate


is_set: Any = intrinsic(_is_set)
"""is_set(flag): whether another thread has set flag[0] by now."""
