"""Writer, reader, verification and erasure derive from the layout, the only list of a bundle's arrays."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray

from smart_retail.bundle import layout, versions
from smart_retail.bundle.erasure import erase
from smart_retail.bundle.layout import ArraySpec, Rows
from smart_retail.bundle.reader import Bundle
from smart_retail.bundle.writer import BundleWriter
from smart_retail.errors import DamagedBundleError, FormatVersionError
from smart_retail.utils.id_map import StringArray

CUSTOMERS = ("a", "b", "c")


def write_text(writer: BundleWriter, name: str, texts: tuple[str, ...]) -> None:
    packed = StringArray.of(texts)
    writer.array(f"{name}/data", packed.data)
    writer.array(f"{name}/offsets", packed.offsets)


def publish(root: Path, arrays: dict[str, NDArray[np.generic]]) -> str:
    """Publish a bundle of three customers and the given arrays."""
    with BundleWriter(root) as writer:
        write_text(writer, "customers/ids", CUSTOMERS)
        for name, values in arrays.items():
            writer.array(name, values)
        return writer.publish({"cleaning": {}})


def test_erasure_removes_the_row_of_a_new_array_per_customer(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(
        layout.ARRAYS, "customers/visits", ArraySpec("int32", ("customers", "weeks"), "Visits", Rows.CUSTOMERS)
    )
    publish(tmp_path, {"customers/visits": np.array([[1, 2], [3, 4], [5, 6]], np.int32)})
    erase(tmp_path, "b")
    bundle = Bundle.open(tmp_path)
    assert bundle.array("customers/visits").tolist() == [[1, 2], [5, 6]]
    assert versions.verify(tmp_path) == []


def test_erasure_removes_the_rows_of_a_new_group_per_customer(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(
        layout.ARRAYS, "calls/indptr", ArraySpec("int64", ("customers + 1",), "Start", Rows.CUSTOMER_OFFSETS)
    )
    monkeypatch.setitem(layout.ARRAYS, "calls/day", ArraySpec("int32", ("rows",), "Day", Rows.CUSTOMER_GROUPS))
    publish(
        tmp_path,
        {"calls/indptr": np.array([0, 2, 5, 6]), "calls/day": np.arange(6, dtype=np.int32)},
    )
    receipt = erase(tmp_path, "b")
    bundle = Bundle.open(tmp_path)
    assert receipt["purchase_rows"] == 3
    assert bundle.array("calls/indptr").tolist() == [0, 2, 3]
    assert bundle.array("calls/day").tolist() == [0, 1, 5]


def test_erasure_removes_a_new_text_per_customer(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(layout.ARRAYS, "customers/mails", ArraySpec("text", ("customers",), "Mail", Rows.CUSTOMER_TEXT))
    packed = StringArray.of(["a@x", "b@x", "c@x"])
    publish(tmp_path, {"customers/mails/data": packed.data, "customers/mails/offsets": packed.offsets})
    erase(tmp_path, "b")
    for path in (tmp_path / "versions").rglob("*"):
        assert not path.is_file() or b"b@x" not in path.read_bytes()


@pytest.mark.parametrize(
    ("name", "values"),
    [
        ("customers/unlisted", np.zeros(3)),
        ("rfm/recency", np.zeros(3, np.int32)),
        ("rfm/recency", np.zeros((3, 1), np.int64)),
    ],
    ids=["name", "dtype", "axes"],
)
def test_writer_refuses_arrays_that_are_not_in_the_layout(
    tmp_path: Path, name: str, values: NDArray[np.generic]
) -> None:
    with BundleWriter(tmp_path) as writer, pytest.raises(ValueError, match="layout"):
        writer.array(name, values)


def test_writer_refuses_json_that_is_not_in_the_layout(tmp_path: Path) -> None:
    with BundleWriter(tmp_path) as writer, pytest.raises(ValueError, match="layout"):
        writer.json("unlisted", {})


def test_reader_reports_an_array_of_another_dtype(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    publish(tmp_path, {"rfm/recency": np.zeros(3, np.int64)})
    monkeypatch.setitem(layout.ARRAYS, "rfm/recency", ArraySpec("float32", ("customers",), "", Rows.CUSTOMERS))
    with pytest.raises(FormatVersionError, match="rfm/recency has dtype int64"):
        Bundle.open(tmp_path).array("rfm/recency")


def test_reader_names_a_missing_array(tmp_path: Path) -> None:
    publish(tmp_path, {})
    with pytest.raises(FormatVersionError, match=r"rfm/recency\.npy"):
        Bundle.open(tmp_path).array("rfm/recency")


def test_verification_finds_arrays_of_another_number_of_customers(tmp_path: Path) -> None:
    publish(tmp_path, {"rfm/recency": np.zeros(3, np.int64)})
    assert versions.verify(tmp_path) == []
    with pytest.raises(DamagedBundleError, match=r"rfm/recency has 2 entries instead of 3\."):
        publish(tmp_path, {"rfm/recency": np.zeros(2, np.int64)})


def test_every_listed_array_has_a_description_and_known_dtypes() -> None:
    for name, spec in layout.ARRAYS.items():
        assert spec.description, name
        assert spec.dtype in ("text", "any") or np.dtype(spec.dtype), name
