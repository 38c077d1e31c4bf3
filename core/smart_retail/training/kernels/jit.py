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


def _lowest(typing_context: Any, word: Any) -> Any:
    def generate(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:
        return builder.cttz(arguments[0], ir.IntType(1)(1))

    return types.uint64(types.uint64), generate


lowest: Any = intrinsic(_lowest)
"""In a compiled function ``lowest(word)`` is the place of the lowest 1 among the bits of a word that is not 0."""


@compiled
def bitset_set(some: NDArray[np.uint64], item: int, there: bool) -> None:
    """Put an item into a set, a bit for each item, or take it out."""
    word, bit = np.uint32(item) >> np.uint32(6), np.uint64(1) << np.uint64(np.uint32(item) & np.uint32(63))
    some[word] = some[word] | bit if there else some[word] & ~bit


@compiled
def bitset_drain(some: NDArray[np.uint64], out: NDArray[np.uint32]) -> np.int64:
    """Move what is in a set to `out`, ascending; its number comes back."""
    n = np.int64(0)
    for at in range(len(some)):
        word = some[at]
        while word:
            out[n] = np.uint64(64 * at) + lowest(word)
            n += 1
            word &= word - np.uint64(1)
        some[at] = np.uint64(0)
    return n


@compiled
def quickselect(values: NDArray[Any], size: int, k: int) -> Any:
    """Bring the `k` largest of the first `size` values to the front; the smallest of them comes back (Hoare 1961)."""
    low, high = 0, size - 1
    while low < high:
        first, middle, end = values[low], values[(low + high) >> 1], values[high]
        pivot = max(min(first, middle), min(max(first, middle), end))
        i, j = low, high
        while i <= j:
            while values[i] > pivot:
                i += 1
            while values[j] < pivot:
                j -= 1
            if i <= j:
                values[i], values[j] = values[j], values[i]
                i += 1
                j -= 1
        if k - 1 <= j:
            high = j
        elif k - 1 >= i:
            low = i
        else:
            break
    return values[k - 1]


@compiled
def sort_ascending(values: NDArray[np.int64], size: int) -> None:
    """Sort the first `size` values in place (Shell 1959, gaps of Ciura 2001)."""
    for gap in (1750, 701, 301, 132, 57, 23, 10, 4, 1):
        for i in range(gap, size):
            moved = values[i]
            j = i
            while j >= gap and values[j - gap] > moved:
                values[j] = values[j - gap]
                j -= gap
            values[j] = moved
