"""Assignment of customers to clusters: coordinates and the nearest centroid, from fitted arrays.

In: purchases and RFM. Out: coordinates and cluster ids on two levels. The coarse level is for people and is found on
principal components of the features, which hardly differ between fits; each of its clusters is divided into fine ones,
which are for lists, in the latent space of the encoder. NumPy only. Serving and fitting both use this module, so that
their results are always equal.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, fields
from typing import Any, Final, Self

import numpy as np
from numpy.typing import NDArray

from smart_retail.data.purchase_history import PurchaseHistory
from smart_retail.data.temporal_dataset import RfmTable
from smart_retail.segmentation.customer_features import N_FIXED_MEASURES, CustomerFeatures

NO_CLUSTER: Final = -1
"""Cluster of a customer without a kept order."""
_CHUNK: Final = 4096


def select_rows(table: RfmTable, rows: NDArray[Any] | slice) -> RfmTable:
    """Return RFM of some customers."""
    return RfmTable(table.recency[rows], table.frequency[rows], table.monetary[rows])


def known_customers(history: PurchaseHistory, table: RfmTable) -> NDArray[np.int32]:
    """Return the codes of the customers with a kept order and with rows in the history, ascending."""
    has_rows = np.diff(history.indptr) > 0
    return np.flatnonzero(has_rows & (np.asarray(table.frequency) > 0)).astype(np.int32)


def nearest_centroid(points: NDArray[np.float64], centroids: NDArray[np.float64]) -> NDArray[np.int16]:
    """Return the index of the nearest centroid, the lower one on a tie; shape ``(n,)``."""
    distances = np.zeros((len(centroids), len(points)))
    for axis in range(points.shape[1]):
        distances += (points[:, axis] - centroids[:, axis, None]) ** 2
    return np.asarray(distances.argmin(axis=0), dtype=np.int16)


@dataclass(frozen=True, slots=True)
class DenseLayer:
    """Layer ``activation(x @ weights + biases)``."""

    weights: NDArray[np.float64]
    """Shape ``(inputs, units)``."""
    biases: NDArray[np.float64]
    """Shape ``(units,)``."""
    activation: str
    """relu or linear."""

    def forward(self, x: NDArray[np.float64]) -> NDArray[np.float64]:
        """Apply the layer to columns: ``(inputs, n)`` to ``(units, n)``.

        The sum runs input by input, because the rounding of a matrix product depends on `n`: the result for one
        customer must be bit-identical to that among a million.
        """
        y = np.repeat(self.biases[:, None], x.shape[1], axis=1)
        for row, weights in zip(x, self.weights, strict=True):
            y += weights[:, None] * row
        return np.maximum(y, 0.0) if self.activation == "relu" else y


@dataclass(frozen=True, slots=True)
class Coordinates:
    """Customers in the spaces in which the clusters are found."""

    principal: NDArray[np.float64]
    """Principal components of the features; shape ``(n, components)``."""
    latent: NDArray[np.float64]
    """Output of the encoder; shape ``(n, latent)``."""


@dataclass(frozen=True, slots=True)
class Clusters:
    """Clusters by customer, -1 for none."""

    coarse: NDArray[np.int16]
    """Shape ``(n,)``."""
    fine: NDArray[np.int16]
    """Shape ``(n,)``; each fine cluster is part of one coarse cluster."""


def no_clusters(n: int) -> Clusters:
    """Return `n` customers without a cluster."""
    return Clusters(*(np.full(n, NO_CLUSTER, dtype=np.int16) for _ in range(2)))


@dataclass(frozen=True, slots=True)
class ClusterAssigner:
    """Features, encoder and centroids of one fit."""

    features: CustomerFeatures
    axes: NDArray[np.float64]
    """Principal axes of the features; shape ``(features, components)``."""
    encoder: tuple[DenseLayer, ...]
    centroids: NDArray[np.float64]
    """Centroids of the coarse clusters; shape ``(k, components)``, ordered by mean amount, largest first."""
    fine_centroids: NDArray[np.float64]
    """Centroids of the fine clusters; shape ``(fine, latent)``, ordered by `parent`, then by mean amount."""
    parent: NDArray[np.int16]
    """Coarse cluster of each fine one; shape ``(fine,)``. Every coarse cluster has at least one."""
    names: tuple[str, ...]
    """Names of the coarse clusters, by id."""
    fine_names: tuple[str, ...]
    """Names of the fine clusters, by id."""

    def locate(self, history: PurchaseHistory, table: RfmTable, threads: int = 1) -> Coordinates:
        """Return the coordinates of every customer of a history.

        Parameters
        ----------
        history : PurchaseHistory
        table : RfmTable
            RFM of the same customers, by customer code.
        threads : int
            Number of threads that compute chunks of customers; the result does not depend on it.

        Returns
        -------
        Coordinates
        """
        n, indptr = history.n_customers, history.indptr
        at = self._empty_coordinates(n)

        def locate_chunk(start: int) -> None:
            part = slice(start, min(start + _CHUNK, n))
            rows = slice(int(indptr[start]), int(indptr[part.stop]))
            purchases = history.take(rows, history.customer[rows] - np.int32(start), part.stop - start)
            self._locate(self.features.compute(purchases, select_rows(table, part)), at, part)

        starts = range(0, n, _CHUNK)
        if threads > 1 and len(starts) > 1:
            with ThreadPoolExecutor(threads) as pool:
                list(pool.map(locate_chunk, starts))
        else:
            for start in starts:
                locate_chunk(start)
        return at

    def locate_features(self, features: NDArray[np.float64]) -> Coordinates:
        """Return the coordinates of customers from their features, shape ``(features, n)``."""
        n = features.shape[1]
        at = self._empty_coordinates(n)
        for start in range(0, n, _CHUNK):
            part = slice(start, min(start + _CHUNK, n))
            self._locate(features[:, part], at, part)
        return at

    def _empty_coordinates(self, n: int) -> Coordinates:
        return Coordinates(np.empty((n, self.axes.shape[1])), np.empty((n, len(self.encoder[-1].biases))))

    def _locate(self, x: NDArray[np.float64], at: Coordinates, part: slice) -> None:
        """Fill the coordinates of some customers from their features."""
        at.principal[part] = DenseLayer(self.axes, np.zeros(self.axes.shape[1]), "linear").forward(x).T
        for layer in self.encoder:
            x = layer.forward(x)
        at.latent[part] = x.T

    def locate_known(
        self, history: PurchaseHistory, table: RfmTable, threads: int = 1
    ) -> Iterator[tuple[NDArray[np.int64], Coordinates]]:
        """Yield codes and coordinates of the customers with purchases, by block; parameters as for `locate`."""
        for first, block in history.blocks():
            rows = slice(first, first + block.n_customers)
            known = known_customers(block, select_rows(table, rows))
            if len(known):
                yield (
                    first + known.astype(np.int64),
                    self.locate(block.select(known), select_rows(table, first + known), threads),
                )

    def nearest(self, at: Coordinates) -> Clusters:
        """Return the nearest coarse cluster, and the nearest fine one within it, by customer."""
        coarse = nearest_centroid(at.principal, self.centroids)
        fine = np.empty_like(coarse)
        for cluster in range(len(self.centroids)):
            members, parts = np.flatnonzero(coarse == cluster), np.flatnonzero(self.parent == cluster)
            fine[members] = parts[nearest_centroid(at.latent[members], self.fine_centroids[parts])]
        return Clusters(coarse, fine)

    def assign(self, history: PurchaseHistory, table: RfmTable) -> Clusters:
        """Return the clusters of every customer; -1 for a customer without purchases.

        Parameters
        ----------
        history : PurchaseHistory
        table : RfmTable
            RFM of the same customers, by customer code.

        Returns
        -------
        Clusters
        """
        clusters = no_clusters(history.n_customers)
        if len(self.centroids):
            for known, at in self.locate_known(history, table):
                found = self.nearest(at)
                clusters.coarse[known], clusters.fine[known] = found.coarse, found.fine
        return clusters

    def arrays(self) -> dict[str, NDArray[Any]]:
        """Return the arrays by name; together with `meta` they describe the assigner completely."""
        arrays: dict[str, NDArray[Any]] = {
            "axes": self.axes,
            "centroids": self.centroids,
            "fine_centroids": self.fine_centroids,
            "parent": self.parent,
            **{name: getattr(self.features, name) for name in _FEATURE_ARRAYS},
        }
        for i, layer in enumerate(self.encoder):
            arrays[f"weights_{i}"], arrays[f"biases_{i}"] = layer.weights, layer.biases
        return arrays

    def meta(self) -> dict[str, Any]:
        """Return scales, activations and names, as JSON data."""
        return {
            "unit": self.features.unit,
            "spread": self.features.spread,
            "activations": [d.activation for d in self.encoder],
            "names": list(self.names),
            "fine_names": list(self.fine_names),
        }

    @classmethod
    def from_arrays(cls, arrays: Mapping[str, NDArray[Any]], meta: Mapping[str, Any]) -> Self:
        """Return the assigner from the results of `arrays` and `meta`; `ValueError` if their shapes do not fit."""
        numbers: dict[str, Any] = {name: float(meta[name]) for name in ("unit", "spread")}
        stored: dict[str, Any] = {name: arrays[name] for name in _FEATURE_ARRAYS}
        found = cls(
            features=CustomerFeatures(**numbers, **stored),
            axes=arrays["axes"],
            encoder=tuple(
                DenseLayer(arrays[f"weights_{i}"], arrays[f"biases_{i}"], str(activation))
                for i, activation in enumerate(meta["activations"])
            ),
            centroids=arrays["centroids"],
            fine_centroids=arrays["fine_centroids"],
            parent=arrays["parent"],
            names=tuple(meta["names"]),
            fine_names=tuple(meta["fine_names"]),
        )
        found._check_shapes()
        return found

    def _check_shapes(self) -> None:
        features = self.features
        width = features.width
        fits = len(features.mean) == len(features.scale) and len(features.center) == len(self.axes) == width
        fits = fits and len(features.mean) == N_FIXED_MEASURES + features.item_columns.shape[1]
        fits = fits and len(features.item_columns) == len(features.item_factors)
        for layer in self.encoder:
            fits = fits and layer.weights.shape == (width, len(layer.biases))
            width = len(layer.biases)
        fits = fits and self.centroids.shape[1] == self.axes.shape[1] and self.fine_centroids.shape[1] == width
        fits = fits and len(self.parent) == len(self.fine_centroids) == len(self.fine_names)
        fits = fits and np.array_equal(np.unique(self.parent), np.arange(len(self.centroids)))
        if not fits or len(self.names) != len(self.centroids):
            raise ValueError("features, encoder and centroids do not fit together")


_FEATURE_ARRAYS: Final = tuple(f.name for f in fields(CustomerFeatures) if f.name not in ("unit", "spread"))
