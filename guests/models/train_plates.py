"""Trains the two networks of the plate detector and writes them as one int8 TensorFlow Lite model.

Run ``python -m guests.models.train_plates`` (``pip install edgesim[train]``); docs/models.md says what comes out. The
pictures are made on the fly from the training material (machines.native.material); the test material is not touched.
"""

from __future__ import annotations

import argparse
import logging
import os
import tempfile
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, NamedTuple

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "2")

import numpy as np
import tensorflow as tf
from tensorflow.python.framework.convert_to_constants import convert_variables_to_constants_v2

from guests.models.plates_scenes import Patches, Pictures, SceneMaker
from guests.services.detector import NO_DIGIT, PATCH

MODEL = Path(__file__).with_name("plates_int8.tflite")
layers = tf.keras.layers


def finding_network() -> tf.keras.Model:
    """Build the network that finds plates: strided convolutions to an eighth of the picture, three residual blocks.

    A cell of its output sees 71 by 71 pixels of the shrunk picture; the largest plate is 50 high.

    Returns:
        float32[n, 120, 160, 1] in [-1, 1) to float32[n, 15, 20, 1] (logit of a plate) and float32[n, 15, 20, 4] (cells
        from the centre to the left, upper, right and lower side)
    """
    picture = layers.Input((120, 160, 1))
    x = _convolution(picture, 8, 3, 2)
    x = _convolution(x, 16, 3, 2)
    x = _separable(x, 32, 1)
    x = _separable(x, 48, 2)
    for _ in range(3):
        x = layers.Add()([x, _separable(x, 48, 1)])
    plate = layers.Conv2D(1, 1, bias_initializer=tf.keras.initializers.Constant(-3.0))(x)
    sides = layers.Conv2D(4, 1, bias_initializer=tf.keras.initializers.Constant(1.5))(x)
    return tf.keras.Model(picture, [plate, sides])


def reading_network() -> tf.keras.Model:
    """Build the network that reads a plate.

    Returns:
        float32[n, 28, 28, 1] in [-1, 1) to float32[n, 11], logits of ten digits and of "no digit"
    """
    patch = layers.Input((PATCH, PATCH, 1))
    x = _convolution(patch, 16, 3, 2)
    x = _convolution(x, 16, 3, 1)
    x = _convolution(x, 32, 3, 2)
    x = _convolution(x, 32, 3, 1)
    x = layers.Dropout(0.3)(x)
    return tf.keras.Model(patch, layers.Flatten()(layers.Conv2D(NO_DIGIT + 1, 7)(x)))


def _convolution(x: tf.Tensor, channels: int, size: int, stride: int = 1) -> tf.Tensor:
    x = layers.Conv2D(channels, size, stride, "same", use_bias=False)(x)
    return layers.ReLU(6.0)(layers.BatchNormalization(momentum=0.95)(x))


def _separable(x: tf.Tensor, channels: int, stride: int) -> tf.Tensor:
    x = layers.DepthwiseConv2D(3, stride, "same", use_bias=False)(x)
    x = layers.ReLU(6.0)(layers.BatchNormalization(momentum=0.95)(x))
    return _convolution(x, channels, 1)


def finding_loss(outputs: list[tf.Tensor], wanted: Pictures) -> tf.Tensor:
    """Focal loss (Lin et al. 2017) of "plate" over judged cells, and over plate cells one minus the intersection over
    union of the box (UnitBox, Yu et al. 2016) with a slope for boxes that do not overlap; both per plate cell.

    Parameters:
        outputs: float32[n, 15, 20, 1] and float32[n, 15, 20, 4]
        wanted: what they should be
    """
    logit, sides = outputs[0][..., 0], outputs[1]
    plate = tf.cast(wanted.seen == 1, tf.float32)
    count = tf.reduce_sum(plate) + 1.0
    entropy = tf.nn.sigmoid_cross_entropy_with_logits(plate, logit)
    focus = tf.square(plate - tf.sigmoid(logit))
    found = tf.reduce_sum(tf.cast(wanted.seen != 2, tf.float32) * focus * entropy) / count
    given = tf.maximum(sides, 0.01)
    shared, areas = _area(tf.minimum(given, wanted.sides)), _area(given) + _area(wanted.sides)
    outside = 1.0 - shared / (areas - shared + 1e-6)
    slope = tf.reduce_sum(tf.abs(sides - wanted.sides), axis=-1)
    return 4.0 * found + 2.0 * tf.reduce_sum(plate * (outside + 0.1 * slope)) / count


def _area(sides: tf.Tensor) -> tf.Tensor:
    return (sides[..., 0] + sides[..., 2]) * (sides[..., 1] + sides[..., 3])


def reading_loss(outputs: tf.Tensor, wanted: Patches) -> tf.Tensor:
    """Cross-entropy of the digit, with 5 % of the label spread over all classes.

    Parameters:
        outputs: float32[n, 11]
        wanted: what they should be
    """
    label = 0.95 * tf.one_hot(wanted.labels, NO_DIGIT + 1) + 0.05 / (NO_DIGIT + 1)
    return tf.reduce_mean(tf.nn.softmax_cross_entropy_with_logits(label, outputs))


class Course(NamedTuple):
    """How a network is trained.

    Parameters:
        name: for messages
        epochs: passes over the data
        batch: examples a step
        rate: greatest step size, reached after 300 steps, from where it falls to zero as half a cosine
    """

    name: str
    epochs: int
    batch: int
    rate: float


def train(model: tf.keras.Model, data: Any, loss: Callable[..., tf.Tensor], course: Course, seed: int) -> None:
    """Fit a model with AdamW; the weights kept are a running mean of the last steps'.

    Parameters:
        model: changed in place
        data: named tuple of arrays whose first is the input, uint8[n, rows, columns]
        loss: of the model's outputs and a batch of data
        course: how
        seed: of the order
    """
    steps = course.epochs * (len(data[0]) // course.batch)
    rate = tf.keras.optimizers.schedules.CosineDecay(
        0.0, max(1, steps - 300), warmup_target=course.rate, warmup_steps=300
    )
    optimizer = tf.keras.optimizers.AdamW(rate, weight_decay=1e-4, use_ema=True, ema_momentum=0.995)
    variables = model.trainable_variables

    def step(batch: Any) -> tf.Tensor:
        with tf.GradientTape() as tape:
            total = loss(model(to_input(batch[0]), training=True), batch)
        optimizer.apply_gradients(zip(tape.gradient(total, variables), variables, strict=True))
        return total

    compiled = tf.function(step, autograph=False, reduce_retracing=True)
    began, mean = time.monotonic(), 1.0
    for number, batch in enumerate(_batches(data, course, seed), 1):
        mean = 0.99 * mean + 0.01 * float(compiled(batch))
        if number % 500 == 0:
            print(
                f"{course.name}: step {number}/{steps}  loss {mean:.4f}  {time.monotonic() - began:.0f} s", flush=True
            )
    optimizer.finalize_variable_values(variables)


def to_input(pictures: np.ndarray | tf.Tensor) -> tf.Tensor:
    """Turn uint8[n, rows, columns] into a network's input float32[n, rows, columns, 1] in [-1, 1)."""
    return (tf.cast(pictures, tf.float32)[..., None] - 128.0) / 128.0


def _batches(data: Any, course: Course, seed: int) -> Iterator[Any]:
    draw = np.random.default_rng(seed)
    for _ in range(course.epochs):
        order = draw.permutation(len(data[0]))
        for begin in range(0, len(order) - course.batch + 1, course.batch):
            chosen = order[begin : begin + course.batch]
            yield type(data)(*(tf.constant(part[chosen]) for part in data))


def quantise(finder: tf.keras.Model, reader: tf.keras.Model, pictures: np.ndarray, patches: np.ndarray) -> bytes:
    """Convert both networks to one TensorFlow Lite model with int8 weights, activations, inputs and outputs.

    Parameters:
        finder: signature ``find``, picture to plate and sides
        reader: signature ``read``, patch to digit
        pictures: uint8[n, 120, 160], typical ones, from which the ranges of activations are taken
        patches: uint8[n, 28, 28], likewise

    Returns:
        The model file; inputs have scale 1/128 and zero point 0, so that a byte becomes one by flipping its top bit.

    Raises:
        RuntimeError: the converter chose another input quantisation.
    """

    def examples() -> Iterator[tuple[str, dict[str, np.ndarray]]]:
        for signature, name, data in (("find", "picture", pictures), ("read", "patch", patches)):
            extremes = np.zeros_like(data[0])
            extremes[::2] = 255
            for example in (extremes, *data):
                yield signature, {name: to_input(example[None]).numpy()}

    with tempfile.TemporaryDirectory() as folder:
        find = _signature(finder, "picture", ["plate", "sides"])
        read = _signature(reader, "patch", ["digit"])
        tf.saved_model.save(tf.Module(), folder, signatures={"find": find, "read": read})
        converter = tf.lite.TFLiteConverter.from_saved_model(folder, signature_keys=["find", "read"])
        converter.optimizations = [tf.lite.Optimize.DEFAULT]
        converter.representative_dataset = examples
        converter.target_spec.supported_ops = [tf.lite.OpsSet.TFLITE_BUILTINS_INT8]
        converter.inference_input_type = converter.inference_output_type = tf.int8
        content: bytes = converter.convert()
    interpreter = tf.lite.Interpreter(model_content=content)
    for signature in ("find", "read"):
        (entry,) = interpreter.get_signature_runner(signature).get_input_details().values()
        scale, zero = entry["quantization"]
        if zero != 0 or abs(scale * 128 - 1) > 0.005:
            raise RuntimeError(f"input of {signature} has scale {scale} and zero point {zero}, not 1/128 and 0")
    return content


def _signature(model: tf.keras.Model, name: str, outputs: list[str]) -> Callable[..., dict[str, tf.Tensor]]:
    """Make a function of one example without variables, which int8 conversion of several signatures needs."""
    spec = tf.TensorSpec((1, *model.input_shape[1:]), tf.float32, name=name)
    traced = tf.function(lambda example: model(example, training=False), autograph=False).get_concrete_function(spec)
    frozen = convert_variables_to_constants_v2(traced)
    function: Callable[..., dict[str, tf.Tensor]] = tf.function(
        lambda **inputs: dict(zip(outputs, frozen(inputs[name]), strict=True)), autograph=False
    ).get_concrete_function(**{name: spec})
    return function


def make_data(count: int, seed: int) -> tuple[Pictures, Patches]:
    """Make the training data: pictures, nearly as many different plates, and patches of them."""
    maker = SceneMaker(seed)
    parts = [maker.make(500, 450) for _ in range(count // 500)]
    pictures, patches = zip(*parts, strict=True)
    return (
        Pictures(*(np.concatenate(part) for part in zip(*pictures, strict=True))),
        Patches(*(np.concatenate(part) for part in zip(*patches, strict=True))),
    )


def main() -> None:
    """Make data, train, convert, write."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--out", type=Path, default=MODEL, help="model file to write")
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--pictures", type=int, default=24_000)
    parser.add_argument("--threads", type=int, default=2)
    options = parser.parse_args()
    logging.getLogger("absl").setLevel(logging.ERROR)
    tf.config.threading.set_intra_op_parallelism_threads(options.threads)
    tf.config.threading.set_inter_op_parallelism_threads(options.threads)
    tf.keras.utils.set_random_seed(options.seed)
    tf.config.experimental.enable_op_determinism()
    began = time.monotonic()
    pictures, patches = make_data(options.pictures, options.seed)
    print(f"{len(pictures[0])} pictures, {len(patches[0])} patches  {time.monotonic() - began:.0f} s", flush=True)
    finder, reader = finding_network(), reading_network()
    train(reader, patches, reading_loss, Course("read", 12, 128, 3e-3), options.seed)
    train(finder, pictures, finding_loss, Course("find", 9, 64, 4e-3), options.seed)
    content = quantise(finder, reader, pictures.pictures[:300], patches.patches[:600])
    options.out.write_bytes(content)
    print(f"{options.out}  {len(content):,} bytes  {time.monotonic() - began:.0f} s")


if __name__ == "__main__":
    main()
