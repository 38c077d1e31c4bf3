"""Clusters: reproducible, equal when serving, correct on planted groups, defined for tiny shops."""

from __future__ import annotations

import hashlib
import json
import subprocess
import sys
from itertools import combinations
from pathlib import Path

import numpy as np
import pytest
from sklearn.metrics import adjusted_rand_score

from smart_retail.data.temporal_dataset import RfmTable
from smart_retail.errors import CancelledError
from smart_retail.progress import Silent
from smart_retail.segmentation.cluster_assigner import CLIP_DEVIATIONS, ClusterAssigner, DenseLayer
from smart_retail.settings import ClusterSettings
from smart_retail.training.clusters.fit_clusters import ClusterFit, fit_clusters
from smart_retail.training.clusters.k_selection import MIN_STABILITY, candidate_ks
from smart_retail.utils.fixed_point import MILLION

QUICK = ClusterSettings(epochs=10)


def shop(n: int = 600, seed: int = 0) -> tuple[RfmTable, np.ndarray]:
    """Three clearly separated kinds of customers, and the kind of each."""
    rng = np.random.default_rng(seed)
    kind = rng.integers(0, 3, n)
    recency = np.exp(np.array([1.5, 3.5, 5.8])[kind] + rng.normal(0, 0.25, n)).astype(np.int64)
    frequency = np.array([30, 6, 1])[kind] + rng.integers(0, 3, n) * (kind < 2)
    monetary = np.exp(np.array([9.0, 6.5, 4.0])[kind] + rng.normal(0, 0.3, n))
    return RfmTable(recency, frequency, np.round(monetary * MILLION).astype(np.int64)), kind


def take(table: RfmTable, rows: np.ndarray) -> RfmTable:
    return RfmTable(table.recency[rows], table.frequency[rows], table.monetary[rows])


def digest(fit: ClusterFit) -> str:
    parts = [fit.labels.tobytes(), fit.latent.tobytes(), json.dumps(fit.assigner.meta()).encode()]
    parts += [np.ascontiguousarray(a).tobytes() for _, a in sorted(fit.assigner.arrays().items())]
    return hashlib.sha256(b"".join(parts)).hexdigest()


@pytest.fixture(scope="module")
def fitted() -> tuple[RfmTable, np.ndarray, ClusterFit]:
    table, kind = shop()
    table.frequency[10] = 0
    return table, kind, fit_clusters(table, QUICK, seed=3)


def test_planted_groups_are_found_and_ordered_by_value(fitted: tuple[RfmTable, np.ndarray, ClusterFit]) -> None:
    table, kind, fit = fitted
    known = table.frequency > 0
    assert next(c.k for c in fit.choice if c.chosen) == 3
    assert (fit.labels[known] == kind[known]).mean() > 0.99, "kind 0 spends most, so does cluster 0"
    assert fit.labels[10] == -1
    assert np.isnan(fit.latent[10]).all()
    assert fit.assigner.names[0] == "Active big-spending"


def test_every_k_is_reported_with_its_scores_and_one_is_chosen(fitted: tuple[RfmTable, np.ndarray, ClusterFit]) -> None:
    fit = fitted[2]
    assert [c.k for c in fit.choice] == list(range(3, 9))
    assert sum(c.chosen for c in fit.choice) == 1
    chosen = next(c for c in fit.choice if c.chosen)
    assert chosen.stability >= MIN_STABILITY
    assert chosen.silhouette == max(c.silhouette for c in fit.choice if c.stability >= MIN_STABILITY)


@pytest.mark.slow
def test_training_lowers_the_error_of_the_principal_components() -> None:
    table, _ = shop(seed=5)
    bent = RfmTable(table.recency, table.frequency, table.monetary + 40 * table.recency * MILLION)
    trained = fit_clusters(bent, ClusterSettings(k=3, epochs=60), seed=0).autoencoder
    assert trained is not None
    assert min(trained.validation_loss) < 0.8 * trained.linear_loss
    assert len(trained.loss) == len(trained.validation_loss) <= 60


def test_serving_assigns_the_clusters_of_the_fit_bit_for_bit(fitted: tuple[RfmTable, np.ndarray, ClusterFit]) -> None:
    table, _, fit = fitted
    meta = json.loads(json.dumps(fit.assigner.meta()))
    served = ClusterAssigner.from_arrays(fit.assigner.arrays(), meta)
    assert (served.assign(table.recency, table.frequency, table.monetary) == fit.labels).all()
    together = served.encode(table.recency, table.frequency, table.monetary)
    for i in range(0, 600, 37):
        one = take(table, np.array([i]))
        assert (served.encode(one.recency, one.frequency, one.monetary)[0] == together[i]).all()


@pytest.mark.slow
def test_another_process_gives_a_bit_identical_fit(fitted: tuple[RfmTable, np.ndarray, ClusterFit]) -> None:
    here = str(Path(__file__).parent)
    code = (
        f"import sys; sys.path.insert(0, {here!r}); import test_clusters as t; table, _ = t.shop();"
        "table.frequency[10] = 0; print(t.digest(t.fit_clusters(table, t.QUICK, seed=3, threads=2)))"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True, timeout=300)
    assert done.stdout.strip() == digest(fitted[2])
    assert done.stderr == "", "TensorFlow logs nothing"


@pytest.mark.slow
def test_the_order_of_the_customers_does_not_change_the_result(fitted: tuple[RfmTable, np.ndarray, ClusterFit]) -> None:
    table, _, fit = fitted
    order = np.random.default_rng(1).permutation(len(table.recency))
    shuffled = fit_clusters(take(table, order), QUICK, seed=3)
    assert (shuffled.labels == fit.labels[order]).all()
    assert (shuffled.assigner.centroids == fit.assigner.centroids).all()


@pytest.mark.slow
def test_a_fit_restores_the_random_generators_of_the_process() -> None:
    np.random.seed(1)  # noqa: NPY002
    expected = np.random.random(3)  # noqa: NPY002
    np.random.seed(1)  # noqa: NPY002
    fit_clusters(shop(60)[0], ClusterSettings(k=2, epochs=1), seed=9)
    assert (np.random.random(3) == expected).all()  # noqa: NPY002


def table_of(*rows: tuple[int, int, float]) -> RfmTable:
    recency, frequency, monetary = (np.array(c) for c in zip(*rows, strict=True))
    return RfmTable(recency, frequency, (monetary * MILLION).astype(np.int64))


@pytest.mark.slow
@pytest.mark.parametrize(
    ("table", "k", "clusters"),
    [
        (table_of((5, 1, 10)), 0, 1),
        (table_of((5, 1, 10), (9, 3, 200)), 0, 2),
        (table_of(*[(5, 2, 10)] * 40), 0, 1),
        (table_of((5, 1, 10), (9, 3, 200), (70, 2, 30), (5, 1, 10)), 6, 3),
        (table_of((1, 1, -50), (2, 2, 0), (3, 3, 1e9), (4, 1, -1e-6)), 3, 3),
        (table_of((5, 1, 10), (9, 0, 0), (9, 3, 200), (4, 1, 1), (300, 2, 8)), 0, 3),
    ],
    ids=["one customer", "two", "all alike", "fewer than k", "amounts at and below zero", "one without an order"],
)
def test_there_are_at_most_as_many_clusters_as_distinct_customers(table: RfmTable, k: int, clusters: int) -> None:
    fit = fit_clusters(table, ClusterSettings(k=k, epochs=3))
    assert len(fit.assigner.names) == len(fit.assigner.centroids) == clusters
    assert ((fit.labels >= 0) == (table.frequency > 0)).all()
    assert np.isfinite(fit.latent[table.frequency > 0]).all()
    assert bool(fit.notes) == (clusters < (k or 3))


def test_without_kept_orders_there_are_no_clusters_and_a_note(tmp_path: Path) -> None:
    fit = fit_clusters(table_of((0, 0, 0), (0, 0, 0)), QUICK)
    assert fit.labels.tolist() == [-1, -1]
    assert fit.notes == ("There are no groups of customers, because all orders were returned.",)
    served = ClusterAssigner.from_arrays(fit.assigner.arrays(), fit.assigner.meta())
    assert served.assign(np.array([3]), np.array([2]), np.array([5 * MILLION])).tolist() == [-1]
    fit.export(tmp_path)


def test_candidate_ks_are_bounded_by_the_distinct_customers() -> None:
    assert candidate_ks(0, 3, 8, 1000) == (range(3, 9), "")
    assert candidate_ks(0, 3, 8, 5) == (range(3, 5), "")
    assert candidate_ks(5, 3, 8, 1000) == (range(5, 6), "")
    ks, note = candidate_ks(5, 3, 8, 2)
    assert ks == range(2, 3)
    assert note.startswith("Too few customers to form 5 groups")
    assert candidate_ks(0, 3, 8, 1) == (range(1, 2), "Too few customers to form groups.")


@pytest.mark.slow
def test_the_currency_does_not_change_the_clusters(fitted: tuple[RfmTable, np.ndarray, ClusterFit]) -> None:
    table, _, fit = fitted
    in_yen = fit_clusters(RfmTable(table.recency, table.frequency, table.monetary * 150), QUICK, seed=3)
    assert (in_yen.labels == fit.labels).all()


@pytest.mark.slow
def test_a_single_outlier_does_not_form_its_own_cluster() -> None:
    table, _ = shop()
    table.monetary[0] = 10**17
    fit = fit_clusters(table, QUICK, seed=0)
    assert np.bincount(fit.labels).min() > 100
    assert np.abs(fit.assigner.scaled_features(table.recency, table.frequency, table.monetary)).max() <= CLIP_DEVIATIONS


def test_exported_models_load_and_agree_with_the_fit(
    fitted: tuple[RfmTable, np.ndarray, ClusterFit], tmp_path: Path
) -> None:
    import joblib
    import keras

    table, _, fit = fitted
    fit.export(tmp_path)
    scaler, kmeans = joblib.load(tmp_path / "scaler.joblib"), joblib.load(tmp_path / "kmeans.joblib")
    network = keras.saving.load_model(tmp_path / "autoencoder.h5")
    unit = fit.assigner.unit
    features = np.stack((np.log1p(table.recency), np.log1p(table.frequency), np.arcsinh(table.monetary / unit)), axis=1)
    scaled = np.clip(scaler.transform(features), -CLIP_DEVIATIONS, CLIP_DEVIATIONS)
    assert np.allclose(scaled.T, fit.assigner.scaled_features(table.recency, table.frequency, table.monetary))
    assert network.loss.__name__ == "mean_squared_error"
    latent = keras.Model(network.inputs[0], network.get_layer("latent").output)(scaled.astype(np.float32))
    known = table.frequency > 0
    assert np.allclose(np.asarray(keras.ops.convert_to_numpy(latent))[known], fit.latent[known], atol=1e-4)
    assert (kmeans.predict(fit.latent[known].astype(np.float64)) == fit.labels[known]).mean() > 0.995


def test_the_clusters_are_compared_with_plain_k_means(fitted: tuple[RfmTable, np.ndarray, ClusterFit]) -> None:
    fit = fitted[2]
    assert [p.name for p in fit.comparison] == ["autoencoder + K-means", "K-means on log RFM", "K-means on RFM"]
    assert all(sum(p.sizes) == 599 and -1 <= p.silhouette <= 1 for p in fit.comparison)
    assert json.loads(json.dumps(fit.summary()))["linear_loss"] > 0


def test_a_fit_can_be_cancelled() -> None:
    class Stop(Silent):
        def check(self) -> None:
            raise CancelledError("Cancelled.")

    with pytest.raises(CancelledError):
        fit_clusters(shop(50)[0], QUICK, progress=Stop())


def test_a_dense_layer_equals_the_matrix_product() -> None:
    rng = np.random.default_rng(0)
    x, weights, biases = rng.normal(size=(3, 50)), rng.normal(size=(3, 4)), rng.normal(size=4)
    assert np.allclose(DenseLayer(weights, biases, "linear").forward(x), weights.T @ x + biases[:, None])
    assert np.allclose(DenseLayer(weights, biases, "relu").forward(x), np.maximum(weights.T @ x + biases[:, None], 0))


@pytest.mark.slow
@pytest.mark.real_data
@pytest.mark.timeout(900)
def test_ten_seeds_find_the_same_clusters_in_a_real_shop(real_data: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """k is selected once; other seeds change the initial state of autoencoder, batches and K-means."""
    table = online_retail(real_data)
    first = fit_clusters(table, ClusterSettings(), seed=0, threads=0)
    k = next(c.k for c in first.choice if c.chosen)
    assert k >= 3
    monkeypatch.setattr(
        "smart_retail.training.clusters.fit_clusters.REFITS", 2
    )  # the refits only matter for the selection of k
    labels = [first.labels]
    labels += [fit_clusters(table, ClusterSettings(k=k), seed=seed, threads=0).labels for seed in range(1, 10)]
    known = table.frequency > 0
    agreement = [adjusted_rand_score(a[known], b[known]) for a, b in combinations(labels, 2)]
    assert np.mean(agreement) >= 0.90
    assert min(agreement) >= 0.85
    assert first.comparison[0].silhouette > first.comparison[1].silhouette


def online_retail(folder: Path) -> RfmTable:
    """RFM of Online Retail II's second year, purchases only."""
    import pandas as pd

    lines = pd.read_csv(folder / "online_retail_2010_2011.csv.gz", dtype={"Invoice": str, "Customer ID": str})
    lines = lines[lines["Customer ID"].notna() & ~lines["Invoice"].str.startswith("C") & (lines["Quantity"] > 0)]
    days = pd.to_datetime(lines["InvoiceDate"]).dt.normalize()
    grouped = lines.assign(day=days, amount=lines["Quantity"] * lines["Price"]).groupby("Customer ID", sort=True)
    recency = (days.max() - grouped["day"].max()).dt.days.to_numpy() + 1
    amounts = np.round(grouped["amount"].sum().to_numpy() * MILLION).astype(np.int64)
    return RfmTable(recency.astype(np.int64), grouped["Invoice"].nunique().to_numpy(), amounts)
