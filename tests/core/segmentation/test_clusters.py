"""Clusters: reproducible, equal when serving, correct on planted groups, defined for tiny shops."""

from __future__ import annotations

import hashlib
import json
import subprocess
import sys
from dataclasses import replace
from itertools import combinations
from pathlib import Path

import numpy as np
import pytest
from sklearn.metrics import adjusted_rand_score

from smart_retail.data.purchase_history import PurchaseHistory
from smart_retail.errors import CancelledError
from smart_retail.evaluation.temporal_split import GroundTruth
from smart_retail.progress import Silent
from smart_retail.recommenders.base import Catalogue
from smart_retail.segmentation.cluster_assigner import ClusterAssigner, DenseLayer, select_rows
from smart_retail.segmentation.customer_features import CLIP_DEVIATIONS, CustomerFeatures, compute_measures
from smart_retail.segmentation.rfm import compute_rfm
from smart_retail.settings import ClusterSettings
from smart_retail.training.clusters.cluster_trial import build_trial
from smart_retail.training.clusters.feature_fit import CustomerData, ItemTraits, fit_item_factors, item_columns
from smart_retail.training.clusters.fine_clusters import candidate_counts, first_near_best, list_quality, split_clusters
from smart_retail.training.clusters.fit_clusters import AUTOENCODER, LINEAR, ClusterFit, fit_clusters
from smart_retail.training.clusters.k_selection import MIN_STABILITY, candidate_ks
from smart_retail.training.clusters.taste_names import find_terms
from smart_retail.utils.fixed_point import MILLION

QUICK = ClusterSettings(epochs=5)
LAST_DAY = 20_000
CATEGORIES = ("Baby", "Garden", "Produce", "Toys")
Row = tuple[int, int, int, int, float]
"""Customer, order, item, day and amount."""


def history_of(rows: list[Row], n_customers: int, n_items: int = 40) -> PurchaseHistory:
    """Return a history of lines, one unit each."""
    customer, order, item, day, amount = np.array(sorted(rows), np.float64).reshape(len(rows), 5).T
    return PurchaseHistory(
        customer.astype(np.int32),
        order.astype(np.int32),
        item.astype(np.int32),
        day.astype(np.int32),
        np.full(len(rows), MILLION),
        np.round(amount * MILLION).astype(np.int64),
        n_customers,
        n_items,
        LAST_DAY,
    )


def weighted(features: CustomerFeatures, data: CustomerData) -> np.ndarray:
    measures = compute_measures(data.history, data.table, features.unit, features.item_columns)
    return features.weighted(data.history, measures)


def shop(n: int = 400, seed: int = 0) -> tuple[CustomerData, np.ndarray, np.ndarray]:
    """Three kinds of value and four tastes, a category each; return also value and taste of each customer."""
    rng = np.random.default_rng(seed)
    value, taste = rng.integers(0, 3, n), rng.integers(0, 4, n)
    rows: list[Row] = []
    order = 0
    for c in range(n):
        last = LAST_DAY - int(np.exp((1.5, 3.5, 5.8)[value[c]] + rng.normal(0, 0.25)))
        orders = (30, 6, 1)[value[c]] + int(rng.integers(0, 3)) * (value[c] < 2)
        for k in reversed(range(orders)):
            items = taste[c] * 10 + rng.choice(10, 3, replace=False)
            rows += [(c, order, int(item), last - 7 * k, float(np.exp(3 - value[c]))) for item in items]
            order += 1
    history = history_of(rows, n)
    return CustomerData(history, compute_rfm(history)), value, taste


def traits(history: PurchaseHistory) -> ItemTraits:
    item = np.arange(history.n_items)
    none = np.full(len(item), np.nan)
    category = np.where(item // 10 < len(CATEGORIES), item // 10, -1).astype(np.int32)  # none beyond the small shop
    catalogue = Catalogue(category, np.full(len(item), -1, np.int32), 1.0 + item)
    return ItemTraits(item_columns(history, catalogue, none), find_terms(catalogue, CATEGORIES))


def fit(data: CustomerData, settings: ClusterSettings = QUICK, **options: object) -> ClusterFit:
    return fit_clusters(data, traits(data.history), settings, **options)  # type: ignore[arg-type]


def digest(found: ClusterFit) -> str:
    parts = [found.labels.tobytes(), found.fine.tobytes(), found.points.tobytes()]
    parts += [json.dumps(found.assigner.meta()).encode()]
    parts += [np.ascontiguousarray(a).tobytes() for _, a in sorted(found.assigner.arrays().items())]
    return hashlib.sha256(b"".join(parts)).hexdigest()


def window_fit() -> tuple[CustomerData, np.ndarray, np.ndarray, ClusterFit]:
    """A fit with a trial on a past window; customer 10 has no order."""
    data, value, taste = shop()
    keep = data.history.customer != 10
    history = data.history.take(keep)
    data = CustomerData(history, compute_rfm(history))
    trial = build_trial(history, int(history.day.min()), 3)
    return data, value, taste, fit(data, ClusterSettings(k_max=12, epochs=5), trial=trial, seed=3)


@pytest.fixture(scope="module")
def fitted() -> tuple[CustomerData, np.ndarray, np.ndarray, ClusterFit]:
    return window_fit()


def test_planted_groups_are_found_on_both_levels(fitted) -> None:
    data, value, taste, found = fitted
    known = data.table.frequency > 0
    both = value * 4 + taste
    assert adjusted_rand_score(found.labels[known], both[known]) > 0.7
    # A fine cluster holds one taste and one kind of value.
    assert all(len(np.unique(both[found.fine == k])) == 1 for k in np.unique(found.fine[known]))
    assert (found.assigner.parent[found.fine[known]] == found.labels[known]).all(), "fine clusters are nested"
    assert found.labels[10] == found.fine[10] == -1
    assert np.isnan(found.points[10]).all()


def test_names_say_value_and_taste(fitted) -> None:
    _, _, taste, found = fitted
    assert all(name.startswith("Active") for name in found.assigner.names[:4]), "ordered by mean amount"
    assert {name.split(", ")[1] for name in found.assigner.names[:4]} == {c.lower() for c in CATEGORIES}
    for customer in (0, 1, 2, 3):
        assert (
            found.assigner.fine_names[found.fine[customer]]
            .split(", ")[1]
            .startswith(CATEGORIES[taste[customer]].lower())
        )
    assert len(set(found.assigner.fine_names)) == len(found.assigner.fine_names)


def test_every_k_is_reported_with_its_scores_and_one_is_chosen(fitted) -> None:
    found = fitted[3]
    assert [c.k for c in found.choice] == list(range(3, 13))
    assert sum(c.chosen for c in found.choice) == 1
    chosen = next(c for c in found.choice if c.chosen)
    assert chosen.k > 4, "three kinds of value with four tastes each"
    assert chosen.stability >= MIN_STABILITY


def test_the_latent_space_is_chosen_on_a_past_window_and_the_choice_is_explained(fitted) -> None:
    plan = fitted[3].plan
    best = {space: max(values.values()) for space, values in plan.quality.items()}
    assert set(best) == {LINEAR, AUTOENCODER}
    assert plan.space == (AUTOENCODER if best[AUTOENCODER] > best[LINEAR] else LINEAR)
    assert max(best.values()) > 1.5 * plan.popular, "customers buy within their taste"
    assert f"{best[AUTOENCODER]:.3f}, those of principal components {best[LINEAR]:.3f}" in plan.describe()
    assert json.loads(json.dumps(fitted[3].summary()))["past_window"]["popular"] == plan.popular


@pytest.mark.slow
def test_the_clusters_of_backtests_know_nothing_of_later_purchases() -> None:
    data, _, _ = shop(seed=2)
    first = int(data.history.day.min())
    trial = build_trial(data.history, first, 3)
    assert trial is not None
    cut = trial.data.history.last_day + 1
    late = data.history.day >= cut + (LAST_DAY - cut) // 2 + 1
    assert late.any()
    other = data.history.take(~late)
    changed = fit(CustomerData(other, compute_rfm(other)), ClusterSettings(k=3, epochs=3), trial=trial)
    full = fit(data, ClusterSettings(k=3, epochs=3), trial=trial)
    for name, values in full.earlier.arrays().items():
        if name != "item_columns":
            assert np.array_equal(values, changed.earlier.arrays()[name]), name


def test_serving_assigns_the_clusters_of_the_fit_bit_for_bit(fitted) -> None:
    data, _, _, found = fitted
    meta = json.loads(json.dumps(found.assigner.meta()))
    served = ClusterAssigner.from_arrays(found.assigner.arrays(), meta)
    again = served.assign(data.history, data.table)
    assert (again.coarse == found.labels).all()
    assert (again.fine == found.fine).all()
    together = served.locate(data.history, data.table)
    for i in (0, 37, 74, 399):
        one = served.locate(data.history.select(np.array([i])), select_rows(data.table, np.array([i])))
        assert (one.latent[0] == together.latent[i]).all()
        assert (one.principal[0] == together.principal[i]).all()


def test_arrays_that_do_not_fit_are_refused(fitted) -> None:
    assigner = fitted[3].assigner
    for name, values in (("axes", assigner.axes[1:]), ("parent", assigner.parent + 1), ("center", np.zeros(2))):
        with pytest.raises(ValueError, match="do not fit"):
            ClusterAssigner.from_arrays({**assigner.arrays(), name: values}, assigner.meta())


@pytest.mark.slow
def test_another_process_gives_a_bit_identical_fit(fitted) -> None:
    here = str(Path(__file__).parent)
    code = f"import sys; sys.path.insert(0, {here!r}); import test_clusters as t; print(t.digest(t.window_fit()[3]))"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True, timeout=300)
    assert done.stdout.strip() == digest(fitted[3])
    assert done.stderr == "", "TensorFlow logs nothing"


@pytest.mark.slow
def test_a_fit_restores_the_random_generators_of_the_process() -> None:
    np.random.seed(1)  # noqa: NPY002
    expected = np.random.random(3)  # noqa: NPY002
    np.random.seed(1)  # noqa: NPY002
    window_fit()
    assert (np.random.random(3) == expected).all()  # noqa: NPY002


@pytest.mark.parametrize(
    ("rows", "customers", "k", "clusters"),
    [
        ([(0, 0, 1, 19_990, 10.0)], 1, 0, 1),
        ([(0, 0, 1, 19_990, 10.0), (1, 1, 2, 19_950, 200.0)], 2, 0, 2),
        ([(c, c, 1, 19_990, 10.0) for c in range(40)], 40, 0, 1),
        ([(0, 0, 1, 19_990, -50.0), (1, 1, 2, 19_950, 0.0), (2, 2, 3, 19_000, 1e9)], 3, 3, 3),
    ],
    ids=["one customer", "two", "all alike", "amounts at and below zero"],
)
def test_there_are_at_most_as_many_clusters_as_distinct_customers(
    rows: list[Row], customers: int, k: int, clusters: int
) -> None:
    history = history_of(rows, customers)
    found = fit(CustomerData(history, compute_rfm(history)), ClusterSettings(k=k, epochs=3))
    assert len(found.assigner.names) == len(found.assigner.centroids) == clusters
    assert (found.labels >= 0).all()
    assert (found.fine >= 0).all()
    assert np.isfinite(found.points).all()
    assert bool(found.notes) == (clusters < (k or 3))


def test_without_kept_orders_there_are_no_clusters_and_a_note(tmp_path: Path) -> None:
    history = history_of([], 2)
    found = fit(CustomerData(history, compute_rfm(history)))
    assert found.labels.tolist() == found.fine.tolist() == [-1, -1]
    assert found.notes == ("There are no groups of customers, because all orders were returned.",)
    served = ClusterAssigner.from_arrays(found.assigner.arrays(), found.assigner.meta())
    other = history_of([(0, 0, 1, 19_990, 10.0)], 1)
    assert served.assign(other, compute_rfm(other)).fine.tolist() == [-1]
    found.export(tmp_path)


def test_candidate_ks_are_bounded_by_the_distinct_customers() -> None:
    assert candidate_ks(0, 3, 8, 1000) == (range(3, 9), "")
    assert candidate_ks(0, 3, 8, 5) == (range(3, 5), "")
    assert candidate_ks(5, 3, 8, 1000) == (range(5, 6), "")
    ks, note = candidate_ks(5, 3, 8, 2)
    assert ks == range(2, 3)
    assert note.startswith("Too few customers to form 5 groups")
    assert candidate_ks(0, 3, 8, 1) == (range(1, 2), "Too few customers to form groups.")


def test_numbers_of_fine_clusters_follow_customers_and_items() -> None:
    assert candidate_counts(5000, 4000, 4) == [25, 50, 100]
    assert candidate_counts(600, 4000, 4) == [25, 50]
    assert candidate_counts(100_000, 70_000, 4) == [25, 50]
    assert candidate_counts(80, 4000, 4) == [8]
    assert candidate_counts(5, 10**7, 3) == [3]


def test_a_smaller_number_is_preferred_if_its_lists_are_as_good() -> None:
    assert first_near_best([0.20, 0.2195, 0.22]) == 1
    assert first_near_best([0.20, 0.21, 0.22]) == 2


def test_coarse_clusters_are_divided_by_the_purchases_of_their_customers() -> None:
    rng = np.random.default_rng(0)
    coarse = np.repeat([0, 1], 100).astype(np.int16)
    lines = np.where(coarse == 0, 900, 100)
    value = rng.integers(1, 100, 200)
    found = split_clusters(rng.normal(size=(200, 3)), coarse, lines, value, 20, 0)
    assert np.bincount(found.parent).tolist() == [15, 5], "by the square roots 30 and 10"
    assert (found.parent[found.labels] == coarse).all()
    for parent in (0, 1):
        means = [value[found.labels == k].mean() for k in np.flatnonzero(found.parent == parent)]
        assert means == sorted(means, reverse=True)


def test_lists_of_a_cluster_have_what_it_buys() -> None:
    history = history_of([(c, c, c % 2 * 20 + i, 19_990, 1.0) for c in range(10) for i in range(10)], 10)
    truth = GroundTruth(np.array([0, 1], np.int32), np.array([0, 1, 2]), np.array([0, 20]))
    apart, together = (np.arange(10) % 2).astype(np.int16), np.zeros(10, np.int16)
    assert list_quality(history, apart, truth) == 1.0, "the first items of their own cluster"
    assert list_quality(history, together, truth) < 0.7


def test_taste_separates_customers_by_what_they_buy() -> None:
    data, _, taste = shop(seed=4)
    found = fit(data, ClusterSettings(k=3, epochs=1)).assigner.features
    vectors = weighted(found, data)[len(found.mean) :].T
    assert np.allclose(np.linalg.norm(vectors, axis=1), 1.0)
    similarity, same = vectors @ vectors.T, taste[:, None] == taste
    assert similarity[same].mean() > similarity[~same].mean() + 0.3
    assert fit_item_factors(history_of([], 3), 0).shape == (40, 0)


def test_the_currency_changes_only_the_measures_of_amounts() -> None:
    data, _, _ = shop(60)
    columns = traits(data.history).columns
    yen = replace(data.history, amount=data.history.amount * 150)
    here = compute_measures(data.history, data.table, MILLION, columns)
    there = compute_measures(yen, compute_rfm(yen), 150 * MILLION, columns)
    assert np.allclose(here, there)


def test_features_of_an_outlier_are_clipped() -> None:
    data, _, _ = shop(200)
    data.table.monetary[0] = 10**17
    found = fit(data, ClusterSettings(k=3, epochs=3))
    raw = weighted(found.assigner.features, data)
    assert np.abs(raw[:3]).max() <= 0.3 * CLIP_DEVIATIONS + 1e-12
    assert np.bincount(found.labels).min() > 20


def test_exported_models_load_and_agree_with_the_fit(fitted, tmp_path: Path) -> None:
    import joblib
    import keras

    data, _, _, found = fitted
    found.export(tmp_path)
    scaler, kmeans = joblib.load(tmp_path / "scaler.joblib"), joblib.load(tmp_path / "kmeans.joblib")
    network = keras.saving.load_model(tmp_path / "autoencoder.h5")
    known = np.flatnonzero(data.table.frequency > 0).astype(np.int32)
    history, table = data.history.select(known), select_rows(data.table, known)
    features = found.assigner.features
    measures = compute_measures(history, table, features.unit, features.item_columns)
    assert np.allclose(scaler.transform(measures.T).T, (measures - features.mean[:, None]) / features.scale[:, None])
    assert network.loss.__name__ == "mean_squared_error"
    latent = keras.Model(network.inputs[0], network.get_layer("latent").output)
    inputs = features.compute(history, table).T.astype(np.float32)
    at = found.assigner.locate(history, table)
    assert np.allclose(np.asarray(keras.ops.convert_to_numpy(latent(inputs))), at.latent, atol=1e-3)
    assert (kmeans.predict(at.principal) == found.labels[known]).all()


def test_the_clusters_are_compared_with_plain_k_means(fitted) -> None:
    found = fitted[3]
    assert [p.name for p in found.comparison] == ["value and taste", "K-means on log RFM", "K-means on RFM"]
    assert all(sum(p.sizes) == 399 and -1 <= p.silhouette <= 1 for p in found.comparison)
    assert json.loads(json.dumps(found.summary()))["linear_loss"] > 0


def test_training_lowers_the_error_of_the_principal_components(fitted) -> None:
    trained = fitted[3].training
    assert trained is not None
    assert min(trained.validation_loss) < trained.linear_loss
    assert len(trained.loss) == len(trained.validation_loss) <= 5


def test_a_fit_can_be_cancelled() -> None:
    class Stop(Silent):
        def check(self) -> None:
            raise CancelledError("Cancelled.")

    with pytest.raises(CancelledError):
        fit(shop(50)[0], progress=Stop())


def test_a_dense_layer_equals_the_matrix_product() -> None:
    rng = np.random.default_rng(0)
    x, weights, biases = rng.normal(size=(3, 50)), rng.normal(size=(3, 4)), rng.normal(size=4)
    assert np.allclose(DenseLayer(weights, biases, "linear").forward(x), weights.T @ x + biases[:, None])
    assert np.allclose(DenseLayer(weights, biases, "relu").forward(x), np.maximum(weights.T @ x + biases[:, None], 0))


@pytest.mark.slow
@pytest.mark.real_data
@pytest.mark.timeout(900)
def test_ten_seeds_find_the_same_clusters_in_a_real_shop(real_data: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """k is selected once; other seeds change the factors of taste and the starts of K-means."""
    data = online_retail(real_data)
    first = fit(data, ClusterSettings(), seed=0, threads=0)
    k = next(c.k for c in first.choice if c.chosen)
    assert k >= 3
    monkeypatch.setattr("smart_retail.training.clusters.fit_clusters.REFITS", 2)  # they only matter for the selection
    labels = [first.labels]
    labels += [fit(data, ClusterSettings(k=k), seed=seed, threads=0).labels for seed in range(1, 10)]
    known = data.table.frequency > 0
    agreement = [adjusted_rand_score(a[known], b[known]) for a, b in combinations(labels, 2)]
    assert np.mean(agreement) >= 0.90
    assert min(agreement) >= 0.85


def online_retail(folder: Path) -> CustomerData:
    """Purchases of Online Retail II's second year."""
    import pandas as pd

    lines = pd.read_csv(folder / "online_retail_2010_2011.csv.gz", dtype={"Invoice": str, "Customer ID": str})
    lines = lines[lines["Customer ID"].notna() & ~lines["Invoice"].str.startswith("C") & (lines["Quantity"] > 0)]
    customer, item = (pd.factorize(lines[name], sort=True)[0] for name in ("Customer ID", "StockCode"))
    day = pd.to_datetime(lines["InvoiceDate"]).to_numpy().astype("datetime64[D]").astype(np.int64)
    frame = pd.DataFrame({"c": customer, "i": item, "d": day, "o": pd.factorize(lines["Invoice"])[0]})
    frame["a"] = np.round((lines["Quantity"] * lines["Price"]).to_numpy() * MILLION).astype(np.int64)
    frame = frame.groupby(["c", "d", "o", "i"], as_index=False)["a"].sum()
    history = PurchaseHistory(
        *(frame[name].to_numpy(np.int32) for name in "coid"),
        np.full(len(frame), MILLION),
        frame["a"].to_numpy(),
        int(customer.max()) + 1,
        int(item.max()) + 1,
        int(day.max()),
    )
    return CustomerData(history, compute_rfm(history))
