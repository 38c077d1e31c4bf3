"""Opens the engine of a front end: over an artifacts folder, or over the address of an API."""

from __future__ import annotations

import os
import pathlib
from collections.abc import Callable

from smart_retail.protocol import RetailEngine
from smart_retail.serving.hot_reload import ReloadingEngine
from smart_retail.serving.store_polling import poll_store

Path = str | os.PathLike[str]
LIST_ARRAYS = ("history", "lists/hybrid_new")
"""Arrays of a bundle that an ordinary list is read from."""


def open_engine(
    artifacts: Path = "artifacts",
    api_url: str | None = None,
    api_key: str | None = None,
    rules: Path | None = None,
    *,
    prefetch_lists: bool = False,
) -> RetailEngine:
    """Return the engine behind an API if its address is given, else one in this process over a folder.

    Parameters
    ----------
    artifacts : path
        Folder of bundles, or the URL of a remote store.
    api_url, api_key : str, optional
        Address of a Smart Retail API, and a key for it.
    rules : path, optional
        Business rules for an engine in this process; by default ``rules.toml`` in the artifacts folder.
    prefetch_lists : bool
        Whether recommendation lists are requested next: their files are then verified during the remaining imports.

    Returns
    -------
    RetailEngine

    Raises
    ------
    RetailError
        There is no bundle, it is damaged, or the options are not valid.
    """
    if api_url:
        from smart_retail.client.remote_engine import RemoteEngine

        return RemoteEngine(api_url, api_key)
    from smart_retail.bundle.local_copy import open_bundle

    bundle = open_bundle(artifacts)
    if prefetch_lists:
        bundle.prefetch(*LIST_ARRAYS)
    from smart_retail.serving.engine import Engine

    return Engine(bundle, None if rules is None else pathlib.Path(rules))


def watch_engine(
    artifacts: Path = "artifacts", api_url: str | None = None, api_key: str | None = None, rules: Path | None = None
) -> ReloadingEngine:
    """Return an engine that is replaced when another version is activated; an API reloads its versions itself.

    Parameters
    ----------
    artifacts : path
        Folder of bundles, or the URL of a remote store.
    api_url, api_key : str, optional
        Address of a Smart Retail API, and a key for it.
    rules : path, optional
        As in `open_engine`.

    Returns
    -------
    ReloadingEngine

    Raises
    ------
    RetailError
        As in `open_engine`.
    """
    if api_url:
        return ReloadingEngine.fixed(open_engine(artifacts, api_url, api_key))
    from smart_retail.bundle.local_copy import open_folder

    folder = open_folder(artifacts)
    follower = BundleFollower(folder, lambda: open_engine(folder, rules=rules))
    return ReloadingEngine(follower.load, follower.state)


class BundleFollower:
    """Opens the active version of a folder, again if only the items that were added after its fit have changed.

    A folder that is the local copy of a remote store is compared with the store from time to time, in the background.

    Parameters
    ----------
    artifacts : path
        Folder of bundles.
    open_version : callable
        Opens the active version.
    """

    def __init__(self, artifacts: Path, open_version: Callable[[], RetailEngine]) -> None:
        self._artifacts = artifacts
        self._open_version = open_version
        self._opened: tuple[object, RetailEngine] | None = None
        poll_store(artifacts)

    def state(self) -> tuple[object, object]:
        """Return what changes with the active version, and with the added items."""
        from smart_retail.bundle.reader import read_pointer
        from smart_retail.events.item_changes import ItemChanges

        return read_pointer(self._artifacts), ItemChanges(self._artifacts).state()

    def load(self) -> RetailEngine:
        """Return an engine of the active version with the items that are added by now."""
        from smart_retail.serving.engine import Engine

        pointer, _ = self.state()
        if self._opened is not None and self._opened[0] == pointer and isinstance(self._opened[1], Engine):
            engine: RetailEngine = self._opened[1].with_current_items(prepare=True)
        else:
            engine = self._open_version()
        self._opened = pointer, engine
        return engine
