"""A damaged or unexpected import does not replace the active version."""

from __future__ import annotations

import shutil
from pathlib import Path
from typing import Any

import pytest
from msgspec import structs
from tests import shop
from tests.fitted_shop import SETTINGS

from smart_retail.bundle.reader import Bundle
from smart_retail.data.parsing.presets import NO_PRESET, PRESETS, Preset
from smart_retail.errors import ImportGuardError
from smart_retail.results import CleaningReport, FitReport, RejectedRows
from smart_retail.settings import DataSettings
from smart_retail.training.fit import fit
from smart_retail.training.import_guards import ALWAYS_EXPECTED, check_evaluation, check_import

DATA = DataSettings()
REPORT = CleaningReport(
    rows_in=1000, rows_accepted=1000, rejected=(), returns=(), returns_policy="net", customers=240, items=50,
    orders=600, first="2024-01-01", last="2024-12-31", amount=50_000.0, net_amount=48_000.0, notes=(),
)  # fmt: skip


def manifest(report: CleaningReport = REPORT, gate: dict[str, Any] | None = None) -> dict[str, Any]:
    return {"cleaning": report.as_dict(), "scorecard": {"gate": gate or {"difference": 0.01}}}


def rejecting(share: float, reason: str = "bad amount") -> CleaningReport:
    rows = round(1000 * share)
    return structs.replace(REPORT, rows_accepted=1000 - rows, rejected=(RejectedRows(reason, rows, ("x",)),))


def check(report: CleaningReport, active: dict[str, Any] | None, expected: frozenset[str] = ALWAYS_EXPECTED) -> None:
    assert check_import(report, active, expected, DATA, force=False) == []


@pytest.mark.parametrize(
    ("change", "guard", "figures"),
    [
        ({"customers": 1}, "Guard customers", ("1 instead of 240", "100%")),
        ({"orders": 300}, "Guard orders", ("300 instead of 600", "50%")),
        ({"net_amount": 20_000.0}, "Guard revenue", ("20,000 instead of 48,000", "58%")),
        ({"last": "2024-12-01"}, "Guard last day", ("2024-12-01", "2024-12-31")),
    ],
)
def test_a_sharp_fall_names_the_guard_both_figures_and_the_next_step(
    change: dict[str, Any], guard: str, figures: tuple[str, str]
) -> None:
    with pytest.raises(ImportGuardError) as caught:
        check(structs.replace(REPORT, **change), manifest())
    assert caught.value.exit_code == 7
    assert guard in caught.value.message
    for figure in figures:
        assert figure in caught.value.message
    assert "--force" in caught.value.hint
    (note,) = check_import(structs.replace(REPORT, **change), manifest(), ALWAYS_EXPECTED, DATA, force=True)
    assert note.startswith(guard)
    assert "because of --force" in note
    check(structs.replace(REPORT, **change), None)


def test_a_small_fall_or_growth_is_published() -> None:
    check(structs.replace(REPORT, customers=200, orders=500, net_amount=40_000.0, last="2024-12-28"), manifest())
    check(structs.replace(REPORT, customers=480, orders=1500, net_amount=90_000.0, last="2025-12-28"), manifest())


def test_rows_rejected_for_unexpected_reasons_stop_the_first_fit_too() -> None:
    check(rejecting(0.10), None)
    with pytest.raises(ImportGuardError, match=r"Guard rejected rows: 11.0% .*bad amount 110.*10% are accepted"):
        check(rejecting(0.11), None)
    accept_more = structs.replace(DATA, accept_rejected=0.2)
    assert check_import(rejecting(0.11), None, ALWAYS_EXPECTED, accept_more, force=False) == []


def test_rejected_rows_are_compared_with_the_active_version() -> None:
    check(rejecting(0.16), manifest(rejecting(0.12)))
    with pytest.raises(ImportGuardError, match=r"30.0% of the rows .* 12.0% in the active version"):
        check(rejecting(0.30), manifest(rejecting(0.12)))


def test_expected_reasons_do_not_count() -> None:
    check(rejecting(0.6, "cancelled order"), None)
    check(rejecting(0.6, "no customer"), None, ALWAYS_EXPECTED | {"no customer"})
    with pytest.raises(ImportGuardError, match="no customer 600"):
        check(rejecting(0.6, "no customer"), None)


def test_presets_expect_what_their_exports_have() -> None:
    expecting: dict[str, Preset] = {p.name: p for p in (*PRESETS, NO_PRESET)}
    for name in ("uci online retail", "shopify", "woocommerce"):
        assert "no customer" in expecting[name].expected_rejections
    assert expecting["aliases"].expected_rejections == ()


def test_a_fit_that_cannot_be_evaluated_does_not_replace_one_that_was() -> None:
    skipped = {"gate": {"skipped": "the history is too short"}}
    assert check_evaluation(skipped, None, force=False) == []
    assert check_evaluation(skipped, manifest(gate={"skipped": "short"}), force=False) == []
    assert check_evaluation({"gate": {"difference": 0.1}}, manifest(), force=False) == []
    with pytest.raises(ImportGuardError, match=r"Guard evaluation: .*the history is too short"):
        check_evaluation(skipped, manifest(), force=False)


@pytest.mark.slow
def test_an_export_that_was_cut_off_does_not_replace_the_active_version(
    tmp_path: Path, fitted: tuple[Path, FitReport]
) -> None:
    artifacts = tmp_path / "artifacts"
    shutil.copytree(fitted[0], artifacts)
    whole = shop.write(tmp_path / "whole.csv")
    cut = tmp_path / "orders.csv"
    cut.write_text("".join(whole.read_text().splitlines(keepends=True)[:2]))
    with pytest.raises(ImportGuardError, match=rf"Guard customers: 1 instead of {fitted[1].cleaning.customers}"):
        fit(cut, artifacts=artifacts, settings=SETTINGS)
    assert Bundle.open(artifacts).version == fitted[1].version
