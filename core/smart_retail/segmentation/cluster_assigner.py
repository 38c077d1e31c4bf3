"""A customer's place in the latent space and the nearest cluster, from fitted arrays.

In: recency, frequency and monetary. Out: latent coordinates and cluster ids. NumPy only: this is
what serves, and what the clusters are fitted through, so that both always agree.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final, Self

import numpy as np
from numpy.typing import NDArray

NO_CLUSTER: Final = -1
"""Cluster of a customer without a kept order."""

CLIP_DEVIATIONS: Final = 3.0
"""Scaled features are held within so many standard deviations: beyond, one customer would pull a
cluster of his own out of the crowd."""

_CHUNK: Final = 16_384


def log_features(
    recency: NDArray[np.int64], frequency: NDArray[np.int64], monetary: NDArray[np.int64], unit: float
) -> NDArray[np.float64]:
    """Log-scaled recency, frequency and monetary, shape ``(3, n)``.

    Money takes the inverse hyperbolic sine of ``monetary / unit``: a logarithm for amounts well above
    `unit` (millionths), defined for zero and for a customer who sent back more than he bought.
    """
    return np.stack((np.log1p(recency), np.log1p(frequency), np.arcsinh(np.asarray(monetary) / unit)))


def nearest_centroid(points: NDArray[np.float64], centroids: NDArray[np.float64]) -> NDArray[np.int16]:
    """Index of the nearest centroid, the lower one where two are equally near; shape ``(n,)``."""
    distances = np.zeros((len(centroids), len(points)))
    for axis in range(points.shape[1]):
        distances += (points[:, axis] - centroids[:, axis, None]) ** 2
    return np.asarray(distances.argmin(axis=0), dtype=np.int16)


@dataclass(frozen=True, slots=True)
class DenseLayer:
    """A layer ``activation(x @ weights + biases)``."""

    weights: NDArray[np.float64]
    """Shape ``(inputs, units)``."""
    biases: NDArray[np.float64]
    """Shape ``(units,)``."""
    activation: str
    """relu or linear."""

    def forward(self, x: NDArray[np.float64]) -> NDArray[np.float64]:
        """Apply to columns: ``(inputs, n)`` to ``(units, n)``.

        Summed input by input rather than by a matrix product, whose rounding depends on `n`: one customer
        alone gets the same bits as among a million.
        """
        y = np.repeat(self.biases[:, None], x.shape[1], axis=1)
        for row, weights in zip(x, self.weights, strict=True):
            y += weights[:, None] * row
        return np.maximum(y, 0.0) if self.activation == "relu" else y


@dataclass(frozen=True, slots=True)
class ClusterAssigner:
    """Scaler, encoder and centroids of one fit."""

    unit: float
    """Amount (millionths) below which the money axis turns linear."""
    mean: NDArray[np.float64]
    """Of the log-scaled features; shape ``(3,)``."""
    scale: NDArray[np.float64]
    """Their standard deviation, 1 where all customers are equal; shape ``(3,)``."""
    encoder: tuple[DenseLayer, ...]
    centroids: NDArray[np.float64]
    """Shape ``(k, latent)``, ordered by mean amount, the largest first."""
    names: tuple[str, ...]
    """Of the clusters, by id."""

    def scaled_features(
        self, recency: NDArray[np.int64], frequency: NDArray[np.int64], monetary: NDArray[np.int64]
    ) -> NDArray[np.float64]:
        """What the encoder reads: log-scaled, standardised and clipped, shape ``(3, n)``."""
        features = log_features(recency, frequency, monetary, self.unit)
        return np.clip((features - self.mean[:, None]) / self.scale[:, None], -CLIP_DEVIATIONS, CLIP_DEVIATIONS)

    def encode(
        self, recency: NDArray[np.int64], frequency: NDArray[np.int64], monetary: NDArray[np.int64]
    ) -> NDArray[np.float64]:
        """Latent coordinates, shape ``(n, latent)``.

        Parameters
        ----------
        recency, frequency, monetary : int64 arrays, shape ``(n,)``
            Days, orders and millionths of an amount, as in `RfmTable`.
        """
        n = len(recency)
        out = np.empty((n, len(self.encoder[-1].biases) if self.encoder else len(self.mean)))
        for start in range(0, n, _CHUNK):
            part = slice(start, start + _CHUNK)
            x = self.scaled_features(recency[part], frequency[part], monetary[part])
            for layer in self.encoder:
                x = layer.forward(x)
            out[part] = x.T
        return out

    def nearest_cluster(self, latent: NDArray[np.float64]) -> NDArray[np.int16]:
        """Id of the nearest centroid, the lower one where two are equally near; -1 without centroids."""
        if not len(self.centroids):
            return np.full(len(latent), NO_CLUSTER, dtype=np.int16)
        return nearest_centroid(latent, self.centroids)

    def assign(
        self, recency: NDArray[np.int64], frequency: NDArray[np.int64], monetary: NDArray[np.int64]
    ) -> NDArray[np.int16]:
        """Cluster id of every customer, -1 where `frequency` is 0. Units as in `latent`."""
        found = self.nearest_cluster(self.encode(recency, frequency, monetary))
        return np.where(np.asarray(frequency) > 0, found, NO_CLUSTER).astype(np.int16)

    def arrays(self) -> dict[str, NDArray[Any]]:
        """The numbers, by name; with `meta` all there is."""
        arrays: dict[str, NDArray[Any]] = {"mean": self.mean, "scale": self.scale, "centroids": self.centroids}
        for i, layer in enumerate(self.encoder):
            arrays[f"weights_{i}"], arrays[f"biases_{i}"] = layer.weights, layer.biases
        return arrays

    def meta(self) -> dict[str, Any]:
        """The rest, as JSON data."""
        return {"unit": self.unit, "activations": [d.activation for d in self.encoder], "names": list(self.names)}

    @classmethod
    def from_arrays(cls, arrays: Mapping[str, NDArray[Any]], meta: Mapping[str, Any]) -> Self:
        """The inverse of `arrays` and `meta`."""
        return cls(
            unit=float(meta["unit"]),
            mean=arrays["mean"],
            scale=arrays["scale"],
            encoder=tuple(
                DenseLayer(arrays[f"weights_{i}"], arrays[f"biases_{i}"], str(activation))
                for i, activation in enumerate(meta["activations"])
            ),
            centroids=arrays["centroids"],
            names=tuple(meta["names"]),
        )
