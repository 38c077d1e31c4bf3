"""Convert the data frames of callers to Arrow tables, which every backend reads."""

from __future__ import annotations

from typing import Any

import narwhals as nw
import narwhals.selectors as ncs


def to_arrow(frame: Any) -> Any:
    """Return a data frame as a PyArrow table with plain column types.

    Times lose their time zone and keep the local clock time, since a shop counts by its own calendar day.

    Parameters
    ----------
    frame : data frame
        A pandas, Polars, PyArrow or Narwhals data frame, eager or lazy.

    Returns
    -------
    pyarrow.Table
    """
    native = nw.to_native(frame, pass_through=True)
    if type(native).__module__.partition(".")[0] == "pandas":
        native = _with_plain_types(native)
    narwhal = nw.from_native(native)
    eager = narwhal.collect() if isinstance(narwhal, nw.LazyFrame) else narwhal
    return eager.with_columns(ncs.datetime(time_zone="*").dt.replace_time_zone(None)).to_arrow()


def _with_plain_types(frame: Any) -> Any:
    """Turn object and categorical columns of a pandas frame into text; missing values stay missing."""
    frame = frame.reset_index(drop=True)
    changed = {
        name: frame[name].astype("object").map(str, na_action="ignore").astype("str")
        for name, dtype in frame.dtypes.items()
        if str(dtype) in ("object", "category")
    }
    return frame.assign(**changed)
