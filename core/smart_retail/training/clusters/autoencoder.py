"""A small Keras autoencoder of scaled RFM features.

In: scaled features. Out: `TrainedAutoencoder`, its layers as plain float arrays. Keras and TensorFlow
are imported inside the functions: serving never needs them.

The network is a ReLU layer, a linear bottleneck, a ReLU layer and a linear output. It begins as the
principal components of its input (pairs of ReLU units carry a value and its negative through
unchanged; further units begin without effect), and its loss holds the bottleneck near them. A free
autoencoder finds another latent space at each seed, and K-means on it other clusters (adjusted Rand
index 0.5 on Online Retail II); the anchor costs a hundredth of the reconstruction and keeps them.
"""

from __future__ import annotations

import logging
import os
import random
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from smart_retail.errors import MissingExtraError
from smart_retail.progress import SILENT, Progress
from smart_retail.segmentation.cluster_assigner import DenseLayer

HIDDEN_UNITS: Final = 32
ANCHOR_WEIGHT: Final = 1.0
"""Weight of the latent space's distance from the principal components, beside the reconstruction."""
LEARNING_RATE: Final = 5e-3
"""At the beginning; it falls to zero over the epochs as half a cosine."""
BATCHES_PER_EPOCH: Final = 24
"""Steps of an epoch, so that a large shop trains in the time of a small one."""
MIN_BATCH_SIZE: Final = 64
PATIENCE_EPOCHS: Final = 15
"""Epochs without a gain of `MIN_GAIN` in the validation loss before training stops."""
MIN_GAIN: Final = 1e-4
VALIDATION_EVERY: Final = 10
"""Each tenth customer is held out for early stopping."""

LAYERS: Final = (("encoder", "relu"), ("latent", "linear"), ("decoder", "relu"), ("reconstruction", "linear"))


@dataclass(frozen=True, slots=True)
class TrainedAutoencoder:
    """The layers of a trained autoencoder and how training went."""

    layers: tuple[DenseLayer, ...]
    """Encoder hidden layer, bottleneck, decoder hidden layer, output."""
    loss: tuple[float, ...]
    """Mean squared error of the reconstruction on the train customers, by epoch."""
    validation_loss: tuple[float, ...]
    """The same on the customers held out."""
    linear_loss: float
    """Validation error before training: that of the principal components."""

    @property
    def encoder(self) -> tuple[DenseLayer, ...]:
        """The layers up to the bottleneck."""
        return self.layers[:2]

    def export(self, path: Path) -> None:
        """Write the compiled network as an ``.h5`` that `keras.saving.load_model` opens."""
        keras = load_keras()
        network = _network(keras, self.layers)
        # "mse" would be saved as a name that load_model cannot resolve.
        network.compile(optimizer="adam", loss="mean_squared_error")
        with _quiet_export():
            network.save(path)


def load_keras() -> Any:
    """Keras on TensorFlow, its chatter off; takes seconds at first. `MissingExtraError` without them."""
    os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
    os.environ.setdefault("TF_ENABLE_ONEDNN_OPTS", "0")
    os.environ.setdefault("KERAS_BACKEND", "tensorflow")
    try:
        import keras
        import tensorflow  # noqa: F401  # the backend, checked here rather than at first use
    except ImportError as error:
        raise MissingExtraError(
            f"Fitting clusters needs {error.name}, which is not installed.",
            "Install the extra: pip install 'smart-retail-engine[train]'",
        ) from error
    return keras


class AutoencoderTrainer:
    """Trains one autoencoder after the other on one graph, whose compilation takes longer than a training.

    A training does not depend on those before it. The same features, seed and machine give the same bits,
    in any process: operations are deterministic, on one thread.

    Parameters
    ----------
    inputs, latent : int
        Width of the features and of the bottleneck.

    Raises
    ------
    MissingExtraError
        TensorFlow is not installed.
    """

    def __init__(self, inputs: int, latent: int) -> None:
        keras = load_keras()
        import tensorflow as tf

        self._keras, self._tf, self._latent = keras, tf, latent
        _set_threads(tf)
        with self._seeded(0):
            blank = np.zeros((inputs, latent))
            self._network = _network(keras, _initial_layers(blank, np.random.default_rng(0)))
            self._optimizer = keras.optimizers.Adam(LEARNING_RATE)
            self._optimizer.build(self._network.trainable_variables)
            self._axes = tf.Variable(blank.astype(np.float32))
        self._run_epoch, self._error = self._compiled(inputs)

    def train(
        self, features: NDArray[np.float64], *, epochs: int, seed: int, progress: Progress = SILENT
    ) -> TrainedAutoencoder:
        """Train from the start on scaled features, one row a customer.

        Parameters
        ----------
        features : float64 array, shape ``(n, inputs)``
            At least one row, centred and of unit variance.
        epochs : int
            Upper bound; training stops when the validation loss stays where it is.

        Raises
        ------
        CancelledError
            Through `progress`.
        """
        held_out = np.arange(len(features)) % VALIDATION_EVERY == VALIDATION_EVERY // 2
        train = features[~held_out]
        validation = (features[held_out] if held_out.any() else train).astype(np.float32)
        with self._seeded(seed):
            rng = np.random.default_rng(seed)
            self._reset(principal_components(train, self._latent), rng)
            return self._epochs(train.astype(np.float32), validation, epochs, rng, progress)

    def _reset(self, components: NDArray[np.float64], rng: np.random.Generator) -> None:
        """Weights that project on the components, an optimiser that has seen nothing."""
        self._axes.assign(components.astype(np.float32))
        _assign(self._network, _initial_layers(components, rng))
        for variable in self._optimizer.variables:
            variable.assign(np.zeros(variable.shape, dtype=variable.dtype))

    def _epochs(
        self,
        rows: NDArray[np.float32],
        validation: NDArray[np.float32],
        epochs: int,
        rng: np.random.Generator,
        progress: Progress,
    ) -> TrainedAutoencoder:
        """Train until the validation loss stops falling; the best epoch's layers are kept."""
        batch = min(len(rows), max(MIN_BATCH_SIZE, len(rows) // BATCHES_PER_EPOCH))
        steps = len(rows) // batch
        linear_loss = best = float(self._error(validation))
        layers = _layers(self._network)
        history: list[tuple[float, float]] = []
        waited = 0
        while len(history) < epochs and waited < PATIENCE_EPOCHS:
            progress.check()
            self._optimizer.learning_rate = LEARNING_RATE * (1 + np.cos(np.pi * len(history) / epochs)) / 2
            order = rng.permutation(len(rows))[: steps * batch]
            loss = float(self._run_epoch(rows[order].reshape(steps, batch, -1)))
            history.append((loss, float(self._error(validation))))
            waited += 1
            if history[-1][1] < best - MIN_GAIN:
                best, layers, waited = history[-1][1], _layers(self._network), 0
        return TrainedAutoencoder(layers, tuple(h[0] for h in history), tuple(h[1] for h in history), linear_loss)

    def _compiled(self, inputs: int) -> tuple[Any, Any]:
        """An epoch of batches as one graph (ten times faster here than `Model.fit`), and the error of rows."""
        tf, network, optimizer, axes = self._tf, self._network, self._optimizer, self._axes
        encode, squeeze, decode, output = network.layers
        variables = network.trainable_variables

        @tf.function(input_signature=[tf.TensorSpec((None, None, inputs))])  # type: ignore[untyped-decorator]
        def run_epoch(batches: Any) -> Any:
            total = 0.0
            for batch in batches:
                with tf.GradientTape() as tape:
                    latent = squeeze(encode(batch))
                    loss = tf.reduce_mean((output(decode(latent)) - batch) ** 2)
                    anchored = loss + ANCHOR_WEIGHT * tf.reduce_mean((latent - batch @ axes) ** 2)
                optimizer.apply_gradients(zip(tape.gradient(anchored, variables), variables, strict=True))
                total += loss
            return total / tf.cast(tf.shape(batches)[0], tf.float32)

        @tf.function(input_signature=[tf.TensorSpec((None, inputs))])  # type: ignore[untyped-decorator]
        def error(rows: Any) -> Any:
            return tf.reduce_mean((network(rows) - rows) ** 2)

        return run_epoch, error

    @contextmanager
    def _seeded(self, seed: int) -> Iterator[None]:
        """Deterministic operations; the process's own random generators are given back as they were."""
        python, numpy = random.getstate(), np.random.get_state()  # noqa: NPY002  # Keras seeds them
        self._tf.config.experimental.enable_op_determinism()
        self._keras.utils.set_random_seed(seed)
        try:
            yield
        finally:
            random.setstate(python)
            np.random.set_state(numpy)  # noqa: NPY002


def principal_components(features: NDArray[np.float64], count: int) -> NDArray[np.float64]:
    """The first `count` principal axes, shape ``(d, count)``; zero beyond the d-th.

    Signs are fixed: the largest part of an axis is positive.
    """
    columns = (features - features.mean(axis=0)).T
    # Summed by NumPy: a threaded matrix product would round by the number of threads.
    covariance = np.array([[np.sum(a * b) for b in columns] for a in columns])
    axes = np.linalg.eigh(covariance)[1][:, ::-1][:, :count]
    axes = axes * np.sign(axes[np.abs(axes).argmax(axis=0), np.arange(axes.shape[1])])
    return np.pad(axes, ((0, 0), (0, count - axes.shape[1])))


def _initial_layers(components: NDArray[np.float64], rng: np.random.Generator) -> tuple[DenseLayer, ...]:
    """Layers that project on the components and back; spare hidden units are random and unheard."""

    def carry(axes: NDArray[np.float64]) -> tuple[DenseLayer, DenseLayer]:
        inputs, outputs = axes.shape
        spare = HIDDEN_UNITS - 2 * inputs
        return (
            DenseLayer(
                np.hstack((np.eye(inputs), -np.eye(inputs), rng.normal(size=(inputs, spare)) / np.sqrt(inputs))),
                np.concatenate((np.zeros(2 * inputs), rng.normal(size=spare))),
                "relu",
            ),
            DenseLayer(np.vstack((axes, -axes, np.zeros((spare, outputs)))), np.zeros(outputs), "linear"),
        )

    return (*carry(components), *carry(components.T))


def _network(keras: Any, layers: tuple[DenseLayer, ...]) -> Any:
    """A plain Keras network with these weights."""
    network = keras.Sequential([keras.layers.Input((layers[0].weights.shape[0],))], name="rfm_autoencoder")
    for (name, activation), layer in zip(LAYERS, layers, strict=True):
        network.add(keras.layers.Dense(len(layer.biases), activation=activation, name=name))
    _assign(network, layers)
    return network


def _assign(network: Any, layers: tuple[DenseLayer, ...]) -> None:
    for place, layer in zip(network.layers, layers, strict=True):
        place.kernel.assign(layer.weights)
        place.bias.assign(layer.biases)


def _layers(network: Any) -> tuple[DenseLayer, ...]:
    """The network's present weights as plain arrays."""
    return tuple(
        DenseLayer(
            layer.kernel.value.numpy().astype(np.float64),
            layer.bias.value.numpy().astype(np.float64),
            activation,
        )
        for layer, (_, activation) in zip(network.layers, LAYERS, strict=True)
    )


def _set_threads(tf: Any) -> None:
    try:
        tf.config.threading.set_inter_op_parallelism_threads(1)
        tf.config.threading.set_intra_op_parallelism_threads(1)
    except RuntimeError:
        pass  # this process has used TensorFlow before: its threads are set


@contextmanager
def _quiet_export() -> Iterator[None]:
    """Keras advises against ``.h5`` on each save and trips over NumPy 2's copy keyword."""
    log = logging.getLogger("absl")
    level = log.level
    log.setLevel(logging.ERROR)
    try:
        with warnings.catch_warnings():
            warnings.filterwarnings("ignore", "__array__ implementation", DeprecationWarning)
            yield
    finally:
        log.setLevel(level)
