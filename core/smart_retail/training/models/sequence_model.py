"""Training of the sequence model in Keras.

In: a purchase history. Out: `recommenders.sequence_model.SequenceModel`, plain arrays. Each example is an order: the
customer's purchases before it, and its items. Orders of the latest days are held out for early stopping; then the model
is trained on them once, so that it knows the latest demand.
"""

from __future__ import annotations

import threading
from dataclasses import dataclass
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from smart_retail.data.purchase_history import PurchaseHistory
from smart_retail.recommenders.sequence_model import MAX_PURCHASES, N_AGE_FEATURES, SequenceModel, age_features
from smart_retail.training.clusters.autoencoder import load_keras

MAX_CUSTOMERS: Final = 20_000
MAX_ORDERS: Final = 10
"""Latest orders of each customer that are examples."""
MAX_ITEMS: Final = 8000
"""Most bought items that the model has; the others are left to the other sources."""
HELD_OUT_SHARE: Final = 0.1
"""Share of the examples, the latest ones, for early stopping."""
MAX_TARGETS: Final = 24
"""Items of an order that are predicted; of a longer order a part is drawn in each epoch."""
DIMENSIONS: Final = 64
QUERIES: Final = 4
BATCH: Final = 256
MAX_EPOCHS: Final = 12
LEARNING_RATE: Final = 3e-3
PATIENCE_EPOCHS: Final = 2
DROPOUT: Final = 0.2
"""Share of the purchases of an example that are left out at random in training."""

_ONE_TRAINING = threading.Lock()
"""Keras trains on the threads of TensorFlow; several trainings at once would not be faster."""


@dataclass(frozen=True, slots=True)
class OrderExamples:
    """Orders with the purchases before them; items are positions in the model, `n_items` for none."""

    item: NDArray[np.int32]
    """Items of the latest purchases before the order, shape ``(n, MAX_PURCHASES)``."""
    age_days: NDArray[np.int32]
    """Days from the purchase to the order."""
    target: NDArray[np.int32]
    """Items of all orders, one after the other."""
    indptr: NDArray[np.int64]
    """Bounds of each order's items in `target`."""
    day: NDArray[np.int32]
    """Day of each order."""

    def __len__(self) -> int:
        return len(self.day)


def fit_sequence_model(history: PurchaseHistory, *, seed: int = 0) -> SequenceModel | None:
    """Train the model; None for a history with too few examples.

    Parameters
    ----------
    history : PurchaseHistory
    seed : int
        Of the sample of customers, the initial weights and the order of the examples.
    """
    counts = np.bincount(history.item, minlength=history.n_items)
    most_bought = np.sort(np.argsort(-counts, kind="stable")[:MAX_ITEMS])
    item: NDArray[np.int32] = most_bought[counts[most_bought] > 0].astype(np.int32)
    examples = build_order_examples(history, item, np.random.default_rng(seed))
    if len(examples) < 4 * BATCH:
        return None
    with _ONE_TRAINING:
        return _train(examples, item, counts[item], seed)


def build_order_examples(history: PurchaseHistory, item: NDArray[np.int32], rng: np.random.Generator) -> OrderExamples:
    """Build the examples of the latest orders of each customer, without the first one, which nothing precedes.

    Parameters
    ----------
    history : PurchaseHistory
    item : int32 array
        Codes of the items in the model, ascending.
    rng : numpy Generator
        Draws the customers if there are more than `MAX_CUSTOMERS`.
    """
    position = np.searchsorted(item, history.item).clip(max=len(item) - 1)
    rows = item[position] == history.item
    buyers = np.unique(history.customer)
    if len(buyers) > MAX_CUSTOMERS:
        drawn = np.zeros(history.n_customers, bool)
        drawn[rng.choice(buyers, MAX_CUSTOMERS, replace=False)] = True
        rows &= drawn[history.customer]
    customer, order, day = history.customer[rows], history.order[rows], history.day[rows]
    position = position[rows].astype(np.int32)
    starts = np.flatnonzero(np.concatenate(([True], (np.diff(customer) != 0) | (np.diff(order) != 0)))[: len(customer)])
    ends = np.append(starts[1:], len(customer))
    first = np.searchsorted(customer, customer[starts])
    owner = customer[starts]
    later = np.searchsorted(owner, owner, side="right") - 1 - np.arange(len(owner))
    used = np.flatnonzero((first < starts) & (later < MAX_ORDERS))
    columns = starts[used, None] - MAX_PURCHASES + np.arange(MAX_PURCHASES)
    valid = columns >= first[used, None]
    columns = np.maximum(columns, 0)
    sizes = (ends - starts)[used]
    indptr = np.concatenate(([0], np.cumsum(sizes)))
    target = np.repeat(starts[used] - indptr[:-1], sizes) + np.arange(indptr[-1])
    order_day = day[starts[used]]
    return OrderExamples(
        item=np.where(valid, position[columns], np.int32(len(item))),
        age_days=np.where(valid, order_day[:, None] - day[columns], 0).astype(np.int32),
        target=position[target],
        indptr=indptr,
        day=order_day,
    )


def _train(examples: OrderExamples, item: NDArray[np.int32], counts: NDArray[np.int64], seed: int) -> SequenceModel:
    """Train with early stopping on the latest orders, then on them."""
    network = _network(load_keras(), counts, seed)
    rng = np.random.default_rng(seed)
    order = np.argsort(examples.day, kind="stable")
    latest = order[int(len(order) * (1 - HELD_OUT_SHARE)) :]
    earlier = rng.permutation(order[: len(order) - len(latest)])
    best, epochs_without_gain = np.inf, 0
    weights = network.get_weights()
    for _ in range(MAX_EPOCHS):
        rng.shuffle(earlier)
        network.fit(*_inputs(examples, earlier, len(item), rng), batch_size=BATCH, shuffle=False, verbose=0)
        loss = float(network.evaluate(*_inputs(examples, latest, len(item), rng), batch_size=BATCH, verbose=0))
        epochs_without_gain += 1
        if loss < best:
            best, weights, epochs_without_gain = loss, network.get_weights(), 0
        if epochs_without_gain == PATIENCE_EPOCHS:
            break
    network.set_weights(weights)
    network.fit(*_inputs(examples, rng.permutation(latest), len(item), rng), batch_size=BATCH, shuffle=False, verbose=0)
    return _to_arrays(network, item)


def _inputs(
    examples: OrderExamples, rows: NDArray[np.int64], n_items: int, rng: np.random.Generator
) -> tuple[list[NDArray[Any]], NDArray[np.int32]]:
    """Return the inputs of the network and up to `MAX_TARGETS` items of each order, `n_items` for none."""
    sizes = np.diff(examples.indptr)[rows]
    target = np.full((len(rows), MAX_TARGETS), n_items, np.int32)
    column = np.minimum(np.arange(MAX_TARGETS), sizes[:, None] - 1)
    if (sizes > MAX_TARGETS).any():  # a random run of the items of a long order
        column = (column + (rng.random(len(rows)) * sizes).astype(np.int64)[:, None]) % sizes[:, None]
    target = examples.target[examples.indptr[rows][:, None] + column]
    target = np.where(np.arange(MAX_TARGETS) < sizes[:, None], target, np.int32(n_items))
    return [examples.item[rows], age_features(examples.age_days[rows])], target


def _network(keras: Any, counts: NDArray[np.int64], seed: int) -> Any:
    """Return the compiled Keras network; the biases of the items start with the logarithm of their share of orders."""
    m, d, ops = len(counts), DIMENSIONS, keras.ops
    seeds = iter(range(seed, seed + 100))

    def dense(units: int, name: str, **options: Any) -> Any:
        start = keras.initializers.GlorotUniform(seed=next(seeds))
        return keras.layers.Dense(units, name=name, kernel_initializer=start, **options)

    item = keras.Input((MAX_PURCHASES,), dtype="int32")
    age = keras.Input((MAX_PURCHASES, N_AGE_FEATURES))
    start = keras.initializers.RandomNormal(stddev=d**-0.5, seed=next(seeds))
    vectors = keras.layers.Embedding(m + 1, d, embeddings_initializer=start, name="purchased")(item)
    vectors = vectors + dense(d, "age", use_bias=False)(age)
    vectors = keras.layers.Dropout(DROPOUT, noise_shape=(None, MAX_PURCHASES, 1), seed=next(seeds))(vectors)
    attention = dense(QUERIES, "query", use_bias=False)(dense(d, "hidden", activation="tanh")(vectors))
    attention = attention - 1e9 * ops.cast(ops.equal(item, m), "float32")[:, :, None]
    attention = ops.transpose(ops.softmax(attention, axis=1), (0, 2, 1))
    customer = dense(d, "dense")(keras.layers.Flatten()(ops.matmul(attention, vectors)))
    share = np.log(counts / counts.sum())
    logits = dense(m, "predicted", bias_initializer=lambda shape, dtype=None: ops.cast(share, "float32"))(customer)

    def loss(target: Any, logits: Any) -> Any:
        """Mean negative log probability of the items of an order."""
        log_probability = ops.pad(ops.log_softmax(logits), ((0, 0), (0, 1)))
        known = ops.cast(ops.not_equal(target, m), "float32")
        return -ops.sum(ops.take_along_axis(log_probability, target, axis=1), axis=1) / ops.sum(known, axis=1)

    network = keras.Model([item, age], logits)
    network.compile(optimizer=keras.optimizers.Adam(LEARNING_RATE), loss=loss)
    return network


def _to_arrays(network: Any, item: NDArray[np.int32]) -> SequenceModel:
    def weights(name: str) -> NDArray[np.float32]:
        """Return the weights of a layer, with the biases as the last row."""
        return np.vstack([np.atleast_2d(part) for part in network.get_layer(name).get_weights()]).astype(np.float32)

    return SequenceModel(
        item=item,
        purchased=weights("purchased")[:-1],
        age=weights("age"),
        hidden=weights("hidden"),
        query=weights("query"),
        dense=weights("dense"),
        predicted=np.ascontiguousarray(weights("predicted").T),
    )
