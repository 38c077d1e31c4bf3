"""Data frames that callers bring, collected into a form that every engine takes."""

from __future__ import annotations

from typing import Any

import narwhals as nw


def collected(frame: Any) -> nw.DataFrame[Any]:
    """A native or Narwhals frame, in memory, its columns of plain types."""
    native = nw.to_native(frame, pass_through=True)
    if type(native).__module__.partition(".")[0] == "pandas":
        native = _tidy(native)
    narwhal = nw.from_native(native)
    return narwhal.collect() if isinstance(narwhal, nw.LazyFrame) else narwhal


def _tidy(frame: Any) -> Any:
    """A pandas frame with objects and categories as texts, and moments in the shop's own time."""
    frame = frame.reset_index(drop=True)
    changed = {}
    for name, dtype in frame.dtypes.items():
        if getattr(dtype, "tz", None) is not None:
            changed[name] = frame[name].dt.tz_localize(None)
        elif str(dtype) in ("object", "category"):
            # A missing value must stay missing, not become the text "nan".
            changed[name] = frame[name].astype("object").map(str, na_action="ignore").astype("str")
    return frame.assign(**changed)
