"""How the compiled loops of fitting are compiled, and what they share.

In: functions of plain arrays. Out: the same, compiled by Numba and kept beside the byte code (or in the user's cache
folder) so that the next fit need not compile them again. Imported while fitting only.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numba
import numpy as np
from llvmlite import ir
from numba import types
from numba.extending import intrinsic
from numpy.typing import NDArray


def compiled(function: Callable[..., Any]) -> Any:
    """Compile a function on its first call; it lets other threads run, and divides as NumPy does."""
    try:
        return numba.njit(nogil=True, error_model="numpy", cache=True)(function)
    except RuntimeError:  # no folder can be written, as in a read-only container
        return numba.njit(nogil=True, error_model="numpy")(function)


def _prefetch(typing_context: Any, array: Any, at: Any) -> Any:
    def generate(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:
        data = context.make_array(signature.args[0])(context, builder, arguments[0]).data
        byte, number = ir.IntType(8).as_pointer(), ir.IntType(32)
        kind = ir.FunctionType(ir.VoidType(), [byte, number, number, number])
        call = builder.module.declare_intrinsic("llvm.prefetch", (byte,), kind)
        address = builder.bitcast(builder.gep(data, [arguments[1]]), byte)
        builder.call(call, [address, number(0), number(3), number(1)])  # to read, into every cache, data
        return context.get_dummy_value()

    return types.void(array, at), generate


prefetch: Any = intrinsic(_prefetch)
"""In a compiled function ``prefetch(array, at)`` asks for the cache line of ``array[at]``, which may lie beyond the
end; nothing waits for it."""


@compiled
def offer(value: NDArray[np.float64], item: NDArray[np.int64], size: int, k: int, score: float, code: int) -> int:
    """Offer an entry to a heap of the best `k`, the worst at the top; equal scores: the higher code is the worse.

    Returns
    -------
    size : int
        Entries that the heap now has.
    """
    if size < k:
        c = size
        while c > 0:
            p = (c - 1) // 2
            if value[p] < score or (value[p] == score and item[p] > code):
                break
            value[c] = value[p]
            item[c] = item[p]
            c = p
        value[c] = score
        item[c] = code
        return size + 1
    if value[0] > score or (value[0] == score and item[0] < code):
        return size
    c = 0
    while True:
        d = 2 * c + 1
        if d >= size:
            break
        if d + 1 < size and (value[d + 1] < value[d] or (value[d + 1] == value[d] and item[d + 1] > item[d])):
            d += 1
        if score < value[d] or (score == value[d] and code > item[d]):
            break
        value[c] = value[d]
        item[c] = item[d]
        c = d
    value[c] = score
    item[c] = code
    return size


@compiled
def ascend(values: NDArray[np.int64], size: int) -> None:
    """Sort the first `size` values in place (Shell 1959, gaps of Ciura 2001)."""
    for gap in (1750, 701, 301, 132, 57, 23, 10, 4, 1):
        for i in range(gap, size):
            moved = values[i]
            j = i
            while j >= gap and values[j - gap] > moved:
                values[j] = values[j - gap]
                j -= gap
            values[j] = moved
