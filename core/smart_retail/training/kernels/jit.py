"""The compile decorator of the fitting kernels, and loops that several of them share.

Functions of plain arrays are compiled by Numba and cached next to the byte code (or in the user's cache folder), so
that the next fit need not compile them again. Imported while fitting only.
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
    """Compile a function on its first call. It releases the GIL, and division by zero behaves as in NumPy."""
    try:
        return numba.njit(nogil=True, error_model="numpy", cache=True)(function)
    except RuntimeError:  # no writable cache folder, as in a read-only container
        return numba.njit(nogil=True, error_model="numpy")(function)


def _prefetch(typing_context: Any, array: Any, at: Any) -> Any:
    def generate(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:
        data = context.make_array(signature.args[0])(context, builder, arguments[0]).data
        byte, number = ir.IntType(8).as_pointer(), ir.IntType(32)
        kind = ir.FunctionType(ir.VoidType(), [byte, number, number, number])
        call = builder.module.declare_intrinsic("llvm.prefetch", (byte,), kind)
        address = builder.bitcast(builder.gep(data, [arguments[1]]), byte)
        builder.call(call, [address, number(0), number(3), number(1)])  # for reading, into all cache levels, data
        return context.get_dummy_value()

    return types.void(array, at), generate


prefetch: Any = intrinsic(_prefetch)
"""In a compiled function ``prefetch(array, at)`` requests the cache line of ``array[at]`` without waiting for it; `at`
may be beyond the end."""


def _trailing_zeros(typing_context: Any, word: Any) -> Any:
    def generate(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:
        return builder.cttz(arguments[0], ir.IntType(1)(1))

    return types.uint64(types.uint64), generate


trailing_zeros: Any = intrinsic(_trailing_zeros)
"""In a compiled function ``trailing_zeros(word)`` returns the position of the lowest set bit of a non-zero word."""


@compiled
def bitset_set(bitset: NDArray[np.uint64], item: int, present: bool) -> None:
    """Add an item to a bitset or remove it: bitset uint64 (ceil(n_items / 64),), one bit for each item."""
    word, bit = np.uint32(item) >> np.uint32(6), np.uint64(1) << np.uint64(np.uint32(item) & np.uint32(63))
    bitset[word] = bitset[word] | bit if present else bitset[word] & ~bit


@compiled
def bitset_drain(bitset: NDArray[np.uint64], out: NDArray[np.uint32]) -> np.int64:
    """Move the items of a bitset to `out`, ascending, and return their number; the bitset is empty afterwards."""
    n = np.int64(0)
    for at in range(len(bitset)):
        word = bitset[at]
        while word:
            out[n] = np.uint64(64 * at) + trailing_zeros(word)
            n += 1
            word &= word - np.uint64(1)
        bitset[at] = np.uint64(0)
    return n


@compiled
def quickselect(values: NDArray[Any], size: int, k: int) -> Any:
    """Move the `k` largest of the first `size` values to the front and return the smallest of them (Hoare 1961)."""
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
