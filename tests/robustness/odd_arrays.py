"""Arrays with a valid digest that do not fit the rest of a bundle, as a faulty program could write them."""

from __future__ import annotations

import io
import warnings
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from smart_retail.bundle.layout import find_array
from smart_retail.bundle.reader import Bundle
from smart_retail.errors import ArtifactError, RetailError

from .tampered_bundles import call_all_methods, replaced_file

Array = NDArray[Any]


def changed_arrays(values: Array) -> Iterator[tuple[str, Array]]:
    """Yield odd versions of an array, each with a name."""
    yield "one row less", values[:-1]
    yield "one row more", np.concatenate((values, values[-1:]))
    yield "no rows", values[:0]
    yield "another axis", values[..., np.newaxis]
    yield "another dtype", values.astype(np.float32 if values.dtype == np.float64 else np.float64)
    if values.dtype.kind in "iu":
        yield "reversed", np.ascontiguousarray(values[::-1])
        yield "large values", np.full_like(values, np.iinfo(values.dtype).max)
        yield "negative values", np.full_like(values, np.iinfo(values.dtype).min)


def npy_bytes(values: Array) -> bytes:
    file = io.BytesIO()
    np.lib.format.write_array(file, np.ascontiguousarray(values), version=(1, 0), allow_pickle=False)
    return file.getvalue()


def listed_arrays(root: Path) -> list[str]:
    """Return the names of the arrays of the active version whose shape the layout states."""
    files = Bundle.open(root).manifest["files"]
    names = [key.removeprefix("tables/").removesuffix(".npy") for key in files if key.endswith(".npy")]
    return [name for name in names if (found := find_array(name)) is not None and found[1].dtype != "any"]


def serve_odd_arrays(
    root: Path, names: list[str], serve: Callable[[Path], object] = call_all_methods
) -> tuple[int, int]:
    """Serve the active version with each array replaced by odd ones.

    Returns
    -------
    served, rejected : int
        Number of odd arrays without and with an `ArtifactError`; an error that is not a `RetailError` is raised, with
        the name of the array.
    """
    served = rejected = 0
    for name in names:
        for kind, values in changed_arrays(np.array(Bundle.open(root).array(name))):
            with replaced_file(root, f"tables/{name}.npy", npy_bytes(values)), warnings.catch_warnings():
                warnings.simplefilter("ignore", RuntimeWarning)  # of numbers that are not defined for odd values
                try:
                    serve(root)
                    served += 1
                except ArtifactError:
                    rejected += 1
                except RetailError:  # such as an unknown item, where the ids are odd
                    served += 1
                except Exception as error:
                    raise AssertionError(f"{name} with {kind}: {type(error).__name__}: {error}") from error
    return served, rejected
