"""Dense linear algebra of EASE: Gram matrix, inverse, and the largest weights of each row.

Arrays are filled in place, and the GIL is released throughout. Imported while fitting only.
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
def add_gram_matrix(
    ptr: NDArray[np.int64],
    item: NDArray[np.int32],
    value: NDArray[np.float32],
    out: NDArray[np.float32],
) -> None:
    """Add the lower triangle of X'X to `out`.

    Parameters
    ----------
    ptr, item, value : int64 (n_customers + 1,), int32 (nnz,), float32 (nnz,)
        X in CSR form; the items of a customer ascend.
    out : float32 (n_items, n_items)
    """
    for customer in range(len(ptr) - 1):
        for a in range(ptr[customer], ptr[customer + 1]):
            i, weight = item[a], value[a]
            for b in range(ptr[customer], a + 1):
                out[i, item[b]] += weight * value[b]


def invert_positive_definite(upper: NDArray[np.float32]) -> bool:
    """Invert a positive definite matrix in place by Cholesky factorization.

    Parameters
    ----------
    upper : float32 array, shape (n, n), Fortran order
        The upper triangle, replaced by that of the inverse; the lower triangle is neither read nor written.

    Returns
    -------
    bool
        Whether the matrix is positive definite.
    """
    n, failed = ctypes.c_int(len(upper)), ctypes.c_int()
    for name in ("spotrf", "spotri"):
        _lapack(name)(b"U", ctypes.byref(n), upper.ctypes.data, ctypes.byref(n), ctypes.byref(failed))
        if failed.value:
            return False
    return True


@cache
def _lapack(name: str) -> Any:
    """Return a LAPACK routine of SciPy through ctypes, which releases the GIL, unlike `scipy.linalg.lapack`."""
    integer = ctypes.POINTER(ctypes.c_int)
    kind = ctypes.CFUNCTYPE(None, ctypes.c_char_p, integer, ctypes.c_void_p, integer, integer)
    return kind(get_cython_function_address("scipy.linalg.cython_lapack", name))


@compiled
def top_k_weights(upper, scale, codes, item, value):  # type: ignore[no-untyped-def]
    """Find the K weights of largest absolute value in each row of ``P / scale``, largest weight first, ties by code.

    Parameters
    ----------
    upper : float32 (n, n), Fortran order
        Upper triangle of P; the diagonal is ignored.
    scale : float32 (n,)
    codes : int64 (n,)
        Item codes of the rows, ascending.
    item, value : int32 (n_items, k), float32 (n_items, k)
        Filled in the rows `codes`.
    """
    n, k = len(codes), item.shape[1]
    row, size = np.empty(n, np.float32), np.empty(n, np.float32)
    best = np.empty(k, np.int64)
    for i in range(n):
        for j in range(n):
            row[j] = (upper[j, i] if j < i else upper[i, j]) / scale[j]
        row[i] = 0.0
        for j in range(n):
            size[j] = abs(row[j])
        bound = quickselect(size, n, k)
        remaining = k
        for t in range(k):
            remaining -= size[t] > bound
        m = 0
        for j in range(n):
            level = abs(row[j]) == bound
            if abs(row[j]) > bound or (level and remaining > 0):
                remaining -= level
                at = m
                while at > 0 and row[best[at - 1]] < row[j]:
                    best[at] = best[at - 1]
                    at -= 1
                best[at] = j
                m += 1
        for t in range(k):
            item[codes[i], t] = codes[best[t]]
            value[codes[i], t] = row[best[t]]
