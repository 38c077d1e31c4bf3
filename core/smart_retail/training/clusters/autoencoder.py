"""Keras autoencoder of customer features.

In: centred features. Out: `TrainedAutoencoder`, its layers as plain float arrays. Keras and TensorFlow
are imported inside the functions: serving never needs them.

The network is a ReLU layer, a linear bottleneck, a ReLU layer and a linear output. It is initialised with the principal
components of its input (pairs of ReLU units pass a value and its negative unchanged; surplus units have no effect at
first), so that training starts from the best linear map and can only improve on it.
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

MIN_HIDDEN_UNITS: Final = 32
"""Units of the hidden layers; twice the number of features if that is more."""
LEARNING_RATE: Final = 5e-3
"""Initial learning rate; it decreases to zero over the epochs (cosine schedule)."""
BATCHES_PER_EPOCH: Final = 24
"""Number of steps per epoch, so that training time does not grow with the number of customers."""
MIN_BATCH_SIZE: Final = 64
PATIENCE_EPOCHS: Final = 15
"""Number of epochs without a gain of `MIN_GAIN` in the validation loss after which training stops."""
MIN_GAIN: Final = 1e-4
VALIDATION_EVERY: Final = 10
"""Every tenth customer is held out for early stopping."""

LAYERS: Final = (("encoder", "relu"), ("latent", "linear"), ("decoder", "relu"), ("reconstruction", "linear"))


@dataclass(frozen=True, slots=True)
class TrainedAutoencoder:
    """Layers of a trained autoencoder and its training losses."""

    layers: tuple[DenseLayer, ...]
    """Encoder hidden layer, bottleneck, decoder hidden layer, output."""
    loss: tuple[float, ...]
    """Mean squared reconstruction error on the training customers, by epoch."""
    validation_loss: tuple[float, ...]
    """Mean squared reconstruction error on the held-out customers, by epoch."""
    linear_loss: float
    """Validation error before training, which is that of the principal components."""

    @property
    def encoder(self) -> tuple[DenseLayer, ...]:
        """Layers up to the bottleneck."""
        return self.layers[:2]

    def export(self, path: Path) -> None:
        """Write the compiled network as an ``.h5`` file for `keras.saving.load_model`."""
        keras = load_keras()
        network = _network(keras, self.layers)
        # load_model cannot resolve the short name "mse".
        network.compile(optimizer="adam", loss="mean_squared_error")
        with _quiet_export():
            network.save(path)


def load_keras() -> Any:
    """Return Keras with the TensorFlow backend and without log output; the first import takes seconds.

    Raises
    ------
    MissingExtraError
        Keras or TensorFlow is not installed.
    """
    os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
    os.environ.setdefault("TF_ENABLE_ONEDNN_OPTS", "0")
    os.environ.setdefault("KERAS_BACKEND", "tensorflow")
    try:
        import keras
        import tensorflow  # noqa: F401  # checked here and not at first use
    except ImportError as error:
        raise MissingExtraError(
            f"Fitting clusters needs {error.name}, which is not installed.",
            "Install the extra: pip install 'smart-retail-engine[train]'",
        ) from error
    return keras


class AutoencoderTrainer:
    """Train several autoencoders on one graph, because compiling the graph takes longer than training.

    Trainings are independent of each other. The same features, seed and machine give bit-identical results in any
    process: operations are deterministic and use one thread.

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
        self._run_epoch, self._error = self._compiled(inputs)

    def train(
        self, features: NDArray[np.float64], *, epochs: int, seed: int, progress: Progress = SILENT
    ) -> TrainedAutoencoder:
        """Train a new autoencoder on scaled features.

        Parameters
        ----------
        features : float64 array, shape ``(n, inputs)``
            One row per customer, at least one; centred.
        epochs : int
            Maximum number of epochs; training stops early when the validation loss no longer decreases.
        seed : int
        progress : Progress

        Raises
        ------
        CancelledError
            The user cancelled, through `progress`.
        """
        held_out = np.arange(len(features)) % VALIDATION_EVERY == VALIDATION_EVERY // 2
        train = features[~held_out]
        validation = (features[held_out] if held_out.any() else train).astype(np.float32)
        with self._seeded(seed):
            rng = np.random.default_rng(seed)
            self._reset(principal_components(train, self._latent), rng)
            return self._epochs(train.astype(np.float32), validation, epochs, rng, progress)

    def _reset(self, components: NDArray[np.float64], rng: np.random.Generator) -> None:
        """Initialise the weights with the components, and reset the optimiser."""
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
        """Train until the validation loss no longer decreases, and return the layers of the best epoch."""
        batch = min(len(rows), max(MIN_BATCH_SIZE, len(rows) // BATCHES_PER_EPOCH))
        steps = len(rows) // batch
        linear_loss = best = float(self._error(validation))
        layers = _layers(self._network)
        history: list[tuple[float, float]] = []
        epochs_without_gain = 0
        while len(history) < epochs and epochs_without_gain < PATIENCE_EPOCHS:
            progress.check()
            self._optimizer.learning_rate = LEARNING_RATE * (1 + np.cos(np.pi * len(history) / epochs)) / 2
            order = rng.permutation(len(rows))[: steps * batch]
            loss = float(self._run_epoch(rows[order].reshape(steps, batch, -1)))
            history.append((loss, float(self._error(validation))))
            epochs_without_gain += 1
            if history[-1][1] < best - MIN_GAIN:
                best, layers, epochs_without_gain = history[-1][1], _layers(self._network), 0
        return TrainedAutoencoder(layers, tuple(h[0] for h in history), tuple(h[1] for h in history), linear_loss)

    def _compiled(self, inputs: int) -> tuple[Any, Any]:
        """Return graph functions for one epoch (ten times faster than `Model.fit`) and for the error of rows."""
        tf, network, optimizer = self._tf, self._network, self._optimizer
        variables = network.trainable_variables

        @tf.function(input_signature=[tf.TensorSpec((None, None, inputs))])  # type: ignore[untyped-decorator]
        def run_epoch(batches: Any) -> Any:
            total = 0.0
            for batch in batches:
                with tf.GradientTape() as tape:
                    loss = tf.reduce_mean((network(batch) - batch) ** 2)
                optimizer.apply_gradients(zip(tape.gradient(loss, variables), variables, strict=True))
                total += loss
            return total / tf.cast(tf.shape(batches)[0], tf.float32)

        @tf.function(input_signature=[tf.TensorSpec((None, inputs))])  # type: ignore[untyped-decorator]
        def error(rows: Any) -> Any:
            return tf.reduce_mean((network(rows) - rows) ** 2)

        return run_epoch, error

    @contextmanager
    def _seeded(self, seed: int) -> Iterator[None]:
        """Seed Keras and enable deterministic operations; restore the random generators of the process on leaving."""
        python, numpy = random.getstate(), np.random.get_state()  # noqa: NPY002  # Keras seeds them
        self._tf.config.experimental.enable_op_determinism()
        self._keras.utils.set_random_seed(seed)
        try:
            yield
        finally:
            random.setstate(python)
            np.random.set_state(numpy)  # noqa: NPY002


def untrained(components: NDArray[np.float64], seed: int) -> TrainedAutoencoder:
    """Return the autoencoder before training, whose bottleneck has the principal components."""
    return TrainedAutoencoder(_initial_layers(components, np.random.default_rng(seed)), (), (), 0.0)


def principal_components(features: NDArray[np.float64], count: int) -> NDArray[np.float64]:
    """Return the first `count` principal axes, shape ``(d, count)``; zero beyond the d-th.

    The sign is fixed: the largest component of an axis is positive.
    """
    columns = (features - features.mean(axis=0)).T
    # A threaded matrix product would round differently with the number of threads.
    covariance = np.array([[np.sum(a * b) for b in columns] for a in columns])
    axes = np.linalg.eigh(covariance)[1][:, ::-1][:, :count]
    axes = axes * np.sign(axes[np.abs(axes).argmax(axis=0), np.arange(axes.shape[1])])
    return np.pad(axes, ((0, 0), (0, count - axes.shape[1])))


def _initial_layers(components: NDArray[np.float64], rng: np.random.Generator) -> tuple[DenseLayer, ...]:
    """Initialise the layers with the principal components; surplus hidden units get random inputs and zero weights."""

    hidden = max(MIN_HIDDEN_UNITS, 2 * max(components.shape))

    def project(axes: NDArray[np.float64]) -> tuple[DenseLayer, DenseLayer]:
        inputs, outputs = axes.shape
        surplus = hidden - 2 * inputs
        return (
            DenseLayer(
                np.hstack((np.eye(inputs), -np.eye(inputs), rng.normal(size=(inputs, surplus)) / np.sqrt(inputs))),
                np.concatenate((np.zeros(2 * inputs), rng.normal(size=surplus))),
                "relu",
            ),
            DenseLayer(np.vstack((axes, -axes, np.zeros((surplus, outputs)))), np.zeros(outputs), "linear"),
        )

    return (*project(components), *project(components.T))


def _network(keras: Any, layers: tuple[DenseLayer, ...]) -> Any:
    """Return a Keras network with the weights of the layers."""
    network = keras.Sequential([keras.layers.Input((layers[0].weights.shape[0],))], name="customer_autoencoder")
    for (name, activation), layer in zip(LAYERS, layers, strict=True):
        network.add(keras.layers.Dense(len(layer.biases), activation=activation, name=name))
    _assign(network, layers)
    return network


def _assign(network: Any, layers: tuple[DenseLayer, ...]) -> None:
    for keras_layer, layer in zip(network.layers, layers, strict=True):
        keras_layer.kernel.assign(layer.weights)
        keras_layer.bias.assign(layer.biases)


def _layers(network: Any) -> tuple[DenseLayer, ...]:
    """Return the current weights of the network as plain arrays."""
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
        pass  # TensorFlow is already in use in this process, and its threads are fixed


@contextmanager
def _quiet_export() -> Iterator[None]:
    """Silence the warnings of Keras about ``.h5`` and about the copy keyword of NumPy 2."""
    log = logging.getLogger("absl")
    level = log.level
    log.setLevel(logging.ERROR)
    try:
        with warnings.catch_warnings():
            warnings.filterwarnings("ignore", "__array__ implementation", DeprecationWarning)
            yield
    finally:
        log.setLevel(level)
