"""Groups of customers with alike buying: K-means on the latent space of an autoencoder.

In: an `RfmTable`. Out: a `ClusterFit`: its `Placement` for serving, and how it was arrived at.
scikit-learn and Keras are imported inside the functions.
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
    candidate_ks,
    even_sample,
    kmeans,
    select_k,
    silhouette,
)

REFITS: Final = 4
"""The autoencoder is trained and K-means run again on so many resamples, to see which k is stable."""
REFIT_CUSTOMERS: Final = 5_000
"""At most so many customers in a resample."""


class ClusteringComparison(Result, frozen=True):
    """One way to group the customers, for comparison."""

    name: str
    silhouette: float
    """In the space it was fitted in, -1 to 1."""
    silhouette_log_rfm: float
    """In the common space of log-scaled, standardised RFM, -1 to 1."""
    sizes: tuple[int, ...]
    """Customers by cluster, the largest first."""


@dataclass(frozen=True, slots=True)
class ClusterFit:
    """Clusters of one history."""

    assigner: ClusterAssigner
    choice: tuple[ClusterChoice, ...]
    """Every number of clusters that was tried."""
    labels: NDArray[np.int16]
    """Cluster id by customer code, -1 where frequency is 0; shape ``(n_customers,)``."""
    latent: NDArray[np.float32]
    """Coordinates by customer code, NaN where frequency is 0; shape ``(n_customers, latent)``."""
    autoencoder: TrainedAutoencoder | None
    """None where no customer has a kept order."""
    comparison: tuple[ClusteringComparison, ...]
    """These clusters beside plain K-means with the same k."""
    notes: tuple[str, ...]
    """What a reader should know, such as a lowered k."""

    def summary(self) -> dict[str, Any]:
        """How the clusters were arrived at, as JSON data: the comparison and the training's losses."""
        trained = self.autoencoder
        return {
            "comparison": [p.as_dict() for p in self.comparison],
            "loss": list(trained.loss) if trained else [],
            "validation_loss": list(trained.validation_loss) if trained else [],
            "linear_loss": trained.linear_loss if trained else None,
        }

    def export(self, folder: Path) -> None:
        """Write ``autoencoder.h5``, ``scaler.joblib`` and ``kmeans.joblib`` for notebooks.

        The scaler expects ``log1p(days), log1p(orders), arcsinh(amount * 1e6 / unit)``; the network its
        result clipped to 3 either way; K-means the network's layer ``latent``, in float64.
        """
        if self.autoencoder is None:
            return
        import joblib

        folder.mkdir(parents=True, exist_ok=True)
        self.autoencoder.export(folder / "autoencoder.h5")
        joblib.dump(self._scaler(), folder / "scaler.joblib")
        joblib.dump(self._kmeans(), folder / "kmeans.joblib")

    def _scaler(self) -> Any:
        from sklearn.preprocessing import StandardScaler

        scaler = StandardScaler()
        scaler.mean_, scaler.scale_ = self.assigner.mean.copy(), self.assigner.scale.copy()
        scaler.var_, scaler.n_features_in_ = scaler.scale_**2, 3
        scaler.n_samples_seen_ = int((self.labels >= 0).sum())
        return scaler

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
    """Scale, train the autoencoder, choose k, cluster, order and name.

    The result depends on the customers' numbers, the settings and the seed alone: not on the order of
    the customers, nor on `threads`, on which different k are tried.

    Raises
    ------
    MissingExtraError
        TensorFlow or scikit-learn is not installed.
    CancelledError
        Through `progress`.
    """
    _check_installed()
    known = _select_rows(table, np.flatnonzero(table.frequency > 0))
    train = _training_rows(known, settings.train_customers)
    scaler = _fit_scaler(train)
    if not len(train.recency):
        nobody = np.zeros((0, settings.latent))
        note = "No customer has a kept order: there are no clusters."
        return _assign_all(replace(scaler, centroids=nobody), table, (), None, (), (note,))
    features = scaler.scaled_features(train.recency, train.frequency, train.monetary).T
    trainer = AutoencoderTrainer(features.shape[1], settings.latent)

    def encoder(rows: NDArray[np.int64], refit: int) -> tuple[ClusterAssigner, TrainedAutoencoder]:
        trained = trainer.train(features[rows], epochs=settings.epochs, seed=seed + refit, progress=progress)
        return replace(scaler, encoder=trained.encoder), trained

    everyone = np.arange(len(features))
    encoded, autoencoder = encoder(everyone, 0)
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
    placement = _order_clusters(replace(encoded, centroids=centroids), known)
    comparison = _compare_methods(placement, train, features, latent, seed)
    return _assign_all(placement, table, choice, autoencoder, comparison, (note,) if note else ())


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


def _encode(placement: ClusterAssigner, table: RfmTable) -> NDArray[np.float64]:
    return placement.encode(table.recency, table.frequency, table.monetary)


def _training_rows(known: RfmTable, limit: int) -> RfmTable:
    """An even choice over customers sorted by value: the same whatever order they come in."""
    order = np.lexsort((known.recency, known.frequency, known.monetary))
    return _select_rows(known, order[even_sample(len(order), limit)])


def _resample(count: int, rng: np.random.Generator) -> NDArray[np.int64]:
    """Rows drawn with replacement, in ascending order."""
    return np.sort(rng.integers(0, count, size=min(count, REFIT_CUSTOMERS)))


def _fit_scaler(train: RfmTable) -> ClusterAssigner:
    """A placement that only scales as yet."""
    # Far below the usual customer, so that money is logarithmic for nearly all, whatever the currency.
    unit = max(float(np.median(np.abs(train.monetary))) / 100, 1.0) if len(train.monetary) else 1.0
    features = log_features(train.recency, train.frequency, train.monetary, unit)
    if not features.size:
        return ClusterAssigner(unit, np.zeros(3), np.ones(3), (), np.zeros((0, 3)), ())
    scale = features.std(axis=1)
    # Equal customers differ by rounding only, which is not to be blown up to a deviation of one.
    return ClusterAssigner(unit, features.mean(axis=1), np.where(scale > 1e-9, scale, 1.0), (), np.zeros((0, 3)), ())


def _order_clusters(placement: ClusterAssigner, known: RfmTable) -> ClusterAssigner:
    """Clusters by mean amount, the largest first, so that ids keep their meaning from fit to fit; named."""
    labels = placement.nearest_cluster(_encode(placement, known))
    sizes = np.maximum(np.bincount(labels, minlength=len(placement.centroids)), 1)
    order = np.argsort(-np.bincount(labels, known.monetary, len(sizes)) / sizes, kind="stable")
    scaled = placement.scaled_features(known.recency, known.frequency, known.monetary)
    profiles = np.stack([np.bincount(labels, row, len(sizes)) / sizes for row in scaled], axis=1)
    return replace(placement, centroids=placement.centroids[order], names=cluster_names(profiles[order]))


def _describe_choice(choice: tuple[ClusterChoice, ...]) -> str:
    best = next(c for c in choice if c.chosen)
    return f"{best.k} clusters: silhouette {best.silhouette:.2f}, stability {best.stability:.2f}."


def _compare_methods(
    placement: ClusterAssigner,
    train: RfmTable,
    features: NDArray[np.float64],
    latent: NDArray[np.float64],
    seed: int,
) -> tuple[ClusteringComparison, ...]:
    """These clusters beside K-means on log-scaled and on plain standardised RFM, same k, same customers."""
    some = even_sample(len(latent), CHOICE_CUSTOMERS)
    train, features, latent = _select_rows(train, some), features[some], latent[some]
    k = len(placement.centroids)
    plain = np.stack((train.recency, train.frequency, train.monetary), axis=1).astype(np.float64)
    plain = (plain - plain.mean(axis=0)) / np.maximum(plain.std(axis=0), 1e-9)

    def partition(name: str, points: NDArray[np.float64], labels: NDArray[np.int16]) -> ClusteringComparison:
        sizes = np.sort(np.bincount(labels, minlength=k))[::-1]
        return ClusteringComparison(
            name, silhouette(points, labels), silhouette(features, labels), tuple(sizes.tolist())
        )

    return (
        partition("autoencoder + K-means", latent, placement.nearest_cluster(latent)),
        partition("K-means on log RFM", features, nearest_centroid(features, kmeans(features, k, seed))),
        partition("K-means on RFM", plain, nearest_centroid(plain, kmeans(plain, k, seed))),
    )


def _assign_all(
    placement: ClusterAssigner,
    table: RfmTable,
    choice: tuple[ClusterChoice, ...],
    autoencoder: TrainedAutoencoder | None,
    comparison: tuple[ClusteringComparison, ...],
    notes: tuple[str, ...],
) -> ClusterFit:
    """Place every customer of the table."""
    known = table.frequency > 0
    width = placement.centroids.shape[1]
    latent = np.full((len(known), width), np.nan)
    labels = np.full(len(known), NO_CLUSTER, dtype=np.int16)
    if known.any():
        latent[known] = _encode(placement, _select_rows(table, np.flatnonzero(known)))
        labels[known] = placement.nearest_cluster(latent[known])
    return ClusterFit(placement, choice, labels, latent.astype(np.float32), autoencoder, comparison, notes)
