"""ISO dates are parsed to days since 1970-01-01; other text is one clear error."""

from __future__ import annotations

import pytest

from smart_retail.errors import SettingsError, UsageError
from smart_retail.utils.dates import iso, parse_day


@pytest.mark.parametrize(("text", "day"), [("1970-01-01", 0), ("2014-12-31", 16_435), (" 1969-12-31 ", -1)])
def test_an_iso_date_is_parsed_and_formatted(text: str, day: int) -> None:
    assert parse_day(text) == day
    assert iso(day) == text.strip()


@pytest.mark.parametrize("text", ["", "tomorrow", "31.12.2014", "2014-02-30", "2014-13-01"])
def test_other_text_is_an_error_with_the_expected_form(text: str) -> None:
    with pytest.raises(UsageError, match="is not a valid date") as error:
        parse_day(text)
    assert "2026-01-31" in error.value.hint
    with pytest.raises(SettingsError):
        parse_day(text, SettingsError)
