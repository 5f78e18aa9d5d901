"""Train the gesture classifier: which of ten people made a pick-up gesture, from one accelerometer axis.

Run ``python -m guests.models.train_gesture``; docs/models.md says how and how well it works.
"""

from __future__ import annotations

import numpy as np
import tensorflow as tf
from numpy.typing import NDArray

from guests.models import classifier, recordings
from guests.models.classifier import Examples, InputScale, Task

#: Samples of the longest gesture that fits; shorter ones are followed by zeros.
LONGEST = 384

#: So many samples are averaged to one, as a sensor with a slower output rate would.
AVERAGED = 3

#: Steps of 1/64 g from -0.5 to 3.48 g.
SCALE = InputScale(1 / 64, -96)


def network(classes: int) -> tf.keras.Model:
    """Return the network: convolutions over time, the third of which corrects what the second found."""
    layers = tf.keras.layers
    signal = layers.Input((1, LONGEST // AVERAGED, 1))
    first = layers.Conv2D(16, (1, 7), strides=(1, 2), padding="same", activation="relu")(signal)
    second = layers.Conv2D(32, (1, 5), strides=(1, 2), padding="same", activation="relu")(first)
    third = layers.Conv2D(32, (1, 5), padding="same", activation="relu")(second)
    joined = layers.AveragePooling2D((1, 4))(layers.Add()([second, third]))
    found = layers.Dropout(0.4)(layers.Flatten()(joined))
    return tf.keras.Model(signal, layers.Dense(classes, activation="softmax")(found))


def to_input(signals: list[NDArray[np.float32]]) -> NDArray[np.float32]:
    """Average and pad gestures of any length: float32[n, 1, LONGEST / AVERAGED, 1]."""
    result = np.zeros((len(signals), LONGEST), np.float32)
    for row, signal in zip(result, signals, strict=True):
        row[: len(signal)] = signal[:LONGEST, 0]
    averaged: NDArray[np.float32] = result.reshape(len(signals), 1, -1, AVERAGED).mean(axis=-1)[..., None]
    return averaged


def vary(side: recordings.Recordings, times: int, draw: np.random.Generator) -> Examples:
    """Return `times` variants of each gesture: faster or slower as a whole and in parts, stronger or weaker, noisy."""
    signals = [_bend(signal, draw) for _ in range(times) for signal in side.signals]
    return Examples(to_input(signals), np.tile(side.labels, times))


def _bend(signal: NDArray[np.float32], draw: np.random.Generator) -> NDArray[np.float32]:
    length = round(len(signal) * draw.uniform(0.8, 1.2))
    knots = np.cumsum(np.r_[0, draw.uniform(0.65, 1.35, 5)])
    places = np.interp(np.linspace(0, 1, length), np.linspace(0, 1, 6), knots / knots[-1]) * (len(signal) - 1)
    bent = np.interp(places, np.arange(len(signal)), signal[:, 0])
    still = float(np.median(bent))
    bent = (bent - still) * draw.uniform(0.8, 1.25) + still + draw.normal(0, 0.03) + draw.normal(0, 0.015, length)
    varied: NDArray[np.float32] = bent.astype(np.float32)[:, None]
    return varied


def main() -> None:
    """Read, train, convert, write."""
    chosen = classifier.options(__doc__.splitlines()[0]).parse_args()
    classifier.make_repeatable(chosen.seed)
    test = recordings.gesture(test=True)
    train = vary(recordings.gesture(test=False), 100, np.random.default_rng(chosen.seed))
    task = Task(
        "gesture", "gesture", test.classes, SCALE, train, Examples(to_input(test.signals), test.labels), epochs=40
    )
    classifier.make(task, network(len(test.classes)), chosen.out)
    classifier.write_test_set(task, chosen.out)


if __name__ == "__main__":
    main()
