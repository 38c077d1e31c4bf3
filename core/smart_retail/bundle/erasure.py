"""Erasure of a customer from events, from the active and the previous version, and from their exports.

Older versions are deleted. The receipt does not contain the customer id. A hash of the id in the event store and in
``erased.txt`` excludes the customer from later fits and events.
"""

from __future__ import annotations

import csv
import errno
import io
import json
import os
import secrets
import shutil
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, BinaryIO, Final

import numpy as np
from numpy.typing import NDArray

from smart_retail.bundle.job_files import remove_jobs
from smart_retail.bundle.layout import EXPORT_FILES, Rows, customer_arrays
from smart_retail.bundle.local_copy import copy_of, open_bundle, remove_version, version_names
from smart_retail.bundle.reader import VERSION, Bundle, read_pointer
from smart_retail.bundle.signing import KEY_VARIABLE
from smart_retail.bundle.versions import lock
from smart_retail.bundle.writer import BundleWriter, set_active_pointer
from smart_retail.errors import (
    ArtifactError,
    DamagedBundleError,
    ErasureError,
    LockError,
    MissingBundleError,
    SettingsError,
    UsageError,
)
from smart_retail.events import EventStore, open_events
from smart_retail.utils.atomic_file import write_atomically
from smart_retail.utils.id_map import IdMap, StringArray
from smart_retail.utils.regular_file import open_regular_file

RECEIPTS = "receipts"
ERASED_CUSTOMERS: Final = "erased_customers"
"""Entry of a stored receipt: number of hashes of erased customers after the erasure."""
MAX_RECEIPT_BYTES: Final = 2**20
_NOT_REGULAR: Final = (errno.ELOOP, errno.EINVAL, errno.ENXIO, errno.EISDIR)
"""Errors of `open_regular_file` for links, FIFOs, sockets and folders."""

Arrays = dict[str, NDArray[Any]]


def erase(artifacts: str | os.PathLike[str], customer_id: str) -> dict[str, Any]:
    """Remove a customer from all files of an artifacts folder and from the event store.

    A damaged version cannot be rewritten. If it is the previous one, it is deleted like older versions; if it is the
    active one, it stays, and an error says so after everything else was done.

    Returns
    -------
    dict
        The receipt: number, day, counts of the removed events and purchase rows, the versions that remain and those
        that were deleted. It is also written to ``receipts/``. It contains no data of the customer.

    Raises
    ------
    UsageError
        The id is empty or not valid Unicode.
    SettingsError
        A version is signed, and the key to sign the rewritten one is not configured. Nothing was changed.
    ErasureError
        There is something other than versions in ``versions/``, and nothing was changed; or the active version cannot
        be read, and still contains the customer.
    LockError
        A fit is running, and nothing was changed; or another process reads the events, and copies remain.
    """
    if not customer_id or customer_id.encode("utf-8", "ignore") != customer_id.encode("utf-8", "surrogatepass"):
        raise UsageError("The customer id is empty or not valid text.", "Give the id of the customer to erase.")
    with lock(artifacts) as root:
        folders = _version_folders(root)
        bundles, damaged = _open_versions(root)
        store = open_events(root)
        events, busy = _erase_events(root, store, customer_id)
        replaced, rows = _rewrite_versions(root, bundles, customer_id)
        rewritten = {bundle.version for bundle in bundles.values()}
        deleted = sorted((rewritten if "current" in damaged else folders) - set(replaced.values()))
        for version in deleted:
            remove_version(root, version)
        remove_jobs(copy_of(root))
        if "previous" not in bundles and "current" not in damaged:
            (root / "previous").unlink(missing_ok=True)
        receipt = {
            "receipt": secrets.token_hex(8),
            "erased_on": datetime.now(UTC).date().isoformat(),
            "events": events,
            "purchase_rows": rows,
            "versions": list(replaced.values()),
            "deleted_versions": deleted,
        }
        if "current" not in damaged and busy is None:
            _store_receipt(root, receipt | {ERASED_CUSTOMERS: store.count_erased()})
    # Raised after the lock is released: a remote store is changed when the block ends without an error.
    if "current" in damaged:
        raise _damaged_version_error(damaged["current"], "previous" in bundles) from damaged["current"]
    if busy is not None:
        raise busy
    return receipt


def check_tombstones(artifacts: str | os.PathLike[str], store: EventStore) -> None:
    """Check that no hash of an erased customer was lost; without it a fit would include the customer again.

    Raises
    ------
    ArtifactError
        There are fewer hashes than the receipts of erasures state.
    """
    needed = max((_erased_customers(path) for path in (Path(artifacts) / RECEIPTS).glob("*.json")), default=0)
    found = store.count_erased()
    if found < needed:
        raise ArtifactError(
            f"Hashes of erased customers are missing: {found} of {needed} are stored. A fit would include the others.",
            "Restore erased.txt or the event store from a backup, or erase these customers again.",
        )


def _erased_customers(path: Path) -> int:
    """Return the number of erased customers that a receipt states; 1 for a receipt without it."""
    try:
        with open_regular_file(path) as file:
            receipt = json.loads(file.read(MAX_RECEIPT_BYTES))
        return max(1, int(receipt.get(ERASED_CUSTOMERS, 1)))
    except (OSError, ValueError, TypeError, AttributeError, RecursionError):
        return 1


def _store_receipt(root: Path, receipt: dict[str, Any]) -> None:
    path = root / RECEIPTS / f"{receipt['erased_on']}-{receipt['receipt']}.json"
    path.parent.mkdir(exist_ok=True)
    write_atomically(path, json.dumps(receipt, indent=1).encode())


def _erase_events(root: Path, store: EventStore, customer_id: str) -> tuple[int, LockError | None]:
    """Remove the customer's events and store the tombstone in both places.

    Returns
    -------
    int
        Number of removed events.
    LockError or None
        The error of another process that reads the events, to be raised after everything else was done.
    """
    events, busy = 0, None
    try:
        events = store.erase(customer_id)
    except LockError as error:
        busy = error
    store.erased_customers.add(store.stored_tombstones())
    return events, busy


def _version_folders(root: Path) -> set[str]:
    """Return the names of all version folders, also of those without a manifest.

    Raises
    ------
    ErasureError
        There is something else next to them, which an erasure neither rewrites nor deletes.
    """
    found = set()
    for path in sorted((root / "versions").glob("*")):
        if not VERSION.fullmatch(path.name) or path.is_symlink() or not path.is_dir():
            raise ErasureError(
                f"versions/{path.name} is not a version, could contain the customer, and nothing was erased.",
                "Delete it or move it to another folder, then erase the customer.",
            )
        found.add(path.name)
    return found | version_names(root)


def _open_versions(root: Path) -> tuple[dict[str, Bundle], dict[str, ArtifactError]]:
    """Open and verify the previous and the active version.

    Returns
    -------
    bundles : dict
        Versions by the name of their pointer.
    damaged : dict
        Errors of the versions that cannot be opened, by the name of their pointer.

    Raises
    ------
    SettingsError
        A version is signed, but no key is configured.
    """
    bundles: dict[str, Bundle] = {}
    damaged: dict[str, ArtifactError] = {}
    for name in ("previous", "current"):
        if not os.path.lexists(root / name):
            if name == "current" and version_names(root):
                damaged[name] = DamagedBundleError("No version is active.")
            continue
        try:
            version, digest = read_pointer(root, name)
            bundle = open_bundle(root, version, digest)
            if bundle.signature == "unchecked":
                raise SettingsError(
                    f"Version {bundle.version} is signed, and erasing a customer rewrites it.",
                    f"Set {KEY_VARIABLE} to the key with which it was signed.",
                )
            if problems := bundle.verify():
                raise DamagedBundleError(f"Version {version} is damaged: {problems[0]}")
            bundles[name] = bundle
        except ArtifactError as error:
            damaged[name] = error
    return bundles, damaged


def _damaged_version_error(cause: ArtifactError, has_previous: bool) -> ErasureError:
    done = "the events and the previous version" if has_previous else "the events"
    # The message of a missing version contains the path of the folder.
    why = "The active version does not exist." if isinstance(cause, MissingBundleError) else cause.message
    return ErasureError(
        f"The customer was erased from {done}, but not from the active and older versions. {why}",
        "Fit again or activate another version with `smart-retail rollback`, then erase the customer again.",
    )


def _rewrite_versions(root: Path, bundles: dict[str, Bundle], customer_id: str) -> tuple[dict[str, str], int]:
    """Write the versions without the customer and set their pointers.

    Returns
    -------
    dict
        Name of the pointer -> id of the version it names now.
    int
        Number of removed purchase rows.
    """
    replaced, rows = {}, 0
    for name, bundle in bundles.items():
        replaced[name], removed = _rewrite_without(root, bundle, customer_id)
        rows = max(rows, removed)
    for name, version in replaced.items():
        if version != bundles[name].version:
            set_active_pointer(root, name, version)
    return replaced, rows


def _rewrite_without(root: Path, bundle: Bundle, customer_id: str) -> tuple[str, int]:
    """Write a version without the customer; return its id and the number of removed purchase rows.

    A version that does not contain the customer is not rewritten; its own id is returned.
    """
    arrays = {k.removeprefix("tables/").removesuffix(".npy") for k in bundle.manifest["files"] if k.endswith(".npy")}
    tables = {name: bundle.array(name) for name in sorted(arrays)}
    code = IdMap(_texts(tables, "customers/ids")).code(customer_id)
    facts = _remove_texts_with(
        {k: v for k, v in bundle.manifest.items() if k not in ("files", "version", "format")}, customer_id
    )
    if code < 0 and facts == {k: bundle.manifest[k] for k in facts}:
        return bundle.version, 0
    removed = _remove_customer(tables, code) if code >= 0 else 0
    with BundleWriter(root) as writer:
        for name, values in tables.items():
            writer.array(name, values)
        for key in sorted(bundle.manifest["files"]):
            if key.endswith(".json"):
                name = key.removeprefix("tables/").removesuffix(".json")
                writer.json(name, bundle.json(name))
        shutil.copymode(bundle.folder, writer.folder)
        _copy_exports(bundle.folder / "export", writer.export, customer_id)
        return writer.finalize(facts, replaces=bundle.version), removed


def _remove_customer(tables: Arrays, code: int) -> int:
    """Remove the customer's rows from every array that `layout` relates to customers; return the purchase rows removed.

    Parameters
    ----------
    tables : dict
        All arrays of the bundle by stored name, changed in place.
    code : int
        Customer code: index of the customer's id.
    """
    removed = 0
    for name in customer_arrays(Rows.CUSTOMER_OFFSETS, tables):
        indptr = tables[name]
        start, stop = int(indptr[code]), int(indptr[code + 1])
        removed = max(removed, stop - start)
        group = name.removesuffix("indptr")
        for values in customer_arrays(Rows.CUSTOMER_GROUPS, tables):
            if values.startswith(group):
                tables[values] = np.delete(tables[values], np.s_[start:stop])
        shifted = np.delete(indptr, code + 1)
        shifted[code + 1 :] -= stop - start
        tables[name] = shifted
    for name in customer_arrays(Rows.CUSTOMER_TEXT, tables):
        texts = list(_texts(tables, name))
        del texts[code]
        packed = StringArray.of(texts)
        tables[f"{name}/data"], tables[f"{name}/offsets"] = packed.data, packed.offsets
    for name in customer_arrays(Rows.CUSTOMERS, tables):
        tables[name] = np.delete(tables[name], code, axis=0)
    return removed


def _texts(tables: Arrays, name: str) -> StringArray:
    return StringArray(tables[f"{name}/data"], tables[f"{name}/offsets"])


def _remove_texts_with(value: Any, text: str) -> Any:
    """Return JSON data without the list entries that contain `text`, such as examples of rejected rows."""
    if isinstance(value, dict):
        return {k: _remove_texts_with(v, text) for k, v in value.items()}
    if isinstance(value, list):
        return [_remove_texts_with(v, text) for v in value if not (isinstance(v, str) and text in v)]
    return value


def _copy_exports(source: Path, target: Path, customer_id: str) -> None:
    """Copy the notebook files; tables with a column `customer_id` are copied without the customer's rows.

    Only regular files with a name of the layout are copied, with their permissions. A table that cannot be read is
    left out, since it may contain the customer.
    """
    if source.is_symlink():
        return
    for name in sorted(EXPORT_FILES):
        try:
            with open_regular_file(source / name) as file:
                mode = os.fstat(file.fileno()).st_mode & 0o666
                (target / name).touch(mode)
                _copy_export(file, target / name, customer_id)
                (target / name).chmod(mode)
        except FileNotFoundError:
            continue
        except OSError as error:
            if error.errno not in _NOT_REGULAR:
                raise
        except (ValueError, csv.Error):
            (target / name).unlink(missing_ok=True)


def _copy_export(file: BinaryIO, target: Path, customer_id: str) -> None:
    if target.suffix == ".csv":
        with (
            io.TextIOWrapper(file, encoding="utf-8", newline="") as read,
            target.open("w", encoding="utf-8", newline="") as write,
        ):
            rows = csv.reader(read)
            header = next(rows, [])
            at = header.index("customer_id") if "customer_id" in header else None
            out = csv.writer(write)
            out.writerow(header)
            out.writerows(row for row in rows if at is None or len(row) <= at or row[at] != customer_id)
        return
    with target.open("wb") as copy:
        shutil.copyfileobj(file, copy)
    if target.suffix == ".parquet":
        _remove_parquet_rows(target, customer_id)


def _remove_parquet_rows(path: Path, customer_id: str) -> None:
    """Rewrite a table without the customer's rows; `ValueError` if it is not valid."""
    import duckdb

    part = path.with_name(f".{path.name}")
    try:
        with duckdb.connect() as connection:
            relation = connection.read_parquet(str(path))
            if "customer_id" in relation.columns:
                other = duckdb.ColumnExpression("customer_id") != duckdb.ConstantExpression(customer_id)
                relation.filter(other).write_parquet(str(part))
                part.replace(path)
    except duckdb.Error as error:
        raise ValueError(f"{path.name} is not valid") from error
    finally:
        part.unlink(missing_ok=True)
