"""The registry of recommendation sources: a method is added by one file and one line."""

from __future__ import annotations

import importlib.util
from dataclasses import fields
from pathlib import Path

import numpy as np
import pytest

from smart_retail.errors import FormatVersionError, UsageError
from smart_retail.presentation import labels
from smart_retail.recommenders import candidates
from smart_retail.recommenders.base import COMPONENTS, Ranked, Shoppers
from smart_retail.recommenders.model import RecommenderModel
from smart_retail.recommenders.ranking_features import feature_names
from smart_retail.recommenders.shopper_context import build_context
from smart_retail.recommenders.source_registry import BUILT_IN, SOURCES
from smart_retail.serving.explanations import ReasonBuilder, reason_kind_and_method
from smart_retail.training.kernels import batch_scorer


def load_toy_source():
    path = Path(__file__).with_name("toy_source.py")
    spec = importlib.util.spec_from_file_location("toy_source", path)
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module.SOURCE


@pytest.fixture(scope="module")
def added():
    """The one line that adds the source, for the tests of this fixture."""
    source = load_toy_source()
    SOURCES.register(source)
    yield source
    SOURCES.unregister(source.name)


@pytest.fixture(scope="module")
def fitted(added, fit, repeat_shop):
    return fit(repeat_shop, "blend")


@pytest.fixture(scope="module")
def shoppers(repeat_shop, assign_groups):
    return Shoppers(repeat_shop.history_between(), *assign_groups(repeat_shop.rfm()))


@pytest.mark.slow
def test_an_added_source_proposes_candidates_with_its_scores(added, fitted, shoppers):
    model, _ = fitted
    position = SOURCES.index(added.name)
    for exclude in (True, False):
        found = candidates.generate_candidates(model.components, build_context(shoppers), exclude_purchased=exclude)
        assert (found.source_scores[position] > 0).any()


def test_compiled_and_numpy_candidates_agree_with_an_added_source(added, fitted, shoppers):
    model, _ = fitted
    for method in ("hybrid", "cf"):
        one, other = (
            model.rank(method, shoppers, exclude_purchased=True, length=10, scorer=scorer)
            for scorer in (candidates, batch_scorer)
        )
        for column in fields(Ranked):
            np.testing.assert_array_equal(getattr(one, column.name), getattr(other, column.name), column.name)


def test_an_added_source_is_in_features_and_scorecard(added, fitted, fit, make_shop):
    _, card = fitted
    assert {added.name, f"{added.name}_relative"} <= set(feature_names())
    for task in ("any", "new"):
        assert added.name in card["ablation"][task]["blend"]
    _, short = fit(make_shop([(0, 0, 0), (1, 1, 1)], 2, 3))
    assert short["weights"]["any"]["many"][added.name] == added.default_weight.repeats


def test_an_added_source_is_named_by_reasons(added, fitted, shoppers):
    model, _ = fitted
    model.hybrid.weights[:, 1:, SOURCES.index(added.name)] = 5.0
    ranked = model.rank("hybrid", shoppers, exclude_purchased=False, length=10)
    component = SOURCES.components.index(added.component)
    entry = int(np.argmax(ranked.share[:, component]))
    assert ranked.rank[entry, component] > 0
    only_added = [float(c == component) for c in range(len(SOURCES.components))]
    builder = ReasonBuilder(None, None)  # an added source has a text of its own, without counts
    (reason,) = builder.reasons(int(ranked.item[entry]), only_added, ranked.rank[entry].tolist(), -1)
    assert (reason.text, reason.method) == (added.reason_text, added.reason_method)


def test_a_model_with_an_added_source_is_read_back_only_where_it_is_registered(added, fitted):
    model, _ = fitted
    again = RecommenderModel.from_arrays(model.arrays(), model.meta())
    np.testing.assert_array_equal(
        again.components.extensions["weekday"]["orders"], model.components.extensions["weekday"]["orders"]
    )
    SOURCES.unregister(added.name)
    try:
        with pytest.raises(FormatVersionError, match="other recommendation sources"):
            RecommenderModel.from_arrays(model.arrays(), model.meta())
    finally:
        SOURCES.register(added)


def test_names_are_unique_and_built_in_sources_stay():
    with pytest.raises(UsageError, match="already registered"):
        SOURCES.register(BUILT_IN[0])
    with pytest.raises(UsageError, match="built in"):
        SOURCES.unregister(BUILT_IN[0].name)
    with pytest.raises(UsageError, match="no recommendation source 'magic'"):
        SOURCES.index("magic")


def test_built_in_sources_have_labels_and_the_reasons_of_their_component():
    for source in BUILT_IN:
        assert source.label == labels.source_label(source.name)
        component = COMPONENTS.index(source.component)
        assert reason_kind_and_method(component) == (source.reason_kind, source.reason_method)
