"""Tampered bundles with valid digests, as an attacker with write access could make them; no code in them may run.

Each replaces one file of the fitted version and updates manifest and pointer to match.
"""

from __future__ import annotations

import base64
import hashlib
import io
import json
import marshal
import os
import pickle
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from smart_retail.bundle.reader import MANIFEST, Bundle, read_pointer
from smart_retail.bundle.writer import set_active_pointer
from smart_retail.errors import ArtifactError
from smart_retail.events import Event, SqliteEventStore
from smart_retail.serving.engine import Engine

KNOWN_CUSTOMER, UNKNOWN_CUSTOMER, LIVE_CUSTOMER = "c0021", "unknown", "c0022"

Manifest = dict[str, Any]


class Payload:
    """Creates a folder when it is unpickled."""

    def __init__(self, mark: Path) -> None:
        self.mark = mark

    def __reduce__(self) -> tuple[object, tuple[object, ...]]:
        return (os.mkdir, (str(self.mark),))


def pickle_bytes(mark: Path) -> bytes:
    return pickle.dumps(Payload(mark))


def object_array_bytes(mark: Path) -> bytes:
    file = io.BytesIO()
    np.save(file, np.array([Payload(mark)] * 4, dtype=object), allow_pickle=True)
    return file.getvalue()


def npz_bytes(mark: Path) -> bytes:
    file = io.BytesIO()
    np.savez(file, arr_0=np.array([Payload(mark)], dtype=object))
    return file.getvalue()


def lambda_layer_bytes(mark: Path) -> bytes:
    """Return a Keras model with a Lambda layer whose function creates the folder `mark` when the model is built."""
    import h5py

    code = compile(f"lambda x: [x, __import__('os').mkdir({str(mark)!r})][0]", "<lambda>", "eval").co_consts[0]
    text = base64.b64encode(marshal.dumps(code)).decode()
    function = {"class_name": "__lambda__", "config": {"code": text, "defaults": None, "closure": None}}
    layers = [
        {"class_name": "InputLayer", "config": {"batch_shape": [None, 2], "name": "input"}},
        {"class_name": "Lambda", "config": {"name": "payload", "function": function, "arguments": {}}},
    ]
    config = {"class_name": "Sequential", "config": {"name": "model", "layers": layers}}
    out = io.BytesIO()
    with h5py.File(out, "w") as file:
        file.attrs["keras_version"], file.attrs["backend"] = "3.15.1", "tensorflow"
        file.attrs["model_config"] = json.dumps(config)
        file.create_group("model_weights").attrs["layer_names"] = np.array([b"payload"])
        file["model_weights"].create_group("payload").attrs["weight_names"] = np.array([], dtype="S1")
    return out.getvalue()


@dataclass(frozen=True)
class Tampering:
    """Replacement of one file."""

    name: str
    key: str
    """Path of the file, as in the manifest."""
    content: Callable[[Path], bytes]


def tamperings(root: Path) -> Iterator[Tampering]:
    """Yield a pickle in place of every file, in each form that NumPy can load, and a Lambda layer in three places."""
    files = sorted(_manifest(root)["files"])
    for key in files:
        yield Tampering(f"pickle as {key}", key, pickle_bytes)
        if key.endswith(".npy"):
            yield Tampering(f"array of objects as {key}", key, object_array_bytes)
            yield Tampering(f"zipped arrays as {key}", key, npz_bytes)
    weights = next(key for key in files if key.endswith("weights_0.npy"))
    document = next(key for key in files if key.endswith(".json"))
    for key in (weights, document, "tables/autoencoder.h5"):
        yield Tampering(f"Lambda layer as {key}", key, lambda_layer_bytes)


def export_tamperings(root: Path) -> Iterator[Tampering]:
    """Yield replacements in ``export/``, which has no digests, and additional files: serving must not read them."""
    folder = root / "versions" / read_pointer(root)[0]
    for path in sorted((folder / "export").iterdir()):
        content = lambda_layer_bytes if path.suffix in (".h5", ".keras") else pickle_bytes
        yield Tampering(f"{content.__name__} as {path.name}", f"export/{path.name}", content)
    for name in ("autoencoder.h5", "model.keras", "sitecustomize.py", "conftest.py", "export/__init__.py"):
        yield Tampering(f"additional {name}", name, lambda_layer_bytes if name.endswith("h5") else pickle_bytes)


@contextmanager
def replaced_file(root: Path, key: str, content: bytes | None) -> Iterator[None]:
    """Replace a file of the active version during the block; None removes it from the manifest too."""
    version = read_pointer(root)[0]
    folder = root / "versions" / version
    path = folder / key
    before, manifest = path.read_bytes() if path.exists() else None, (folder / MANIFEST).read_bytes()
    edited: Manifest = json.loads(manifest)
    if key.startswith("tables/"):
        if content is None:
            del edited["files"][key]
        else:
            edited["files"][key] = {"size": len(content), "sha256": hashlib.sha256(content).hexdigest()}
    try:
        if content is not None:
            path.write_bytes(content)
        write_manifest(root, edited)
        yield
    finally:
        path.unlink(missing_ok=True)
        if before is not None:
            path.write_bytes(before)
        (folder / MANIFEST).write_bytes(manifest)
        set_active_pointer(root, "current", version)


def write_manifest(root: Path, manifest: Manifest) -> None:
    """Replace the manifest of the active version and update the pointer to it."""
    version = read_pointer(root)[0]
    (root / "versions" / version / MANIFEST).write_text(json.dumps(manifest), encoding="utf-8")
    set_active_pointer(root, "current", version)


def _manifest(root: Path) -> Manifest:
    manifest: Manifest = json.loads((root / "versions" / read_pointer(root)[0] / MANIFEST).read_bytes())
    return manifest


def add_live_purchase(root: Path) -> None:
    """Add a purchase after the fit, so that the customer's segment and cluster are computed when serving."""
    SqliteEventStore(root).add([Event("live", LIVE_CUSTOMER, "o", "G-007", "2025-03-01T00:00:00", 10**6, 10**6)])


def call_all_methods(root: Path) -> list[Any]:
    """Return the results of every method of the engine over the active version."""
    engine = Engine.load(root)
    results: list[Any] = [
        engine.recommend(customer, method, 3, exclude_purchased=exclude)
        for customer in (KNOWN_CUSTOMER, UNKNOWN_CUSTOMER, LIVE_CUSTOMER)
        for method in ("all", "hybrid")
        for exclude in (True, False)
    ]
    results += [engine.customer(customer) for customer in (KNOWN_CUSTOMER, UNKNOWN_CUSTOMER, LIVE_CUSTOMER)]
    results += [
        engine.recommend_for_basket(["G-007"]),
        engine.similar_items("G-007"),
        engine.popular(category="Garden"),
    ]
    results += [engine.search_customers("c00", 3), engine.search_items("thing", 3), engine.model(), engine.categories()]
    results += [engine.segments(), engine.clusters(), engine.rfm_grid(), engine.cluster_points(5), engine.popular()]
    results += [engine.customer_value(customer) for customer in (KNOWN_CUSTOMER, UNKNOWN_CUSTOMER, LIVE_CUSTOMER)]
    results += [engine.value_summary(), engine.expected_revenue(), engine.customers(), engine.item("G-007")]
    results += [engine.sales(), engine.cohorts(), engine.replenishment(n=3), engine.audience("G-007", n=3)]
    results += [engine.bundles(n=3), engine.substitutes("G-007", 3)]
    return results


def error_of(root: Path, tampering: Tampering, mark: Path) -> ArtifactError | None:
    """Serve the tampered bundle and return the error that rejects it; fail if code in it ran."""
    with replaced_file(root, tampering.key, tampering.content(mark)):
        try:
            call_all_methods(root)
            if tampering.key.endswith(".npy"):  # reports read arrays that serving does not
                Bundle.open(root).array(tampering.key.removeprefix("tables/").removesuffix(".npy"))
        except ArtifactError as error:
            return error
        finally:
            assert not mark.exists(), tampering.name
    return None
