"""All settings, frozen. Files and the environment are read by `Settings.load` and nowhere else.

Sections and names are the same in Python, in the TOML file and in the environment
(``SMART_RETAIL_<SECTION>__<NAME>``). An unknown name is an error, so a misspelt one is found.
"""

from __future__ import annotations

import ast
import dataclasses
import hashlib
import inspect
import json
import os
import sys
import tomllib
import types
import typing
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Self

from smart_retail.errors import SettingsError


@dataclass(frozen=True, slots=True)
class DataSettings:
    returns_policy: str = "net"
    """net: a returned line is no purchase anywhere. keep: returns are ignored."""
    sales_edges: tuple[float, ...] = (100.0, 500.0, 1000.0)
    """Upper edges of the sales categories Low, Medium, High; above the last is Very High."""
    non_merchandise: tuple[str, ...] | None = None
    """Item codes that are no products; None takes the preset's list."""
    fold_item_case: bool | None = None
    """Whether item codes that differ by letter case are one; None takes the preset's choice."""
    currency: str = ""
    """Shown beside amounts, never converted."""
    timezone: str = ""
    """Shown beside times, never converted."""
    backend: str = "duckdb"
    """Engine for reading and cleaning: duckdb, or spark for data on a cluster."""


@dataclass(frozen=True, slots=True)
class RfmSettings:
    analysis_date: str = ""
    """ISO date to which recency counts; empty: the day after the last order."""
    segments: tuple[tuple[str, ...], ...] = ()
    """Own 5 x 5 table of segment names, rows R 1..5, columns F 1..5; empty takes the usual one."""
    recency_cuts: tuple[float, ...] = ()
    """Own four upper bounds of recency in days, ascending; empty takes quintiles."""
    frequency_cuts: tuple[float, ...] = ()
    """Own four upper bounds of the number of orders; empty: one order is 1, quartiles of the rest."""
    monetary_cuts: tuple[float, ...] = ()
    """Own four upper bounds of the net amount; empty takes quintiles."""


@dataclass(frozen=True, slots=True)
class ClusterSettings:
    k: int = 0
    """Number of clusters; 0 chooses by silhouette and stability."""
    k_min: int = 3
    """Smallest number of clusters tried."""
    k_max: int = 8
    """Largest number of clusters tried."""
    train_customers: int = 100_000
    """At most so many customers train the autoencoder."""
    latent: int = 2
    """Width of the bottleneck."""
    epochs: int = 100
    """Upper bound; training stops early."""


@dataclass(frozen=True, slots=True)
class RecommendSettings:
    merge: str = "auto"
    """blend: weighted sum. ranker: learned. auto: the ranker where it is proved better."""
    neighbours: int = 100
    """Similar items kept for each item."""
    list_length: int = 100
    """Length of the pre-calculated lists."""
    windows: int = 2
    """Rolling windows by which variants and the merge are chosen, beside the one on which weights are learnt; 0 chooses
    by that one alone."""
    cf_variant: str = "auto"
    """cosine, tfidf or bm25; auto chooses on the validation windows."""


@dataclass(frozen=True, slots=True)
class Settings:
    """Everything a fit can be told, beside where the data is."""

    data: DataSettings = field(default_factory=DataSettings)
    rfm: RfmSettings = field(default_factory=RfmSettings)
    clusters: ClusterSettings = field(default_factory=ClusterSettings)
    recommend: RecommendSettings = field(default_factory=RecommendSettings)
    seed: int = 0
    """Start of every random choice; the same seed gives the same bundle."""
    threads: int = 0
    """0: as many as the machine offers."""

    @classmethod
    def load(cls, path: str | os.PathLike[str] | None = None, environ: Mapping[str, str] | None = None) -> Self:
        """Settings from a TOML file, then from the environment, over the defaults.

        Raises
        ------
        SettingsError
            The file cannot be read, a name is unknown or a value has the wrong type.
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
                    f"The settings file {path} is not valid TOML: {error}.", "Mend the line it names."
                ) from error
        for name, text in sorted((environ if environ is not None else os.environ).items()):
            section, found, key = name.removeprefix("SMART_RETAIL_").partition("__")
            if name.startswith("SMART_RETAIL_") and found:
                data.setdefault(section.lower(), {})[key.lower()] = _from_text(text)
        return cls.from_dict(data)

    @classmethod
    def from_dict(cls, data: Mapping[str, Any]) -> Self:
        """Settings from plain nested data; every name and type is checked."""
        settings: Self = _build(cls, data, "")
        settings._check()
        return settings

    def as_dict(self) -> dict[str, Any]:
        """Plain nested data."""
        plain: dict[str, Any] = json.loads(json.dumps(dataclasses.asdict(self)))
        return plain

    def digest(self) -> str:
        """SHA-256 of the settings that can change a result (the number of threads cannot)."""
        plain = self.as_dict()
        del plain["threads"]
        return hashlib.sha256(json.dumps(plain, sort_keys=True).encode()).hexdigest()

    def _check(self) -> None:
        _among("data.returns_policy", self.data.returns_policy, ("net", "keep"))
        _among("data.backend", self.data.backend, ("duckdb", "spark"))
        _among("recommend.merge", self.recommend.merge, ("auto", "blend", "ranker"))
        _among("recommend.cf_variant", self.recommend.cf_variant, ("auto", "cosine", "tfidf", "bm25"))
        _ascending("data.sales_edges", self.data.sales_edges, None)
        for name in ("recency_cuts", "frequency_cuts", "monetary_cuts"):
            _ascending(f"rfm.{name}", getattr(self.rfm, name), 4)
        if self.rfm.segments and (len(self.rfm.segments) != 5 or any(len(row) != 5 for row in self.rfm.segments)):
            raise SettingsError(
                "rfm.segments is not a table of 5 rows with 5 names.", "Give R 1..5 as rows and F 1..5 as columns."
            )
        for name, low, high in (
            ("k", 0, 50),
            ("k_min", 2, 50),
            ("k_max", 2, 50),
            ("latent", 2, 8),
            ("epochs", 1, 10_000),
        ):
            _within(f"clusters.{name}", getattr(self.clusters, name), low, high)
        if self.clusters.k_min > self.clusters.k_max:
            raise SettingsError("clusters.k_min is above clusters.k_max.", "Make k_min the smaller one.")
        if self.clusters.k == 1:
            raise SettingsError("clusters.k is 1.", "Give 2 or more, or 0 to have it chosen.")
        _within("clusters.train_customers", self.clusters.train_customers, 100, 10_000_000)
        _within("recommend.neighbours", self.recommend.neighbours, 1, 1000)
        _within("recommend.list_length", self.recommend.list_length, 1, 1000)
        _within("recommend.windows", self.recommend.windows, 0, 10)
        _within("seed", self.seed, 0, 2**31 - 1)
        _within("threads", self.threads, 0, 1024)


def explanations() -> dict[str, str]:
    """Every setting, such as ``data.currency`` -> what it means, as written below its field."""
    found: dict[str, str] = {}
    tree = ast.parse(inspect.getsource(sys.modules[__name__]))
    classes = {node.name: node for node in tree.body if isinstance(node, ast.ClassDef)}
    for name, hint in typing.get_type_hints(Settings).items():
        if dataclasses.is_dataclass(hint):
            texts = _field_texts(classes[typing.cast(type, hint).__name__])
            found |= {f"{name}.{f.name}": texts.get(f.name, "") for f in dataclasses.fields(hint)}
        else:
            found[name] = _field_texts(classes["Settings"]).get(name, "")
    return found


def _field_texts(node: ast.ClassDef) -> dict[str, str]:
    """Field -> the text that stands below it."""
    return {
        field_.target.id: " ".join(text.value.value.split())
        for field_, text in zip(node.body, node.body[1:], strict=False)
        if isinstance(field_, ast.AnnAssign)
        and isinstance(field_.target, ast.Name)
        and isinstance(text, ast.Expr)
        and isinstance(text.value, ast.Constant)
        and isinstance(text.value.value, str)
    }


def _among(name: str, value: str, allowed: tuple[str, ...]) -> None:
    if value not in allowed:
        raise SettingsError(f"{name} is {value!r}.", f"Choose one of {', '.join(allowed)}.")


def _within(name: str, value: int, low: int, high: int) -> None:
    if not low <= value <= high:
        raise SettingsError(f"{name} is {value}.", f"Give a number from {low} to {high}.")


def _ascending(name: str, values: tuple[float, ...], count: int | None) -> None:
    if values and (list(values) != sorted(set(values)) or (count is not None and len(values) != count)):
        raise SettingsError(f"{name} is {list(values)}.", f"Give {count or 'some'} ascending numbers, each once.")


def _from_text(text: str) -> Any:
    """A value of the environment: TOML where it parses, else the text itself."""
    try:
        return tomllib.loads(f"value = {text}")["value"]
    except tomllib.TOMLDecodeError:
        return text


def _build(cls: type, data: Any, where: str) -> Any:
    hints = typing.get_type_hints(cls)
    if not isinstance(data, Mapping):
        raise SettingsError(
            f"{where or 'The settings'} must be a section with named values.", f"Names: {', '.join(hints)}."
        )
    values = {}
    for name, value in data.items():
        label = f"{where}.{name}" if where else str(name)
        if name not in hints:
            raise SettingsError(f"There is no setting {label}.", f"Names there: {', '.join(hints)}.")
        values[name] = _value(hints[name], value, label)
    return cls(**values)


def _value(hint: Any, value: Any, label: str) -> Any:
    if dataclasses.is_dataclass(hint):
        return _build(typing.cast(type, hint), value, label)
    origin, args = typing.get_origin(hint), typing.get_args(hint)
    if origin is types.UnionType:
        return None if value is None else _value(next(a for a in args if a is not type(None)), value, label)
    if origin is tuple and isinstance(value, list | tuple):
        return tuple(_value(args[0], v, label) for v in value)
    if hint is float and isinstance(value, int | float) and not isinstance(value, bool):
        return float(value)
    if isinstance(hint, type) and isinstance(value, hint) and (hint is bool or not isinstance(value, bool)):
        return value
    raise SettingsError(
        f"{label} is {value!r}, which is not {_type_name(hint)}.", "Mend it in the settings file or the environment."
    )


def _type_name(hint: Any) -> str:
    return {int: "a whole number", float: "a number", str: "a text", bool: "true or false"}.get(hint, "a list")
