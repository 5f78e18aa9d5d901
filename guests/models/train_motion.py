"""Train the motion classifier: what somebody who wears a smart watch is doing, from two seconds of its motion sensors.

Run ``python -m guests.models.train_motion``; docs/models.md says how and how well it works.
"""

from __future__ import annotations

from pathlib import Path

import numpy as np
import tensorflow as tf
from numpy.typing import NDArray

from guests.models import classifier, recordings
from guests.models.classifier import Examples, InputScale, Task

RATE_HZ = 10

#: Samples the network sees at a time.
WINDOW = 20

#: Samples of each excerpt in the stream.
EXCERPT = 2 * WINDOW

#: Steps of 1/8 from -16 to 15.875: what lies beyond saturates, as in a sensor.
SCALE = InputScale(0.125, 0)


def network(classes: int) -> tf.keras.Model:
    """Return the network: two convolutions over time, each over all channels."""
    layers = tf.keras.layers
    return tf.keras.Sequential(
        [
            layers.Input((1, WINDOW, 6)),
            layers.Conv2D(16, (1, 5), padding="same", activation="relu"),
            layers.MaxPooling2D((1, 2)),
            layers.Conv2D(16, (1, 3), padding="same", activation="relu"),
            layers.GlobalAveragePooling2D(),
            layers.Dropout(0.2),
            layers.Dense(classes, activation="softmax"),
        ]
    )


def windows(side: recordings.Recordings, hop: int) -> Examples:
    """Cut every recording into windows that begin `hop` samples apart: x is float32[n, 1, WINDOW, 6]."""
    cuts = [
        (signal[begin : begin + WINDOW], label)
        for signal, label in zip(side.signals, side.labels, strict=True)
        for begin in range(0, len(signal) - WINDOW + 1, hop)
    ]
    return Examples(np.stack([cut for cut, _ in cuts])[:, None], np.array([label for _, label in cuts], np.int64))


def vary(examples: Examples, draw: np.random.Generator) -> Examples:
    """Return the examples and three variants of each: stronger or weaker motion, noise, a watch that sits askew."""
    parts = [examples.x]
    for _ in range(3):
        count = len(examples.x)
        varied = examples.x * draw.uniform(0.75, 1.3, (count, 1, 1, 1))
        varied = varied + draw.normal(0, 0.1, varied.shape)
        turn = np.eye(3) + draw.normal(0, 0.12, (count, 1, 3, 3))
        parts.append(np.concatenate([varied[..., :3] @ turn, varied[..., 3:] @ turn], axis=-1).astype(np.float32))
    return Examples(np.concatenate(parts), np.tile(examples.y, 4))


def stream(side: recordings.Recordings) -> tuple[NDArray[np.float32], NDArray[np.int32]]:
    """Put excerpts of the recordings one after the other, so that the class changes with each.

    Returns:
        Samples float32[n, 6] and the class of each, int32[n].
    """
    by_class = [np.flatnonzero(side.labels == label) for label in range(len(side.classes))]
    order = np.stack(by_class, axis=1).ravel()
    samples = [side.signals[index][EXCERPT : 2 * EXCERPT] for index in order]
    return np.concatenate(samples), np.repeat(side.labels[order], EXCERPT).astype(np.int32)


def write_stream(side: recordings.Recordings, path: Path) -> None:
    """Write the stream as a sensor gives it (``samples``), in int8 (``q``), and cut into ``windows`` for the model."""
    samples, labels = stream(side)
    q = SCALE.to_int8(samples)
    np.savez_compressed(
        path,
        samples=samples,
        q=q,
        labels=labels,
        windows=q.reshape(-1, 1, 1, WINDOW, 6),
        window_labels=labels[::WINDOW],
        classes=np.array(side.classes),
        rate_hz=np.int32(RATE_HZ),
    )


def main() -> None:
    """Read, train, convert, write."""
    chosen = classifier.options(__doc__.splitlines()[0]).parse_args()
    classifier.make_repeatable(chosen.seed)
    test = recordings.motion(test=True)
    train = vary(windows(recordings.motion(test=False), 2), np.random.default_rng(chosen.seed))
    task = Task("motion", "motion", test.classes, SCALE, train, windows(test, WINDOW), epochs=30)
    classifier.make(task, network(len(test.classes)), chosen.out)
    classifier.write_test_set(task, chosen.out)
    write_stream(test, chosen.out / "data" / "motion_stream.npz")


if __name__ == "__main__":
    main()
