"""Settings: sources, validation messages, descriptions and digest."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from smart_retail.errors import SettingsError
from smart_retail.settings import Settings, describe_settings, setting_choices


def test_environment_overrides_file_and_file_overrides_defaults(tmp_path: Path) -> None:
    path = tmp_path / "settings.toml"
    path.write_text('seed = 7\n[data]\nreturns_policy = "keep"\nsales_edges = [1, 2.5]\n[clusters]\nk = 2\n', "utf-8")
    settings = Settings.load(path, {"SMART_RETAIL_CLUSTERS__K": "4", "SMART_RETAIL_ARTIFACTS": "x", "HOME": "y"})
    assert (settings.seed, settings.data.returns_policy, settings.clusters.k) == (7, "keep", 4)
    assert settings.data.sales_edges == (1.0, 2.5)
    assert settings.clusters.k_max == Settings().clusters.k_max


def test_settings_survive_a_round_trip_through_plain_data() -> None:
    settings = Settings.from_dict({"rfm": {"segments": [["a"] * 5] * 5}, "data": {"non_merchandise": ["POST"]}})
    assert Settings.from_dict(settings.as_dict()) == settings


@pytest.mark.parametrize(
    "text",
    [
        "sed = 1",
        "[data]\nreturn_policy = 'net'",
        "seed = 'one'",
        "seed = true",
        "seed = -1",
        "[data]\nreturns_policy = 'sometimes'",
        "[data]\nsales_edges = [1, nan]",
        "[rfm]\nrecency_cuts = [1, 2]",
        "[rfm]\nrecency_cuts = [4, 3, 2, 1]",
        "[rfm]\nsegments = [['a']]",
        "[clusters]\nk = 1",
        "[clusters]\nk_min = 9\nk_max = 3",
        "data = 3",
        "seed = ",
    ],
)
def test_a_setting_that_is_not_valid_raises_an_error_with_a_hint(tmp_path: Path, text: str) -> None:
    path = tmp_path / "settings.toml"
    path.write_text(text, encoding="utf-8")
    with pytest.raises(SettingsError) as error:
        Settings.load(path, {})
    assert error.value.hint


@pytest.mark.parametrize(
    ("data", "message"),
    [
        ({"rfm": {"segments": 3}}, "Invalid value 3 for `rfm.segments`: expected a list."),
        ({"clusters": {"k": 51}}, "Invalid value 51 for `clusters.k`: expected a whole number from 0 to 50."),
        ({"data": {"currency": 5}}, "Invalid value 5 for `data.currency`: expected a text."),
        ({"data": {"x": 5}}, "There is no setting `data.x`."),
        ({"x": 5}, "There is no setting `x`."),
    ],
)
def test_an_error_names_the_setting_the_value_and_what_is_expected(data: dict[str, Any], message: str) -> None:
    with pytest.raises(SettingsError) as error:
        Settings.from_dict(data)
    assert error.value.args[0] == message


def test_an_environment_variable_of_a_section_that_the_file_gives_a_plain_value_is_an_error(tmp_path: Path) -> None:
    path = tmp_path / "settings.toml"
    path.write_text("data = 3", encoding="utf-8")
    with pytest.raises(SettingsError, match="Invalid value 3 for `data`"):
        Settings.load(path, {"SMART_RETAIL_DATA__CURRENCY": "EUR"})


def test_every_setting_is_described_and_its_default_is_a_valid_choice() -> None:
    described = describe_settings()
    assert len({setting.name for setting in described}) == len(described)
    for setting in described:
        assert setting.description.endswith(".")
        assert not setting.choices or setting.default in setting.choices
    assert set(setting_choices("data.returns_policy")) == {"net", "keep"}


def test_threads_do_not_change_the_digest_but_the_seed_does() -> None:
    assert Settings(threads=1).digest() == Settings(threads=2).digest()
    assert Settings(seed=1).digest() != Settings(seed=2).digest()
