"""Trial: bundles that somebody wrote who may write the folder. Every digest fits, and still nothing of them runs.

Each takes the fitted version, puts another content in the place of a file, and seals manifest and pointer anew.
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

KNOWN, STRANGER, LIVE = "c0021", "nobody", "c0022"

Facts = dict[str, Any]


class Bomb:
    """Leaves a mark when it is unpickled."""

    def __init__(self, mark: Path) -> None:
        self.mark = mark

    def __reduce__(self) -> tuple[object, tuple[object, ...]]:
        return (os.mkdir, (str(self.mark),))


def pickled(mark: Path) -> bytes:
    return pickle.dumps(Bomb(mark))


def array_of_objects(mark: Path) -> bytes:
    file = io.BytesIO()
    np.save(file, np.array([Bomb(mark)] * 4, dtype=object), allow_pickle=True)
    return file.getvalue()


def zipped_arrays(mark: Path) -> bytes:
    file = io.BytesIO()
    np.savez(file, arr_0=np.array([Bomb(mark)], dtype=object))
    return file.getvalue()


def lambda_h5(mark: Path) -> bytes:
    """A Keras model of one Lambda layer whose function leaves the mark when the model is built."""
    import h5py

    code = compile(f"lambda x: [x, __import__('os').mkdir({str(mark)!r})][0]", "<lambda>", "eval").co_consts[0]
    text = base64.b64encode(marshal.dumps(code)).decode()
    function = {"class_name": "__lambda__", "config": {"code": text, "defaults": None, "closure": None}}
    layers = [
        {"class_name": "InputLayer", "config": {"batch_shape": [None, 2], "name": "input"}},
        {"class_name": "Lambda", "config": {"name": "bomb", "function": function, "arguments": {}}},
    ]
    config = {"class_name": "Sequential", "config": {"name": "model", "layers": layers}}
    out = io.BytesIO()
    with h5py.File(out, "w") as file:
        file.attrs["keras_version"], file.attrs["backend"] = "3.15.1", "tensorflow"
        file.attrs["model_config"] = json.dumps(config)
        file.create_group("model_weights").attrs["layer_names"] = np.array([b"bomb"])
        file["model_weights"].create_group("bomb").attrs["weight_names"] = np.array([], dtype="S1")
    return out.getvalue()


@dataclass(frozen=True)
class Trial:
    """One hostile bundle."""

    name: str
    key: str
    """The file, as the manifest names it."""
    content: Callable[[Path], bytes]


def trials(root: Path) -> Iterator[Trial]:
    """A pickle under the name of every file, in each form that NumPy knows, and a Lambda layer under several."""
    for key in sorted(_manifest(root)["files"]):
        yield Trial(f"pickle as {key}", key, pickled)
        if key.endswith(".npy"):
            yield Trial(f"array of objects as {key}", key, array_of_objects)
            yield Trial(f"zipped arrays as {key}", key, zipped_arrays)
    for key in ("tables/placement/weights_0.npy", "tables/recommender.json", "tables/autoencoder.h5"):
        yield Trial(f"Lambda layer as {key}", key, lambda_h5)


def exported(root: Path) -> Iterator[Trial]:
    """The same in ``export/``, which no digest covers, and beside the tables: nobody reads there."""
    folder = root / "versions" / read_pointer(root)[0]
    for path in sorted((folder / "export").iterdir()):
        content = lambda_h5 if path.suffix in (".h5", ".keras") else pickled
        yield Trial(f"{content.__name__} as {path.name}", f"export/{path.name}", content)
    for name in ("autoencoder.h5", "model.keras", "sitecustomize.py", "conftest.py", "export/__init__.py"):
        yield Trial(f"{name} beside the tables", name, lambda_h5 if name.endswith("h5") else pickled)


@contextmanager
def replaced(root: Path, key: str, content: bytes | None) -> Iterator[None]:
    """The active version with another content of a file, sealed anew; None takes it out of the manifest too."""
    version = read_pointer(root)[0]
    folder = root / "versions" / version
    path = folder / key
    before, manifest = path.read_bytes() if path.exists() else None, (folder / MANIFEST).read_bytes()
    facts: Facts = json.loads(manifest)
    if key.startswith("tables/"):
        if content is None:
            del facts["files"][key]
        else:
            facts["files"][key] = {"size": len(content), "sha256": hashlib.sha256(content).hexdigest()}
    try:
        if content is not None:
            path.write_bytes(content)
        reseal(root, facts)
        yield
    finally:
        path.unlink(missing_ok=True)
        if before is not None:
            path.write_bytes(before)
        (folder / MANIFEST).write_bytes(manifest)
        set_active_pointer(root, "current", version)


def reseal(root: Path, facts: Facts) -> None:
    """Another manifest for the active version, which the pointer then names."""
    version = read_pointer(root)[0]
    (root / "versions" / version / MANIFEST).write_text(json.dumps(facts), encoding="utf-8")
    set_active_pointer(root, "current", version)


def _manifest(root: Path) -> Facts:
    facts: Facts = json.loads((root / "versions" / read_pointer(root)[0] / MANIFEST).read_bytes())
    return facts


def with_live_purchase(root: Path) -> None:
    """What a customer bought since the fit, so that segments and clusters are placed anew."""
    SqliteEventStore(root).add([Event("live", LIVE, "o", "G-007", "2025-03-01T00:00:00", 10**6, 10**6)])


def ask_everything(root: Path) -> list[Any]:
    """What the active version answers to every question there is."""
    engine = Engine.load(root)
    asked: list[Any] = [
        engine.recommend(customer, method, 3, exclude_purchased=exclude)
        for customer in (KNOWN, STRANGER, LIVE)
        for method in ("all", "hybrid")
        for exclude in (True, False)
    ]
    asked += [engine.customer(customer) for customer in (KNOWN, STRANGER, LIVE)]
    asked += [engine.recommend_for_basket(["G-007"]), engine.similar_items("G-007"), engine.popular(category="Garden")]
    asked += [engine.search_customers("c00", 3), engine.search_items("thing", 3), engine.model(), engine.categories()]
    asked += [engine.segments(), engine.clusters(), engine.rfm_grid(), engine.cluster_points(5), engine.popular()]
    return asked


def try_tampered(root: Path, trial: Trial, mark: Path) -> ArtifactError | None:
    """Serve the hostile bundle; the error with which it was refused. Fails where something of it ran."""
    with replaced(root, trial.key, trial.content(mark)):
        try:
            ask_everything(root)
            if trial.key.endswith(".npy"):  # reports read what serving does not
                Bundle.open(root).array(trial.key.removeprefix("tables/").removesuffix(".npy"))
        except ArtifactError as error:
            return error
        finally:
            assert not mark.exists(), trial.name
    return None
