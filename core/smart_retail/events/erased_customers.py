"""The salted hashes of erased customers, in a file of their own next to the event store.

The event store holds the same hashes. The file survives when the store is removed or replaced by an older copy, so that
an erased customer is left out of later fits and events nevertheless.
"""

from __future__ import annotations

import hashlib
import os
import re
from collections.abc import Collection, Iterable
from pathlib import Path
from typing import Final, NamedTuple

from smart_retail.errors import ArtifactError
from smart_retail.utils.atomic_file import write_atomically
from smart_retail.utils.regular_file import open_regular_file

FILE_NAME: Final = "erased.txt"
_LINE: Final = re.compile(r"([0-9a-f]{32}) ([0-9a-f]{64})")


class Tombstone(NamedTuple):
    """The salted hash of an erased customer's id."""

    salt: str
    """16 bytes, hexadecimal."""
    digest: str
    """32 bytes, hexadecimal."""

    @classmethod
    def of(cls, salt: str, customer_id: str) -> Tombstone:
        """Return the tombstone of a customer."""
        text = customer_id.encode("utf-8", "replace")
        return cls(salt, hashlib.blake2b(text, key=bytes.fromhex(salt), digest_size=32).hexdigest())


def erased_among(customer_ids: Iterable[str], tombstones: Collection[Tombstone]) -> set[str]:
    """Return those of the customers who have a tombstone."""
    salts = {tombstone.salt for tombstone in tombstones}
    return {c for c in customer_ids if any(Tombstone.of(salt, c) in tombstones for salt in salts)}


class ErasedCustomers:
    """The file ``erased.txt`` of an artifacts folder: one line per erased customer, salt and hash.

    Parameters
    ----------
    artifacts : path or None
        None stands for no file.
    """

    def __init__(self, artifacts: str | os.PathLike[str] | None) -> None:
        self.path = None if artifacts is None else Path(artifacts) / FILE_NAME

    def read(self) -> set[Tombstone]:
        """Return all tombstones, empty without a file.

        Raises
        ------
        ArtifactError
            The file cannot be read or a line of it is not valid: erased customers could be included again.
        """
        if self.path is None:
            return set()
        try:
            with open_regular_file(self.path) as file:
                lines = file.read().decode("ascii").splitlines()
        except FileNotFoundError:
            return set()
        except (OSError, UnicodeDecodeError) as error:
            raise _damaged_file_error() from error
        found = [_LINE.fullmatch(line) for line in lines]
        if None in found:
            raise _damaged_file_error()
        return {Tombstone(*line.groups()) for line in found if line}

    def add(self, tombstones: Iterable[Tombstone]) -> None:
        """Add tombstones durably. The caller holds the lock of the artifacts folder."""
        known = self.read()
        if self.path is not None and not known.issuperset(wanted := set(tombstones)):
            lines = (f"{tombstone.salt} {tombstone.digest}\n" for tombstone in sorted(known | wanted))
            write_atomically(self.path, "".join(lines).encode())


def _damaged_file_error() -> ArtifactError:
    return ArtifactError(
        f"The list of erased customers ({FILE_NAME}) cannot be read or is damaged.",
        "Check its permissions, or restore it from a backup.",
    )
