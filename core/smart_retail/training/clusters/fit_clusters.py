"""Clusters of customers with similar purchases: K-means on the latent space of an autoencoder.

In: an `RfmTable`. Out: a `ClusterFit` with the `ClusterAssigner` for serving and the figures of its selection.
scikit-learn and Keras are imported inside the functions, because they load slowly.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from smart_retail.data.temporal_dataset import RfmTable
from smart_retail.errors import MissingExtraError
from smart_retail.progress import SILENT, Progress
from smart_retail.results import ClusterChoice, Result
from smart_retail.segmentation.cluster_assigner import NO_CLUSTER, ClusterAssigner, log_features, nearest_centroid
from smart_retail.settings import ClusterSettings
from smart_retail.training.clusters.autoencoder import AutoencoderTrainer, TrainedAutoencoder, load_keras
from smart_retail.training.clusters.cluster_names import cluster_names
from smart_retail.training.clusters.k_selection import (
    CHOICE_CUSTOMERS,
    MIN_STABILITY,
    candidate_ks,
    even_sample,
    kmeans,
    select_k,
    silhouette,
)

REFITS: Final = 4
"""Number of resamples on which autoencoder and K-means are fitted again, to measure the stability of each k."""
REFIT_CUSTOMERS: Final = 5_000
"""Maximum number of customers in a resample."""


class ClusteringComparison(Result, frozen=True):
    """Quality of one way to cluster the customers, for comparison."""

    name: str
    silhouette: float
    """Mean silhouette in the space of the clustering, -1 to 1."""
    silhouette_log_rfm: float
    """Mean silhouette in the common space of log-scaled, standardised RFM, -1 to 1."""
    sizes: tuple[int, ...]
    """Number of customers per cluster, largest first."""


@dataclass(frozen=True, slots=True)
class ClusterFit:
    """Clusters of one purchase history."""

    assigner: ClusterAssigner
    choice: tuple[ClusterChoice, ...]
    """Every number of clusters that was tried, with its scores."""
    labels: NDArray[np.int16]
    """Cluster id by customer code, -1 where frequency is 0; shape ``(n_customers,)``."""
    latent: NDArray[np.float32]
    """Coordinates by customer code, NaN where frequency is 0; shape ``(n_customers, latent)``."""
    autoencoder: TrainedAutoencoder | None
    """None where no customer has a kept order."""
    comparison: tuple[ClusteringComparison, ...]
    """These clusters compared with plain K-means with the same k."""
    notes: tuple[str, ...]
    """Notes for the report, such as a reduced number of clusters."""
    scaler: Any = None
    """`StandardScaler` fitted on the log-scaled training customers, for the export; None without customers."""

    def summary(self) -> dict[str, Any]:
        """Return the comparison and the training losses, as JSON data."""
        trained = self.autoencoder
        return {
            "comparison": [p.as_dict() for p in self.comparison],
            "loss": list(trained.loss) if trained else [],
            "validation_loss": list(trained.validation_loss) if trained else [],
            "linear_loss": trained.linear_loss if trained else None,
        }

    def export(self, folder: Path) -> None:
        """Write ``autoencoder.h5``, ``scaler.joblib`` and ``kmeans.joblib`` for notebooks.

        The scaler expects ``log1p(days), log1p(orders), arcsinh(amount * 1e6 / unit)``; the network expects the
        scaled features clipped to -3 to 3; K-means expects the output of the layer ``latent``, in float64.
        """
        if self.autoencoder is None:
            return
        import joblib

        folder.mkdir(parents=True, exist_ok=True)
        self.autoencoder.export(folder / "autoencoder.h5")
        joblib.dump(self.scaler, folder / "scaler.joblib")
        joblib.dump(self._kmeans(), folder / "kmeans.joblib")

    def _kmeans(self) -> Any:
        from sklearn.cluster import KMeans

        centroids = self.assigner.centroids
        kmeans = KMeans(len(centroids), init=centroids, n_init=1, max_iter=1).fit(centroids)
        kmeans.cluster_centers_ = centroids.copy()
        return kmeans


def fit_clusters(
    table: RfmTable,
    settings: ClusterSettings,
    *,
    seed: int = 0,
    threads: int = 1,
    progress: Progress = SILENT,
) -> ClusterFit:
    """Fit the clusters: scale RFM, train the autoencoder, select k, run K-means, order and name the clusters.

    The result depends on the RFM values, the settings and the seed only, not on the order of the customers or on the
    number of threads.

    Parameters
    ----------
    table : RfmTable
        RFM by customer code; customers with frequency 0 get no cluster.
    settings : ClusterSettings
    seed : int
    threads : int
        Number of threads that evaluate different k; 0 uses all processors.
    progress : Progress
        Receives the selected k; its `check` can cancel.

    Raises
    ------
    MissingExtraError
        TensorFlow or scikit-learn is not installed.
    CancelledError
        The user cancelled, through `progress`.
    """
    _check_installed()
    known = _select_rows(table, np.flatnonzero(table.frequency > 0))
    train = _training_rows(known, settings.train_customers)
    scaler = _fit_scaler(train)
    if not len(train.recency):
        no_centroids = np.zeros((0, settings.latent))
        note = "There are no groups of customers, because all orders were returned."
        return _assign_all(replace(scaler, centroids=no_centroids), table, notes=(note,))
    features = scaler.scaled_features(train.recency, train.frequency, train.monetary).T
    trainer = AutoencoderTrainer(features.shape[1], settings.latent)

    def encoder(rows: NDArray[np.int64], refit: int) -> tuple[ClusterAssigner, TrainedAutoencoder]:
        trained = trainer.train(features[rows], epochs=settings.epochs, seed=seed + refit, progress=progress)
        return replace(scaler, encoder=trained.encoder), trained

    encoded, autoencoder = encoder(np.arange(len(features)), 0)
    latent = _encode(encoded, train)
    ks, note = candidate_ks(settings.k, settings.k_min, settings.k_max, len(np.unique(latent, axis=0)))
    reference = _select_rows(train, even_sample(len(features), REFIT_CUSTOMERS))
    refits = []
    for refit in range(1, REFITS + 1):
        rows = _resample(len(features), np.random.default_rng((seed, refit)))
        refitted, _ = encoder(rows, refit)
        refits.append((_encode(refitted, _select_rows(train, rows)), _encode(refitted, reference)))
    choice = select_k(latent, refits, ks, seed, threads)
    progress.message(_describe_choice(choice))
    centroids = kmeans(latent, next(c.k for c in choice if c.chosen), seed)
    assigner = _order_clusters(replace(encoded, centroids=centroids), known)
    comparison = _compare_methods(assigner, train, features, latent, seed)
    fitted = _assign_all(assigner, table, notes=(note,) if note else ())
    return replace(
        fitted,
        choice=choice,
        autoencoder=autoencoder,
        comparison=comparison,
        scaler=_fit_standard_scaler(train, assigner.unit),
    )


def _check_installed() -> None:
    load_keras()
    try:
        import joblib  # noqa: F401
        import sklearn  # noqa: F401
        import threadpoolctl  # noqa: F401
    except ImportError as error:
        raise MissingExtraError(
            f"Fitting clusters needs {error.name}, which is not installed.",
            "Install the extra: pip install 'smart-retail-engine[train]'",
        ) from error


def _select_rows(table: RfmTable, rows: NDArray[np.int64]) -> RfmTable:
    return RfmTable(table.recency[rows], table.frequency[rows], table.monetary[rows])


def _encode(assigner: ClusterAssigner, table: RfmTable) -> NDArray[np.float64]:
    return assigner.encode(table.recency, table.frequency, table.monetary)


def _training_rows(known: RfmTable, limit: int) -> RfmTable:
    """Return an even sample of the customers sorted by value, independent of their order in the table."""
    order = np.lexsort((known.recency, known.frequency, known.monetary))
    return _select_rows(known, order[even_sample(len(order), limit)])


def _resample(count: int, rng: np.random.Generator) -> NDArray[np.int64]:
    """Return rows drawn with reassigner, in ascending order."""
    return np.sort(rng.integers(0, count, size=min(count, REFIT_CUSTOMERS)))


def _fit_scaler(train: RfmTable) -> ClusterAssigner:
    """Return an assigner with mean and scale of the log-scaled features, without encoder and centroids.

    The arrays are computed here and not taken from `StandardScaler`, which sums in another order: its last bits
    differ, and every later step would change with them.
    """
    # Far below the amount of a typical customer, so that the scale is logarithmic for nearly all, in any currency.
    unit = max(float(np.median(np.abs(train.monetary))) / 100, 1.0) if len(train.monetary) else 1.0
    features = log_features(train.recency, train.frequency, train.monetary, unit)
    if not features.size:
        return ClusterAssigner(unit, np.zeros(3), np.ones(3), (), np.zeros((0, 3)), ())
    scale = features.std(axis=1)
    # Equal customers differ by rounding only, which must not be scaled up to a deviation of 1.
    return ClusterAssigner(unit, features.mean(axis=1), np.where(scale > 1e-9, scale, 1.0), (), np.zeros((0, 3)), ())


def _order_clusters(assigner: ClusterAssigner, known: RfmTable) -> ClusterAssigner:
    """Order the clusters by mean amount, largest first, so that ids keep their meaning between fits, and name them."""
    labels = assigner.nearest_cluster(_encode(assigner, known))
    sizes = np.maximum(np.bincount(labels, minlength=len(assigner.centroids)), 1)
    order = np.argsort(-np.bincount(labels, known.monetary, len(sizes)) / sizes, kind="stable")
    scaled = assigner.scaled_features(known.recency, known.frequency, known.monetary)
    profiles = np.stack([np.bincount(labels, row, len(sizes)) / sizes for row in scaled], axis=1)
    return replace(assigner, centroids=assigner.centroids[order], names=cluster_names(profiles[order]))


def _describe_choice(choice: tuple[ClusterChoice, ...]) -> str:
    best = next(c for c in choice if c.chosen)
    found = "1 group of customers found" if best.k == 1 else f"{best.k} groups of customers found"
    stable = "they are the same when the data are resampled"
    unstable = "they differ when the data are resampled"
    finding = stable if best.stability >= MIN_STABILITY else unstable
    return f"{found}; {finding} (silhouette {best.silhouette:.2f}, stability {best.stability:.2f})."


def _fit_standard_scaler(train: RfmTable, unit: float) -> Any:
    """Return scikit-learn's scaler of the same features, for the export."""
    from sklearn.preprocessing import StandardScaler

    return StandardScaler().fit(log_features(train.recency, train.frequency, train.monetary, unit).T)


def _compare_methods(
    assigner: ClusterAssigner,
    train: RfmTable,
    features: NDArray[np.float64],
    latent: NDArray[np.float64],
    seed: int,
) -> tuple[ClusteringComparison, ...]:
    """Compare the clusters with K-means on log-scaled and on plain standardised RFM: same k, same customers."""
    rows = even_sample(len(latent), CHOICE_CUSTOMERS)
    train, features, latent = _select_rows(train, rows), features[rows], latent[rows]
    k = len(assigner.centroids)
    plain = np.stack((train.recency, train.frequency, train.monetary), axis=1).astype(np.float64)
    plain = (plain - plain.mean(axis=0)) / np.maximum(plain.std(axis=0), 1e-9)

    def partition(name: str, points: NDArray[np.float64], labels: NDArray[np.int16]) -> ClusteringComparison:
        sizes = np.sort(np.bincount(labels, minlength=k))[::-1]
        return ClusteringComparison(
            name, silhouette(points, labels), silhouette(features, labels), tuple(sizes.tolist())
        )

    return (
        partition("autoencoder + K-means", latent, assigner.nearest_cluster(latent)),
        partition("K-means on log RFM", features, nearest_centroid(features, kmeans(features, k, seed))),
        partition("K-means on RFM", plain, nearest_centroid(plain, kmeans(plain, k, seed))),
    )


def _assign_all(assigner: ClusterAssigner, table: RfmTable, notes: tuple[str, ...]) -> ClusterFit:
    """Assign every customer of the table to a cluster."""
    known = table.frequency > 0
    latent = np.full((len(known), assigner.centroids.shape[1]), np.nan)
    labels = np.full(len(known), NO_CLUSTER, dtype=np.int16)
    if known.any():
        latent[known] = _encode(assigner, _select_rows(table, np.flatnonzero(known)))
        labels[known] = assigner.nearest_cluster(latent[known])
    return ClusterFit(assigner, (), labels, latent.astype(np.float32), None, (), notes)
