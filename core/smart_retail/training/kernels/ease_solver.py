"""The dense algebra of the linear item model: products, inverse, and the strongest weights of each row.

In: plain arrays. Out: arrays filled in place. Nothing here holds up other threads. Imported while fitting only.
"""

from __future__ import annotations

import ctypes
from functools import cache
from typing import Any

import numpy as np
from numba.extending import get_cython_function_address
from numpy.typing import NDArray

from smart_retail.training.kernels.jit import compiled, quickselect


@compiled
def gram(
    ptr: NDArray[np.int64],
    item: NDArray[np.int32],
    value: NDArray[np.float32],
    out: NDArray[np.float32],
) -> None:
    """Add the lower triangle of X'X to `out`; the items of a customer ascend."""
    for customer in range(len(ptr) - 1):
        for a in range(ptr[customer], ptr[customer + 1]):
            i, weight = item[a], value[a]
            for b in range(ptr[customer], a + 1):
                out[i, item[b]] += weight * value[b]


def invert(upper: NDArray[np.float32]) -> bool:
    """Invert a positive definite matrix in place by its Cholesky factor; whether it is one.

    Parameters
    ----------
    upper : shape (n, n), in Fortran's order
        The upper triangle, of the inverse afterwards too; what lies below it is neither read nor written.
    """
    n, failed = ctypes.c_int(len(upper)), ctypes.c_int()
    for name in ("spotrf", "spotri"):
        _lapack(name)(b"U", ctypes.byref(n), upper.ctypes.data, ctypes.byref(n), ctypes.byref(failed))
        if failed.value:
            return False
    return True


@cache
def _lapack(name: str) -> Any:
    """SciPy's own LAPACK, called through ctypes: while `scipy.linalg.lapack` works, no other thread of Python runs."""
    integer = ctypes.POINTER(ctypes.c_int)
    kind = ctypes.CFUNCTYPE(None, ctypes.c_char_p, integer, ctypes.c_void_p, integer, integer)
    return kind(get_cython_function_address("scipy.linalg.cython_lapack", name))


@compiled
def top_k_weights(upper, scale, chosen, item, value):  # type: ignore[no-untyped-def]
    """The K weights of largest size of each row of ``P / scale``, largest first, ties by item code.

    P is given by its upper triangle and has the codes `chosen`, which ascend; its diagonal does not count.
    """
    n, k = len(chosen), item.shape[1]
    row, size = np.empty(n, np.float32), np.empty(n, np.float32)
    best = np.empty(k, np.int64)
    for i in range(n):
        for j in range(n):
            row[j] = (upper[j, i] if j < i else upper[i, j]) / scale[j]
        row[i] = 0.0
        for j in range(n):
            size[j] = abs(row[j])
        bound = quickselect(size, n, k)
        room = k
        for t in range(k):
            room -= size[t] > bound
        m = 0
        for j in range(n):
            level = abs(row[j]) == bound
            if abs(row[j]) > bound or (level and room > 0):
                room -= level
                at = m
                while at > 0 and row[best[at - 1]] < row[j]:
                    best[at] = best[at - 1]
                    at -= 1
                best[at] = j
                m += 1
        for t in range(k):
            item[chosen[i], t] = chosen[best[t]]
            value[chosen[i], t] = row[best[t]]
