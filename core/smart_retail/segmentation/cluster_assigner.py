"""Assignment of customers to clusters: latent coordinates and the nearest centroid, from fitted arrays.

In: recency, frequency and monetary value. Out: latent coordinates and cluster ids. NumPy only. Serving and fitting both
use this module, so that their results are always equal.
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
"""Scaled features are clipped to this many standard deviations: otherwise a single outlier can form its own cluster."""

_CHUNK: Final = 16_384


def log_features(
    recency: NDArray[np.int64], frequency: NDArray[np.int64], monetary: NDArray[np.int64], unit: float
) -> NDArray[np.float64]:
    """Return log-scaled recency, frequency and monetary value, shape ``(3, n)``.

    Amounts are scaled by the inverse hyperbolic sine of ``monetary / unit``, which is a logarithm for amounts well
    above `unit` (millionths) and is also defined for zero and negative amounts (more returned than bought).

    Parameters
    ----------
    recency, frequency, monetary : int64 arrays, shape (n,)
        Days, orders and millionths of an amount, as in `RfmTable`.
    unit : float
        Amount in millionths, above 0.

    Returns
    -------
    float64 array, shape (3, n)
    """
    return np.stack((np.log1p(recency), np.log1p(frequency), np.arcsinh(np.asarray(monetary) / unit)))


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
class ClusterAssigner:
    """Scaler, encoder and centroids of one fit."""

    unit: float
    """Amount in millionths below which the scale of amounts becomes linear."""
    mean: NDArray[np.float64]
    """Mean of the log-scaled features; shape ``(3,)``."""
    scale: NDArray[np.float64]
    """Standard deviation of the log-scaled features, 1 where all customers are equal; shape ``(3,)``."""
    encoder: tuple[DenseLayer, ...]
    centroids: NDArray[np.float64]
    """Shape ``(k, latent)``, ordered by mean amount, largest first."""
    names: tuple[str, ...]
    """Names of the clusters, by id."""

    def scaled_features(
        self, recency: NDArray[np.int64], frequency: NDArray[np.int64], monetary: NDArray[np.int64]
    ) -> NDArray[np.float64]:
        """Return the input of the encoder: log-scaled, standardised and clipped features.

        Parameters
        ----------
        recency, frequency, monetary : int64 arrays, shape (n,)
            As in `log_features`.

        Returns
        -------
        float64 array, shape (3, n)
        """
        features = log_features(recency, frequency, monetary, self.unit)
        return np.clip((features - self.mean[:, None]) / self.scale[:, None], -CLIP_DEVIATIONS, CLIP_DEVIATIONS)

    def encode(
        self, recency: NDArray[np.int64], frequency: NDArray[np.int64], monetary: NDArray[np.int64]
    ) -> NDArray[np.float64]:
        """Return the latent coordinates, shape ``(n, latent)``.

        Parameters
        ----------
        recency, frequency, monetary : int64 arrays, shape ``(n,)``
            Days, orders and millionths of an amount, as in `RfmTable`.

        Returns
        -------
        float64 array, shape (n, latent)
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
        """Return the id of the nearest centroid, the lower one on a tie; -1 without centroids."""
        if not len(self.centroids):
            return np.full(len(latent), NO_CLUSTER, dtype=np.int16)
        return nearest_centroid(latent, self.centroids)

    def assign(
        self, recency: NDArray[np.int64], frequency: NDArray[np.int64], monetary: NDArray[np.int64]
    ) -> NDArray[np.int16]:
        """Return the cluster id of every customer.

        Parameters
        ----------
        recency, frequency, monetary : int64 arrays, shape (n,)
            As in `encode`.

        Returns
        -------
        int16 array, shape (n,)
            -1 where `frequency` is 0.
        """
        nearest = self.nearest_cluster(self.encode(recency, frequency, monetary))
        return np.where(np.asarray(frequency) > 0, nearest, NO_CLUSTER).astype(np.int16)

    def arrays(self) -> dict[str, NDArray[Any]]:
        """Return the arrays by name; together with `meta` they describe the assigner completely."""
        arrays: dict[str, NDArray[Any]] = {"mean": self.mean, "scale": self.scale, "centroids": self.centroids}
        for i, layer in enumerate(self.encoder):
            arrays[f"weights_{i}"], arrays[f"biases_{i}"] = layer.weights, layer.biases
        return arrays

    def meta(self) -> dict[str, Any]:
        """Return unit, activations and names, as JSON data."""
        return {"unit": self.unit, "activations": [d.activation for d in self.encoder], "names": list(self.names)}

    @classmethod
    def from_arrays(cls, arrays: Mapping[str, NDArray[Any]], meta: Mapping[str, Any]) -> Self:
        """Return the assigner from the results of `arrays` and `meta`; `ValueError` if their shapes do not fit."""
        found = cls(
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
        found._check_shapes()
        return found

    def _check_shapes(self) -> None:
        width = 3
        fits = len(self.mean) == len(self.scale) == width
        for layer in self.encoder:
            fits = fits and layer.weights.shape == (width, len(layer.biases))
            width = len(layer.biases)
        if not fits or (len(self.centroids) and self.centroids.shape[1] != width):
            raise ValueError("scaler, encoder and centroids do not fit together")
