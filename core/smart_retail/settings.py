"""Settings of a fit, as frozen types with described and bounded fields.

In: a TOML file and environment variables. Out: `Settings`. `Settings.load` is the only function that reads them.
Sections and names are the same in Python, in the file and in the environment (``SMART_RETAIL_<SECTION>__<NAME>``).
An unknown name is an error, so that misspelt names are found. The settings page of the documentation, the forms of
the front ends and the choices of the command line come from these types (`describe_settings`).
"""

from __future__ import annotations

import hashlib
import json
import math
import os
import re
import tomllib
from collections.abc import Mapping
from functools import cache
from pathlib import Path
from typing import Annotated, Any, Final, Literal, NamedTuple, Self

import msgspec
from msgspec import Meta, Struct, field, inspect

from smart_retail.errors import SettingsError
from smart_retail.utils.memory_budget import read_budget

ENVIRONMENT_PREFIX: Final = "SMART_RETAIL_"


class DataSettings(Struct, frozen=True, forbid_unknown_fields=True):
    """How order files are read and cleaned."""

    returns_policy: Annotated[
        Literal["net", "keep"],
        Meta(description="net: leave returned lines out everywhere. keep: ignore returns."),
    ] = "net"
    sales_edges: Annotated[
        tuple[float, ...],
        Meta(
            description="Upper edges of the sales categories Low, Medium and High, as amounts of an order line in "
            "ascending order; lines above the last edge are Very High."
        ),
    ] = (100.0, 500.0, 1000.0)
    non_merchandise: Annotated[
        tuple[str, ...] | None,
        Meta(description="Item codes that are not products, such as postage; null uses the list of the preset."),
    ] = None
    fold_item_case: Annotated[
        bool | None,
        Meta(description="Treat item codes that differ only in letter case as one item; null follows the preset."),
    ] = None
    currency: Annotated[str, Meta(description="Currency shown with amounts, such as EUR; nothing is converted.")] = ""
    timezone: Annotated[
        str,
        Meta(
            description="Time zone of the shop, such as Europe/Berlin: times with an offset are converted to it; "
            "empty: they keep the local time of the file."
        ),
    ] = ""
    date_order: Annotated[
        Literal["", "dmy", "mdy", "ymd"],
        Meta(
            description="Order of day (d), month (m) and year (y) in dates such as 01/02/2024; empty: decided by the "
            "whole column, and reported as assumed if all dates of a column fit both day first and month first."
        ),
    ] = ""
    accept_rejected: Annotated[
        float,
        Meta(
            ge=0,
            le=1,
            description="Share of rows (0 to 1) that may be rejected for reasons that are not normal for the export; "
            "a fit with more is not published, unless the active version had about as many.",
        ),
    ] = 0.1
    accept_drop: Annotated[
        float,
        Meta(
            ge=0,
            le=1,
            description="Share (0 to 1) by which customers, orders or revenue may fall against the active version; a "
            "fit with a larger fall is not published.",
        ),
    ] = 0.3
    backend: Annotated[
        Literal["duckdb", "spark"],
        Meta(description="Engine that validates and aggregates the order lines."),
    ] = "duckdb"


class RfmSettings(Struct, frozen=True, forbid_unknown_fields=True):
    """How customers are scored by recency, frequency and monetary value, and grouped into segments."""

    analysis_date: Annotated[
        str,
        Meta(description="Date up to which recency is counted (YYYY-MM-DD); empty: the day after the last order."),
    ] = ""
    recency: Annotated[
        Literal["days", "intervals"],
        Meta(
            description="What the recency score counts: days since the last order, cut at quintiles, or the customer's "
            "usual intervals between orders since then, cut at 1, 2, 3 and 5."
        ),
    ] = "days"
    segments: Annotated[
        tuple[tuple[str, ...], ...],
        Meta(
            description="Segment names as a table of 5 rows (R 1 to 5) with 5 columns (F 1 to 5); empty uses the "
            "standard table."
        ),
    ] = ()
    recency_cuts: Annotated[
        tuple[float, ...],
        Meta(
            description="Four upper bounds of recency in the unit of `recency`, ascending; empty: quintiles of the "
            "days, or 1, 2, 3 and 5 usual intervals."
        ),
    ] = ()
    frequency_cuts: Annotated[
        tuple[float, ...],
        Meta(
            description="Four upper bounds of the number of orders, ascending; empty: one order is F 1, quartiles of "
            "the customers with more orders give F 2 to F 5."
        ),
    ] = ()
    monetary_cuts: Annotated[
        tuple[float, ...],
        Meta(description="Four upper bounds of the net amount, ascending; empty uses quintiles."),
    ] = ()


class ClusterSettings(Struct, frozen=True, forbid_unknown_fields=True):
    """How the customer clusters are found."""

    k: Annotated[
        int, Meta(ge=0, le=50, description="Number of clusters; 0 selects it by silhouette and stability.")
    ] = 0
    k_min: Annotated[int, Meta(ge=2, le=50, description="Smallest number of clusters tried.")] = 3
    k_max: Annotated[int, Meta(ge=2, le=50, description="Largest number of clusters tried.")] = 8
    train_customers: Annotated[
        int, Meta(ge=100, le=10_000_000, description="Maximum number of customers that train the autoencoder.")
    ] = 100_000
    latent: Annotated[int, Meta(ge=2, le=32, description="Number of dimensions of the latent space.")] = 16
    epochs: Annotated[
        int, Meta(ge=1, le=10_000, description="Maximum number of training epochs; training stops early.")
    ] = 60


class RecommendSettings(Struct, frozen=True, forbid_unknown_fields=True):
    """How the recommendation methods are fitted and combined."""

    merge: Annotated[
        Literal["auto", "blend", "ranker"],
        Meta(
            description="How the hybrid combines the methods. blend: weighted sum. ranker: learned ranking model. "
            "auto: the ranker where backtests show that it is better."
        ),
    ] = "auto"
    neighbours: Annotated[int, Meta(ge=1, le=1000, description="Number of similar items kept per item.")] = 100
    min_support: Annotated[
        int,
        Meta(
            ge=1,
            le=1_000_000,
            description="Orders, or customers, that two items have at least in common before one is stated as bought "
            "together with the other, or as the reason for it.",
        ),
    ] = 5
    guest_orders_in_popularity: Annotated[
        bool,
        Meta(
            description="Whether orders without a customer count for the popularity of the whole shop; they always "
            "count for what is bought together."
        ),
    ] = False
    list_length: Annotated[int, Meta(ge=1, le=1000, description="Length of the pre-calculated lists.")] = 100
    windows: Annotated[
        int,
        Meta(
            ge=0,
            le=10,
            description="Number of backtest windows that select method variants and the merge, in addition to the "
            "window on which the weights are fitted; 0 uses that window for both.",
        ),
    ] = 2
    cf_variant: Annotated[
        Literal["auto", "cosine", "tfidf", "bm25"],
        Meta(description="Item similarity of collaborative filtering; auto selects it on the backtest windows."),
    ] = "auto"
    sequence_model: Annotated[
        Literal["off", "auto"],
        Meta(
            description="Whether a neural sequence model is a source of the hybrid. auto: if it clearly improves the "
            "lists of a past window; the trial takes minutes."
        ),
    ] = "off"


class Settings(Struct, frozen=True, forbid_unknown_fields=True):
    """All settings of a fit, apart from where the data is."""

    data: DataSettings = field(default_factory=DataSettings)
    rfm: RfmSettings = field(default_factory=RfmSettings)
    clusters: ClusterSettings = field(default_factory=ClusterSettings)
    recommend: RecommendSettings = field(default_factory=RecommendSettings)
    seed: Annotated[
        int, Meta(ge=0, le=2**31 - 1, description="Random seed; the same data and seed give the same bundle.")
    ] = 0
    threads: Annotated[
        int, Meta(ge=0, le=1024, description="Maximum number of threads; 0 uses all processors. Changes no result.")
    ] = 0
    memory: Annotated[
        str,
        Meta(
            description="Memory for reading and processing purchases, such as 8GB, at least 2GB; empty: half of the "
            "machine's. Larger data is processed from files; models take memory in addition. Changes no result."
        ),
    ] = ""

    @classmethod
    def load(cls, path: str | os.PathLike[str] | None = None, environ: Mapping[str, str] | None = None) -> Self:
        """Return the defaults, overridden by a TOML file and then by environment variables.

        Parameters
        ----------
        path : path-like, optional
            Settings file.
        environ : mapping, optional
            Environment variables; by default those of the process.

        Raises
        ------
        SettingsError
            The file cannot be read, a name is unknown or a value is not valid.
        """
        data: dict[str, Any] = {}
        if path is not None:
            try:
                data = tomllib.loads(Path(path).read_text(encoding="utf-8"))
            except OSError as error:
                raise SettingsError(
                    f"The settings file {path} cannot be read: {error.strerror}.", "Check the path."
                ) from error
            except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
                raise SettingsError(
                    f"The settings file {path} is not valid TOML: {error}.", "Fix the line named in the message."
                ) from error
        for name, text in sorted((environ if environ is not None else os.environ).items()):
            section, separator, key = name.removeprefix(ENVIRONMENT_PREFIX).partition("__")
            if name.startswith(ENVIRONMENT_PREFIX) and separator:
                values = data.setdefault(section.lower(), {})
                if isinstance(values, dict):
                    values[key.lower()] = _parse_environment_value(text)
        return cls.from_dict(data)

    @classmethod
    def from_dict(cls, data: Mapping[str, Any]) -> Self:
        """Return the settings in plain nested data, after checking every name and value.

        Raises
        ------
        SettingsError
            A name is unknown or a value is not valid.
        """
        try:
            settings = msgspec.convert(data, type=cls)
        except msgspec.ValidationError as error:
            raise _settings_error(data, str(error)) from error
        _check_relations(settings)
        return settings

    def as_dict(self) -> dict[str, Any]:
        """Return the settings as plain nested data, with lists in place of tuples."""
        plain: dict[str, Any] = json.loads(json.dumps(msgspec.to_builtins(self)))
        return plain

    def digest(self) -> str:
        """Return the SHA-256 of the settings that can change a result; threads and memory cannot."""
        plain = self.as_dict()
        del plain["threads"], plain["memory"]
        return hashlib.sha256(json.dumps(plain, sort_keys=True).encode()).hexdigest()


class SettingField(NamedTuple):
    """One setting as documentation and forms show it."""

    name: str
    """With its section, such as ``data.currency``."""
    description: str
    default: Any
    """As plain data: lists in place of tuples."""
    expected: str
    """Type and bounds in words, such as ``a whole number from 2 to 8``."""
    choices: tuple[str, ...]
    """Allowed values of a setting with a fixed choice, otherwise empty."""


@cache
def describe_settings() -> tuple[SettingField, ...]:
    """Return all settings in the order of the types."""
    defaults = Settings().as_dict()
    fields = []
    for section in _struct_fields(Settings):
        if isinstance(section.type, inspect.StructType):
            fields += [
                _describe(f"{section.name}.{inner.name}", inner.type, defaults[section.name][inner.name])
                for inner in section.type.fields
            ]
        else:
            fields.append(_describe(section.name, section.type, defaults[section.name]))
    return tuple(fields)


def setting_descriptions() -> dict[str, str]:
    """Return the description of every setting by its name, such as ``data.currency``."""
    return {setting.name: setting.description for setting in describe_settings()}


def setting_choices(name: str) -> tuple[str, ...]:
    """Return the allowed values of a setting such as ``data.returns_policy``; empty where values are not enumerated."""
    return next(setting.choices for setting in describe_settings() if setting.name == name)


def _struct_fields(struct: type[Struct]) -> tuple[inspect.Field, ...]:
    info = inspect.type_info(struct)
    assert isinstance(info, inspect.StructType)
    return info.fields


def _describe(name: str, info: inspect.Type, default: Any) -> SettingField:
    metadata = (info.extra_json_schema or {}) if isinstance(info, inspect.Metadata) else {}
    bare = _without_metadata(info)
    choices: tuple[str, ...] = ()
    if isinstance(bare, inspect.LiteralType):
        # msgspec sorts the values; the default is the natural first choice.
        choices = tuple(sorted(map(str, bare.values), key=lambda value: (value != default, value)))
    return SettingField(name, str(metadata.get("description", "")), default, _expected(info), choices)


def _without_metadata(info: inspect.Type) -> inspect.Type:
    return info.type if isinstance(info, inspect.Metadata) else info


def _expected(info: inspect.Type) -> str:
    """Return type and bounds in words."""
    info = _without_metadata(info)
    if isinstance(info, inspect.UnionType):
        info = next(_without_metadata(t) for t in info.types if not isinstance(t, inspect.NoneType))
    if isinstance(info, inspect.LiteralType):
        return f"one of {', '.join(str(value) for value in info.values)}"
    if isinstance(info, inspect.IntType):
        return "a whole number" + (f" from {info.ge} to {info.le}" if info.ge is not None else "")
    if isinstance(info, inspect.StructType):
        return "a section with named values"
    if isinstance(info, inspect.VarTupleType):
        item = _without_metadata(info.item_type)
        return {inspect.FloatType: "a list of numbers", inspect.StrType: "a list of texts"}.get(type(item), "a list")
    return {inspect.FloatType: "a number", inspect.StrType: "a text", inspect.BoolType: "true or false"}[type(info)]


def _settings_error(data: Any, message: str) -> SettingsError:
    """Return the error for a message of msgspec, which ends with the path of the value, such as `$.clusters.k`."""
    text, _, path = message.partition(" - at `")
    keys = re.findall(r"\.([^.\[`]+)|\[(?:\.\.\.|\d+)\]", path)
    name = ".".join(key for key in keys if key)
    value, info = data, inspect.type_info(Settings)
    for key in filter(None, keys):
        assert isinstance(info, inspect.StructType)
        info = _without_metadata(next(f.type for f in info.fields if f.name == key))
        value = value[key]
    if unknown := re.match(r"Object contains unknown field `(.*)`", text):
        assert isinstance(info, inspect.StructType)
        label = f"{name}.{unknown[1]}" if name else unknown[1]
        return SettingsError(
            f"There is no setting `{label}`.", f"Valid names here: {', '.join(f.name for f in info.fields)}."
        )
    if not name:
        return SettingsError(
            "The settings must consist of sections and named values.", "See the settings page of the documentation."
        )
    return _invalid(name, value, _expected(info))


def _invalid(name: str, value: Any, expected: str) -> SettingsError:
    return SettingsError(
        f"Invalid value {value!r} for `{name}`: expected {expected}.", "Fix it in the settings file or environment."
    )


def _check_relations(settings: Settings) -> None:
    """Raise `SettingsError` for values that a single field's type cannot rule out."""
    clusters, rfm = settings.clusters, settings.rfm
    read_budget(settings.memory)
    _check_ascending("data.sales_edges", settings.data.sales_edges, None)
    _check_ascending("rfm.recency_cuts", rfm.recency_cuts, 4)
    _check_ascending("rfm.frequency_cuts", rfm.frequency_cuts, 4)
    _check_ascending("rfm.monetary_cuts", rfm.monetary_cuts, 4)
    if rfm.segments and (len(rfm.segments) != 5 or any(len(row) != 5 for row in rfm.segments)):
        shape = [len(row) for row in rfm.segments]
        raise SettingsError(
            f"Invalid value for `rfm.segments`: expected 5 rows with 5 names each, got rows of length {shape}.",
            "Give the rows R 1 to 5, each with the columns F 1 to 5.",
        )
    if clusters.k_min > clusters.k_max:
        raise SettingsError(
            f"`clusters.k_min` ({clusters.k_min}) is larger than `clusters.k_max` ({clusters.k_max}).",
            "Make k_min the smaller one.",
        )
    if clusters.k == 1:
        raise _invalid("clusters.k", 1, "2 or more, or 0 to select the number from the data")


def _check_ascending(name: str, values: tuple[float, ...], count: int | None) -> None:
    ascending = list(values) == sorted(set(values)) and all(map(math.isfinite, values))
    if values and not (ascending and count in (None, len(values))):
        raise _invalid(name, list(values), f"{count or 'any number of'} distinct numbers in ascending order")


def _parse_environment_value(text: str) -> Any:
    """Return a value of the environment: TOML where it parses, otherwise the text itself."""
    try:
        return tomllib.loads(f"value = {text}")["value"]
    except tomllib.TOMLDecodeError:
        return text
