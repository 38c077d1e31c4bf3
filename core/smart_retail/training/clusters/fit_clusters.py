"""Clusters of customers by value and taste, on two levels.

In: purchases and RFM of all customers. Out: a `ClusterFit` with the `ClusterAssigner` for serving and the figures of
its selection. Coarse clusters are found on principal components of the features; each is divided into fine ones in the
latent space of an autoencoder or in that of the principal components, whichever gave the better lists on a past window.
scikit-learn and Keras are imported inside the functions, because they load slowly.
"""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from smart_retail.errors import MissingExtraError
from smart_retail.evaluation.temporal_split import GroundTruth
from smart_retail.progress import SILENT, Progress
from smart_retail.results import ClusterChoice, Result
from smart_retail.segmentation.cluster_assigner import (
    NO_CLUSTER,
    ClusterAssigner,
    DenseLayer,
    known_customers,
    nearest_centroid,
    no_clusters,
    select_rows,
)
from smart_retail.segmentation.customer_features import N_VALUE, VALUE_WEIGHT
from smart_retail.settings import ClusterSettings
from smart_retail.training.clusters.autoencoder import (
    AutoencoderTrainer,
    TrainedAutoencoder,
    load_keras,
    principal_components,
    untrained,
)
from smart_retail.training.clusters.cluster_names import cluster_names, fine_cluster_names
from smart_retail.training.clusters.feature_fit import CustomerData, ItemTraits, fit_features
from smart_retail.training.clusters.fine_clusters import (
    DEFAULT_FINE_COUNT,
    FineClusters,
    candidate_counts,
    first_near_best,
    list_quality,
    split_clusters,
)
from smart_retail.training.clusters.k_selection import (
    CHOICE_CUSTOMERS,
    MIN_STABILITY,
    candidate_ks,
    even_sample,
    kmeans,
    select_k,
    silhouette,
)
from smart_retail.training.clusters.taste_names import taste_names
from smart_retail.utils.parallel import available_threads

REFITS: Final = 4
"""Number of resamples on which principal components and K-means are fitted again, for the stability of each k."""
REFIT_CUSTOMERS: Final = 5_000
"""Maximum number of customers in a resample."""
LINEAR, AUTOENCODER = "principal components", "autoencoder"
"""Latent spaces of the fine clusters."""


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
class ClusterTrial:
    """Customers before a past window and their purchases in it, on which latent space and number are chosen."""

    data: CustomerData
    truth: GroundTruth


@dataclass(frozen=True, slots=True)
class ClusterPlan:
    """What was chosen on the past window."""

    space: str = LINEAR
    count: int = DEFAULT_FINE_COUNT
    """Number of fine clusters."""
    quality: dict[str, dict[str, float]] = field(default_factory=dict)
    """Latent space -> number of fine clusters -> NDCG@10 of their lists; empty without a past window."""
    popular: float = 0.0
    """NDCG@10 of one list for all customers, on the same window."""

    def describe(self) -> str:
        """Return the choice in plain words, empty without a past window."""
        if not self.quality:
            return ""
        best = {space: max(by_count.values()) for space, by_count in self.quality.items()}
        used = self.space == AUTOENCODER
        reason = "is better and is used" if used else "is not better, so principal components are used"
        return (
            f"Lists of clusters: on the purchases of a past window, clusters of the autoencoder reach NDCG@10 "
            f"{best[AUTOENCODER]:.3f}, those of principal components {best[LINEAR]:.3f}, and one list for all "
            f"{self.popular:.3f}. The autoencoder {reason}, with {self.count} clusters."
        )


@dataclass(frozen=True, slots=True)
class ClusterFit:
    """Clusters of one purchase history."""

    assigner: ClusterAssigner
    earlier: ClusterAssigner
    """Clusters of the customers before the past window, for backtests; `assigner` without a past window."""
    choice: tuple[ClusterChoice, ...]
    """Every number of coarse clusters that was tried, with its scores."""
    labels: NDArray[np.int16]
    """Coarse cluster by customer code, -1 without an order; shape ``(n_customers,)``."""
    fine: NDArray[np.int16]
    """Fine cluster by customer code, -1 without an order; shape ``(n_customers,)``."""
    points: NDArray[np.float32]
    """First two principal components by customer code, NaN without an order; shape ``(n_customers, 2)``."""
    plan: ClusterPlan = field(default_factory=ClusterPlan)
    network: TrainedAutoencoder | None = None
    """The autoencoder, untrained where principal components are used; None without customers."""
    training: TrainedAutoencoder | None = None
    """The autoencoder that was trained last, on the past window or for `network`; None where none was trained."""
    comparison: tuple[ClusteringComparison, ...] = ()
    """The coarse clusters compared with plain K-means with the same k."""
    notes: tuple[str, ...] = ()
    """Notes for the report, such as a reduced number of clusters."""

    def summary(self) -> dict[str, Any]:
        """Return the comparison, the choice of the latent space and the training losses, as JSON data."""
        trained = self.training
        return {
            "comparison": [p.as_dict() for p in self.comparison],
            "space": self.plan.space,
            "fine": len(self.assigner.fine_centroids),
            "past_window": {"ndcg@10": self.plan.quality, "popular": self.plan.popular} if self.plan.quality else {},
            "loss": list(trained.loss) if trained else [],
            "validation_loss": list(trained.validation_loss) if trained else [],
            "linear_loss": trained.linear_loss if trained else None,
        }

    def export(self, folder: Path) -> None:
        """Write ``autoencoder.h5``, ``scaler.joblib`` and ``kmeans.joblib`` for notebooks.

        The scaler expects the measures of `compute_measures`, one row per customer; K-means has the coarse clusters and
        expects the first principal components of the features.
        """
        if self.network is None:
            return
        import joblib

        folder.mkdir(parents=True, exist_ok=True)
        self.network.export(folder / "autoencoder.h5")
        joblib.dump(self._scaler(), folder / "scaler.joblib")
        joblib.dump(self._kmeans(), folder / "kmeans.joblib")

    def _scaler(self) -> Any:
        from sklearn.preprocessing import StandardScaler

        features = self.assigner.features
        scaler = StandardScaler()
        scaler.mean_, scaler.scale_, scaler.var_ = features.mean, features.scale, features.scale**2
        scaler.n_features_in_ = len(features.mean)
        return scaler

    def _kmeans(self) -> Any:
        from sklearn.cluster import KMeans

        centroids = self.assigner.centroids
        kmeans = KMeans(len(centroids), init=centroids, n_init=1, max_iter=1).fit(centroids)
        kmeans.cluster_centers_ = centroids.copy()
        return kmeans


def fit_clusters(
    data: CustomerData,
    traits: ItemTraits,
    settings: ClusterSettings,
    trial: ClusterTrial | None = None,
    *,
    seed: int = 0,
    threads: int = 1,
    progress: Progress = SILENT,
) -> ClusterFit:
    """Fit the clusters: features, coarse clusters, a trial on a past window, and fine clusters.

    The result depends on the data, the settings and the seed only, not on the number of threads.

    Parameters
    ----------
    data : CustomerData
        Customers without an order get no cluster.
    traits : ItemTraits
    settings : ClusterSettings
    trial : ClusterTrial, optional
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
    space = _CustomerSpace(data, traits, settings, seed)
    if not len(space.train.table.recency):
        return _without_clusters(space, data)
    ks, note = candidate_ks(settings.k, settings.k_min, settings.k_max, len(np.unique(space.principal, axis=0)))
    choice = select_k(space.principal, space.resampled(), ks, seed, threads)
    progress.message(_describe_choice(choice))
    k = next(c.k for c in choice if c.chosen)
    progress.check()
    plan, earlier, trained = _try_spaces(trial, traits, settings, k, seed, progress)
    if plan.space == AUTOENCODER:
        trained = space.train_autoencoder(progress)
        space.use(trained)
    assigner = space.fit_levels(k, plan.count)
    located = _assign_all(assigner, data, threads or available_threads())
    return replace(
        located,
        earlier=earlier or assigner,
        choice=choice,
        plan=plan,
        network=trained if trained and plan.space == AUTOENCODER else untrained(space.axes, seed),
        training=trained,
        comparison=_compare_methods(assigner, space),
        notes=(note,) if note else (),
    )


class _CustomerSpace:
    """Customers of one day in the spaces in which their clusters are found."""

    def __init__(self, data: CustomerData, traits: ItemTraits, settings: ClusterSettings, seed: int) -> None:
        self.settings, self.seed = settings, seed
        known = known_customers(data.history, data.table)
        drawn = known[even_sample(len(known), settings.train_customers)]
        self.train = CustomerData(data.history.select(drawn), select_rows(data.table, drawn))
        """Customers to learn from, each with an order."""
        self.terms = traits.terms
        self.features, values = fit_features(self.train, traits.columns, seed)
        self.inputs = values.T if len(drawn) else np.empty((0, 0))
        width = self.features.width
        self.axes = principal_components(self.inputs, settings.latent) if len(drawn) else np.zeros((width, 2))
        self.encoder: tuple[DenseLayer, ...] = (DenseLayer(self.axes, np.zeros(self.axes.shape[1]), "linear"),)
        at = self.empty_assigner().locate_features(values)
        self.principal, self.latent = at.principal, at.latent

    def empty_assigner(self) -> ClusterAssigner:
        """Return the assigner of this space without clusters."""
        none = np.zeros((0, self.axes.shape[1])), np.zeros((0, len(self.encoder[-1].biases))), np.zeros(0, np.int16)
        return ClusterAssigner(self.features, self.axes, self.encoder, *none, (), ())

    def resampled(self) -> list[tuple[NDArray[np.float64], NDArray[np.float64]]]:
        """Return principal components of resamples, and of the same reference customers in the space of each."""
        reference = self.inputs[even_sample(len(self.inputs), REFIT_CUSTOMERS)]
        out = []
        for refit in range(1, REFITS + 1):
            rng = np.random.default_rng((self.seed, refit))
            rows = np.sort(rng.integers(0, len(self.inputs), size=min(len(self.inputs), REFIT_CUSTOMERS)))
            axes = principal_components(self.inputs[rows], self.settings.latent)
            out.append((_project(self.inputs[rows], axes), _project(reference, axes)))
        return out

    def train_autoencoder(self, progress: Progress) -> TrainedAutoencoder:
        """Train the autoencoder on the features."""
        trainer = AutoencoderTrainer(self.inputs.shape[1], self.settings.latent)
        return trainer.train(self.inputs, epochs=self.settings.epochs, seed=self.seed, progress=progress)

    def use(self, trained: TrainedAutoencoder) -> None:
        """Take the latent space of an autoencoder for the fine clusters."""
        self.set_encoder(trained.encoder)

    def set_encoder(self, encoder: tuple[DenseLayer, ...]) -> None:
        """Take the output of an encoder as the latent space."""
        self.encoder = encoder
        self.latent = self.empty_assigner().locate_features(self.inputs.T).latent

    def fit_coarse(self, k: int) -> NDArray[np.float64]:
        """Return the centroids of the coarse clusters, ordered by mean amount: ids keep their meaning between fits."""
        centroids = kmeans(self.principal, k, self.seed)
        labels = nearest_centroid(self.principal, centroids)
        sizes = np.bincount(labels, minlength=k)
        order = np.argsort(-np.bincount(labels, self.train.table.monetary, k) / np.maximum(sizes, 1), kind="stable")
        return centroids[order[sizes[order] > 0]]

    def fit_fine(self, centroids: NDArray[np.float64], count: int) -> FineClusters:
        """Return the fine clusters within the coarse ones."""
        coarse = nearest_centroid(self.principal, centroids)
        lines = np.diff(self.train.history.indptr)
        return split_clusters(self.latent, coarse, lines, self.train.table.monetary, count, self.seed)

    def fit_levels(self, k: int, count: int) -> ClusterAssigner:
        """Fit coarse and fine clusters, and name them by value and taste."""
        centroids = self.fit_coarse(k)
        fine = self.fit_fine(centroids, count)
        profiles, lines = self._profiles(fine.labels, len(fine.parent)), self._lines(fine.labels, len(fine.parent))
        fine_names = fine_cluster_names(profiles, taste_names(lines, self.terms))
        coarse_lines = np.array([lines[fine.parent == c].sum(axis=0) for c in range(len(centroids))])
        profiles = self._profiles(fine.parent[fine.labels], len(centroids))
        names = cluster_names(profiles, taste_names(coarse_lines, self.terms))
        return replace(
            self.empty_assigner(),
            centroids=centroids,
            fine_centroids=fine.centroids,
            parent=fine.parent,
            names=names,
            fine_names=fine_names,
        )

    def _profiles(self, labels: NDArray[np.int16], n_clusters: int) -> NDArray[np.float64]:
        """Return mean recency, frequency and monetary of each cluster in standard deviations, on the log scale."""
        features, sizes = self.features, np.bincount(labels, minlength=n_clusters)
        value = (self.inputs.T[:N_VALUE] * features.spread + features.center[:N_VALUE, None]) / VALUE_WEIGHT
        return np.stack([np.bincount(labels, row, n_clusters) / sizes for row in value], axis=1)

    def _lines(self, labels: NDArray[np.int16], n_clusters: int) -> NDArray[np.int64]:
        """Return the order lines of each cluster by item."""
        history = self.train.history
        cell = labels[history.customer].astype(np.int64) * history.n_items + history.item
        return np.bincount(cell, minlength=n_clusters * history.n_items).reshape(n_clusters, history.n_items)


def _try_spaces(
    trial: ClusterTrial | None,
    traits: ItemTraits,
    settings: ClusterSettings,
    k: int,
    seed: int,
    progress: Progress,
) -> tuple[ClusterPlan, ClusterAssigner | None, TrainedAutoencoder | None]:
    """Choose latent space and number of the fine clusters on a past window; return also the assigner of that day."""
    if trial is None or not len(trial.truth):
        return ClusterPlan(), None, None
    data = trial.data
    space = _CustomerSpace(data, traits, settings, seed)
    progress.check()
    centroids = space.fit_coarse(k)
    counts = candidate_counts(len(space.principal), data.history.n_items, k)
    trained = space.train_autoencoder(progress)
    quality: dict[str, list[float]] = {}
    encoders = {LINEAR: space.encoder, AUTOENCODER: trained.encoder}
    for name in (LINEAR, AUTOENCODER):
        if name == AUTOENCODER:
            space.use(trained)
        quality[name] = []
        located = list(space.empty_assigner().locate_known(data.history, data.table))
        for count in counts:
            progress.check()
            fine = space.fit_fine(centroids, count)
            assigner = replace(
                space.empty_assigner(), centroids=centroids, fine_centroids=fine.centroids, parent=fine.parent
            )
            clusters = no_clusters(data.history.n_customers)
            for known, at in located:
                clusters.fine[known] = assigner.nearest(at).fine
            quality[name].append(list_quality(data.history, clusters.fine, trial.truth))
    better = AUTOENCODER if max(quality[AUTOENCODER]) > max(quality[LINEAR]) else LINEAR
    count = counts[first_near_best(quality[better])]
    everyone = np.where(data.table.frequency > 0, 0, NO_CLUSTER).astype(np.int16)
    plan = ClusterPlan(
        better,
        count,
        {name: {str(c): round(v, 6) for c, v in zip(counts, values, strict=True)} for name, values in quality.items()},
        round(list_quality(data.history, everyone, trial.truth), 6),
    )
    space.set_encoder(encoders[better])
    return plan, space.fit_levels(k, count), trained


def _project(inputs: NDArray[np.float64], axes: NDArray[np.float64]) -> NDArray[np.float64]:
    return DenseLayer(axes, np.zeros(axes.shape[1]), "linear").forward(inputs.T).T


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


def _without_clusters(space: _CustomerSpace, data: CustomerData) -> ClusterFit:
    unassigned = np.full(data.history.n_customers, NO_CLUSTER, dtype=np.int16)
    points = np.full((data.history.n_customers, 2), np.nan, np.float32)
    note = "There are no groups of customers, because all orders were returned."
    assigner = space.empty_assigner()
    return ClusterFit(assigner, assigner, (), unassigned, unassigned.copy(), points, notes=(note,))


def _describe_choice(choice: tuple[ClusterChoice, ...]) -> str:
    best = next(c for c in choice if c.chosen)
    found = "1 group of customers found" if best.k == 1 else f"{best.k} groups of customers found"
    stable = "they are the same when the data are resampled"
    unstable = "they differ when the data are resampled"
    finding = stable if best.stability >= MIN_STABILITY else unstable
    return f"{found}; {finding} (silhouette {best.silhouette:.2f}, stability {best.stability:.2f})."


def _compare_methods(assigner: ClusterAssigner, space: _CustomerSpace) -> tuple[ClusteringComparison, ...]:
    """Compare the coarse clusters with K-means on log-scaled and on plain standardised RFM: same k, same customers."""
    rows = even_sample(len(space.principal), CHOICE_CUSTOMERS)
    table, points = select_rows(space.train.table, rows), space.principal[rows]
    features = space.inputs[rows, :N_VALUE] * space.features.spread / VALUE_WEIGHT
    k = len(assigner.centroids)
    plain = np.stack((table.recency, table.frequency, table.monetary), axis=1).astype(np.float64)
    plain = (plain - plain.mean(axis=0)) / np.maximum(plain.std(axis=0), 1e-9)

    def partition(name: str, points: NDArray[np.float64], labels: NDArray[np.int16]) -> ClusteringComparison:
        sizes = np.sort(np.bincount(labels, minlength=k))[::-1]
        return ClusteringComparison(
            name, silhouette(points, labels), silhouette(features, labels), tuple(sizes.tolist())
        )

    def plain_kmeans(name: str, points: NDArray[np.float64]) -> ClusteringComparison:
        return partition(name, points, nearest_centroid(points, kmeans(points, k, space.seed)))

    return (
        partition("value and taste", points, nearest_centroid(points, assigner.centroids)),
        plain_kmeans("K-means on log RFM", features),
        plain_kmeans("K-means on RFM", plain),
    )


def _assign_all(assigner: ClusterAssigner, data: CustomerData, threads: int) -> ClusterFit:
    """Assign every customer to a coarse and a fine cluster."""
    n = data.history.n_customers
    points = np.full((n, 2), np.nan, np.float32)
    clusters = no_clusters(n)
    for known, at in assigner.locate_known(data.history, data.table, threads):
        found = assigner.nearest(at)
        clusters.coarse[known], clusters.fine[known], points[known] = found.coarse, found.fine, at.principal[:, :2]
    return ClusterFit(assigner, assigner, (), clusters.coarse, clusters.fine, points)
