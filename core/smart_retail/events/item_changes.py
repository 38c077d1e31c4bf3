"""Items that were added or changed since the last fit, in a file of the artifacts folder.

One JSON file holds all of them. It is replaced atomically under a lock of its own, so that items can be sent while a
fit holds the lock of the folder. A running engine follows it, and the next fit includes it.
"""

from __future__ import annotations

import math
import os
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Final, cast

import msgspec

from smart_retail.errors import ArtifactError, DataError, LockError
from smart_retail.events.event import MAX_TEXT_LENGTH
from smart_retail.utils.atomic_file import write_atomically
from smart_retail.utils.dates import parse_day
from smart_retail.utils.regular_file import open_regular_file

FILE_NAME: Final = "items.json"
FORMAT: Final = 1
MAX_ITEMS: Final = 100_000
"""Items in the file."""
MAX_FILE_BYTES: Final = 256 * 2**20
MAX_TEXT_CHARACTERS: Final = 10_000
"""Characters of a text of an item."""
MAX_ATTRIBUTES: Final = 100
MAX_NUMBER: Final = 1e12
LOCK_TIMEOUT_S: Final = 10.0
TEXTS: Final = ("item_name", "category", "subcategory", "brand", "description", "image_url")
NUMBERS: Final = ("list_price", "cost", "stock")

FileState = tuple[int, int, int]
"""Modification time (ns), size (bytes) and number of a file; zeros without a file."""


class ItemChange(msgspec.Struct, frozen=True, omit_defaults=True, forbid_unknown_fields=True):
    """What was sent of one item; empty and None where nothing was sent."""

    changed: str = ""
    """Time of the latest change, ISO 8601 in UTC."""
    item_name: str = ""
    category: str = ""
    subcategory: str = ""
    brand: str = ""
    description: str = ""
    image_url: str = ""
    list_price: float | None = None
    """In the shop's currency, at least 0."""
    cost: float | None = None
    """In the shop's currency, at least 0."""
    stock: float | None = None
    """Units; 0 and below is sold out."""
    launch_date: str = ""
    """ISO date."""
    attributes: dict[str, str] = {}

    @classmethod
    def from_dict(cls, data: Mapping[str, Any]) -> ItemChange:
        """Return the values of JSON data; values that are missing, null or empty are not changed.

        Raises
        ------
        DataError
            A field is unknown, or a value is not valid.
        """
        unknown = [name for name in data if name not in cls.__struct_fields__ or name == "changed"]
        if unknown:
            fields = ", ".join(name for name in cls.__struct_fields__ if name != "changed")
            raise DataError(f"An item has no field {unknown[0]!r}.", f"Fields: item_id, {fields}.")
        values: dict[str, Any] = {name: _text(name, data.get(name)) for name in TEXTS}
        values |= {name: _number(name, data.get(name)) for name in NUMBERS}
        launch = _text("launch_date", data.get("launch_date"))
        if launch:
            parse_day(launch, DataError)
        return cls(launch_date=launch, attributes=_attributes(data.get("attributes")), **values)

    def merged_with(self, newer: ItemChange) -> ItemChange:
        """Return these values with those of a newer change, which count where it has one."""
        sent = {name: value for name in self.__struct_fields__ if (value := getattr(newer, name)) not in ("", None, {})}
        return msgspec.structs.replace(self, **sent)


class _Content(msgspec.Struct, forbid_unknown_fields=True):
    """Content of the file."""

    format: int
    items: dict[str, ItemChange]


class ItemChanges:
    """The file of changed items of an artifacts folder.

    Parameters
    ----------
    artifacts : path
    """

    def __init__(self, artifacts: str | os.PathLike[str]) -> None:
        self.path = Path(artifacts) / FILE_NAME

    def state(self) -> FileState:
        """Return what changes with the file."""
        try:
            status = self.path.stat()
        except OSError:
            return 0, 0, 0
        return status.st_mtime_ns, status.st_size, status.st_ino

    def read(self) -> dict[str, ItemChange]:
        """Return the changed items by id, empty without a file.

        Raises
        ------
        ArtifactError
            The file cannot be read or is damaged.
        """
        try:
            with open_regular_file(self.path) as file:
                raw = file.read(MAX_FILE_BYTES + 1)
            content = msgspec.json.decode(raw, type=_Content)
        except FileNotFoundError:
            return {}
        except (OSError, msgspec.DecodeError, RecursionError) as error:
            raise _damaged_file_error() from error
        if content.format != FORMAT or not all(map(_is_consistent, content.items.values())):
            raise _damaged_file_error()
        return content.items

    def put(self, changes: Mapping[str, ItemChange]) -> None:
        """Store new items and new values of known ones durably, all or none.

        Raises
        ------
        DataError
            An id is not valid, or there would be more than `MAX_ITEMS` items.
        ArtifactError
            The file is damaged; it is left as it is.
        LockError
            Another process keeps writing to the file.
        """
        for item_id in changes:
            check_item_id(item_id)
        with self._locked():
            items = self.read()
            now = _next_time(items)
            for item_id, change in changes.items():
                merged = items.get(item_id, ItemChange()).merged_with(change)
                items[item_id] = msgspec.structs.replace(merged, changed=now)
            if len(items) > MAX_ITEMS:
                raise DataError(
                    f"More than {MAX_ITEMS:,} items would be added or changed between two fits.",
                    "Fit with --catalogue, and remove items with `smart-retail items remove`.",
                )
            self._write(items)

    def remove(self, item_ids: Iterable[str]) -> int:
        """Forget what was sent of some items, and return the number of them that were in the file."""
        with self._locked():
            items = self.read()
            removed = [items.pop(item_id, None) for item_id in set(item_ids)]
            count = sum(item is not None for item in removed)
            if count:
                self._write(items)
        return count

    def _write(self, items: dict[str, ItemChange]) -> None:
        ordered = dict(sorted(items.items()))
        write_atomically(self.path, msgspec.json.format(msgspec.json.encode(_Content(FORMAT, ordered)), indent=1))

    @contextmanager
    def _locked(self) -> Iterator[None]:
        from filelock import FileLock, Timeout  # not needed to read

        if not self.path.parent.is_dir():
            raise ArtifactError(f"The folder {self.path.parent} does not exist.", "Fit first, or name another folder.")
        lock = FileLock(self.path.with_name(f".{FILE_NAME}.lock"), timeout=LOCK_TIMEOUT_S)
        try:
            lock.acquire()
        except Timeout as error:
            raise LockError("Another process is writing items to this folder.", "Try again.") from error
        try:
            yield
        finally:
            lock.release()


def check_item_id(item_id: object) -> str:
    """Return the id of an item, or raise `DataError` if it is not a text of 1 to 1,000 characters."""
    if not isinstance(item_id, str) or not item_id or len(item_id) > MAX_TEXT_LENGTH or not _is_text(item_id):
        raise DataError(
            "The item_id of an item is missing or not a text.",
            f"Give item_id as a text of at most {MAX_TEXT_LENGTH:,} characters.",
        )
    return item_id


def latest_change(items: Mapping[str, ItemChange]) -> str:
    """Return the time of the latest change, empty without items."""
    return max((item.changed for item in items.values()), default="")


def _next_time(items: Mapping[str, ItemChange]) -> str:
    """Return the current time, or a text after that of the latest change if the clock was set back."""
    now, latest = datetime.now(UTC).isoformat(timespec="microseconds"), latest_change(items)
    return now if now > latest else f"{latest}+"


def _is_text(text: str) -> bool:
    return "\0" not in text and text.encode("utf-8", "ignore") == text.encode("utf-8", "surrogatepass")


def _text(name: str, value: object) -> str:
    if value is None:
        return ""
    if not isinstance(value, str) or len(value) > MAX_TEXT_CHARACTERS or not _is_text(value):
        raise DataError(
            f"The {name} of an item is not a text of at most {MAX_TEXT_CHARACTERS:,} characters.",
            f"Give {name} as a text, or leave it out.",
        )
    return value.strip()


def _number(name: str, value: object) -> float | None:
    if value is None:
        return None
    is_number = isinstance(value, int | float) and not isinstance(value, bool)
    number = float(cast("float", value)) if is_number and abs(cast("float", value)) <= MAX_NUMBER else math.nan
    if math.isnan(number) or (number < 0 and name != "stock"):
        least = "" if name == "stock" else " of at least 0"
        raise DataError(f"The {name} of an item is not a valid number{least}.", f"Write {name} as a number, such as 2.")
    return number


def _attributes(value: object) -> dict[str, str]:
    if value is None:
        return {}
    if not isinstance(value, dict) or len(value) > MAX_ATTRIBUTES:
        raise DataError(
            f"The attributes of an item are not at most {MAX_ATTRIBUTES} texts by name.",
            'Write attributes as {"colour": "red"}.',
        )
    texts = {" ".join(_text("attribute", name).split()): _text("attribute", text) for name, text in value.items()}
    return {name: " ".join(text.split()) for name, text in texts.items() if name and text}


def _is_consistent(item: ItemChange) -> bool:
    """Return whether the values of a stored item are valid."""
    try:
        plain = {name: getattr(item, name) for name in item.__struct_fields__ if name != "changed"}
        return bool(item.changed) and ItemChange.from_dict(plain) == msgspec.structs.replace(item, changed="")
    except DataError:
        return False


def _damaged_file_error() -> ArtifactError:
    return ArtifactError(
        f"The file of added items ({FILE_NAME}) cannot be read or is damaged.",
        "Restore it from a backup, or remove it and send the items again.",
    )
