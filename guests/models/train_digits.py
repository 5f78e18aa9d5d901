"""Train two readers of handwritten digits on the same data: one of fully connected layers, one of convolutions.

Run ``python -m guests.models.train_digits``; docs/models.md says how and how well they work.
"""

from __future__ import annotations

from typing import Any

import numpy as np
import tensorflow as tf
from numpy.typing import NDArray
from scipy import ndimage

from guests.models import classifier, plates_data
from guests.models.classifier import Examples, InputScale, Task

#: A picture's byte is taken for so many 256ths; it becomes int8 by flipping its top bit.
SCALE = InputScale(1 / 256, -128)

#: Variants of every training digit.
VARIANTS = 10


def connected_network(classes: int) -> tf.keras.Model:
    """Return the network of fully connected layers, 784-128-64-10."""
    layers = tf.keras.layers
    return tf.keras.Sequential(
        [
            layers.Input((28, 28, 1)),
            layers.Flatten(),
            layers.Dense(128, activation="relu"),
            layers.Dropout(0.2),
            layers.Dense(64, activation="relu"),
            layers.Dense(classes, activation="softmax"),
        ]
    )


def convolution_network(classes: int) -> tf.keras.Model:
    """Return the network of convolutions: one whole, one per channel followed by one of 1x1, one whole."""
    layers = tf.keras.layers
    return tf.keras.Sequential(
        [
            layers.Input((28, 28, 1)),
            layers.Conv2D(8, 3, strides=2, padding="same", activation="relu"),
            layers.DepthwiseConv2D(3, padding="same", activation="relu"),
            layers.Conv2D(16, 1, activation="relu6"),
            layers.MaxPooling2D(2),
            layers.Conv2D(32, 3, activation="relu"),
            layers.Flatten(),
            layers.Dropout(0.3),
            layers.Dense(classes, activation="softmax"),
        ]
    )


def vary(pictures: NDArray[np.uint8], draw: np.random.Generator) -> NDArray[np.float32]:
    """Return the pictures turned, sheared, stretched and shifted a little, each in its own way: float32[n, 28, 28]."""
    result = np.empty(pictures.shape, np.float32)
    for row, picture in zip(result, pictures, strict=True):
        turn = np.radians(draw.uniform(-15, 15))
        matrix: NDArray[Any] = np.array([[np.cos(turn), -np.sin(turn)], [np.sin(turn), np.cos(turn)]])
        matrix = matrix @ np.diag(draw.uniform(0.85, 1.15, 2)) @ np.array([[1, 0], [draw.uniform(-0.2, 0.2), 1]])
        offset = 13.5 - matrix @ np.full(2, 13.5) + draw.uniform(-1.5, 1.5, 2)
        row[...] = ndimage.affine_transform(picture.astype(np.float32), matrix, offset, order=1)
    return result


def main() -> None:
    """Read, train, convert, write."""
    chosen = classifier.options(__doc__.splitlines()[0]).parse_args()
    classifier.make_repeatable(chosen.seed)
    draw = np.random.default_rng(chosen.seed)
    pictures, labels = plates_data.digits(test=False)
    varied = np.concatenate([pictures.astype(np.float32), *(vary(pictures, draw) for _ in range(VARIANTS))])
    train = Examples(varied[..., None] / np.float32(256), np.tile(labels, VARIANTS + 1))
    unseen, wanted = plates_data.digits(test=True)
    test = Examples(unseen.astype(np.float32)[..., None] / np.float32(256), wanted)
    classes = [str(digit) for digit in range(10)]
    for name, network in (("digits_mlp", connected_network), ("digits_cnn", convolution_network)):
        task = Task(name, "digits", classes, SCALE, train, test, epochs=12)
        classifier.make(task, network(len(classes)), chosen.out)
    classifier.write_test_set(task, chosen.out)


if __name__ == "__main__":
    main()
