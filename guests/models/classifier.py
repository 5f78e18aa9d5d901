"""What the small int8 classifiers have in common: how they are trained, converted and written with their test sets."""

from __future__ import annotations

import argparse
import json
import logging
import time
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

import numpy as np
import tensorflow as tf
from numpy.typing import NDArray
from tensorflow.python.framework.convert_to_constants import convert_variables_to_constants_v2

FOLDER = Path(__file__).parent

#: Accuracies of the float networks, by model, as the training scripts measured them.
ACCURACY = FOLDER / "data" / "accuracy.json"


class Examples(NamedTuple):
    """What a network sees and what it should say.

    Parameters:
        x: float32[n, ...], the network's input in the sensor's unit
        y: int64[n], class
    """

    x: NDArray[np.float32]
    y: NDArray[np.int64]


class InputScale(NamedTuple):
    """How a sensor's value becomes the model's int8: ``clip(round(value / step) + zero, -128, 127)``.

    Halves are rounded away from zero, as TensorFlow Lite's QUANTIZE operator does and the firmware's
    ``nn_quantize_values``.

    Parameters:
        step: one int8 step in the sensor's unit
        zero: the int8 of value 0
    """

    step: float
    zero: int

    @property
    def range(self) -> tuple[float, float]:
        """Least and greatest value that can be told apart."""
        return (-128 - self.zero) * self.step, (127 - self.zero) * self.step

    def to_int8(self, values: NDArray[np.float32]) -> NDArray[np.int8]:
        """Quantise values of any shape."""
        steps = np.copysign(np.floor(np.abs(values / self.step) + 0.5), values)
        quantised: NDArray[np.int8] = np.clip(steps + self.zero, -128, 127).astype(np.int8)
        return quantised

    def seen(self, values: NDArray[np.float32]) -> NDArray[np.float32]:
        """Return values as they are after quantisation, so that networks learn from what they will see."""
        known: NDArray[np.float32] = (self.to_int8(values).astype(np.float32) - self.zero) * np.float32(self.step)
        return known


class Task(NamedTuple):
    """One classifier to be made.

    Parameters:
        name: of the files: ``NAME_int8.tflite``, ``data/NAME.npz``
        data: name of the test set's file; several models can share it
        classes: names of the outputs
        scale: of the input
        train: examples to learn from, augmented already
        test: examples to be measured on
        epochs: passes over the training examples
        rate: greatest step size, from where it falls to zero as half a cosine
    """

    name: str
    data: str
    classes: list[str]
    scale: InputScale
    train: Examples
    test: Examples
    epochs: int
    rate: float = 2e-3


def options(description: str) -> argparse.ArgumentParser:
    """Return a parser with what every training script takes."""
    parser = argparse.ArgumentParser(description=description)
    parser.add_argument("--out", type=Path, default=FOLDER, help="folder for the model and its data/")
    parser.add_argument("--seed", type=int, default=1)
    return parser


def make_repeatable(seed: int) -> None:
    """Seed everything random, one thread, deterministic operations: the same machine writes the same bytes."""
    logging.getLogger("absl").setLevel(logging.ERROR)
    tf.config.threading.set_intra_op_parallelism_threads(1)
    tf.config.threading.set_inter_op_parallelism_threads(1)
    tf.keras.utils.set_random_seed(seed)
    tf.config.experimental.enable_op_determinism()


def make(task: Task, network: tf.keras.Model, out: Path) -> None:
    """Train a network, convert it to int8, and write model, test set and accuracy.

    Parameters:
        task: what it should do
        network: with the softmax as its last layer; changed in place
        out: folder for ``NAME_int8.tflite``; test set and accuracy go into ``data`` in it
    """
    began = time.monotonic()
    train, test = (Examples(task.scale.seen(side.x), side.y) for side in (task.train, task.test))
    steps = task.epochs * -(-len(train.x) // 64)
    network.compile(
        tf.keras.optimizers.AdamW(
            tf.keras.optimizers.schedules.CosineDecay(task.rate, steps), weight_decay=1e-3, use_ema=True
        ),
        tf.keras.losses.SparseCategoricalCrossentropy(),
    )
    network.fit(train.x, train.y, batch_size=64, epochs=task.epochs, verbose=0)
    network.optimizer.finalize_variable_values(network.trainable_variables)
    said = network.predict(test.x, batch_size=len(test.x), verbose=0).argmax(axis=1)
    accuracy = float(np.mean(said == test.y))
    model = convert(network, task.scale, train.x[:: max(1, len(train.x) // 500)])
    (out / "data").mkdir(parents=True, exist_ok=True)
    (out / f"{task.name}_int8.tflite").write_bytes(model)
    _write_accuracy(out / "data" / ACCURACY.name, task.name, accuracy)
    print(f"{task.name}: {len(train.x)} examples, float accuracy {accuracy:.4f} of {len(test.x)}", end="; ")
    print(f"{len(model):,} bytes, {network.count_params():,} parameters, {time.monotonic() - began:.0f} s", flush=True)


def write_test_set(task: Task, out: Path) -> None:
    """Write ``data/NAME.npz``: ``x`` as the sensor gives it, ``q`` as the model takes it, ``y`` and ``classes``.

    Parameters:
        task: whose test examples are written; a row of ``q`` has the model's input shape, with its batch of 1
        out: folder of the models
    """
    x = task.test.x
    np.savez_compressed(
        out / "data" / f"{task.data}.npz",
        x=x,
        q=task.scale.to_int8(x)[:, None],
        y=task.test.y.astype(np.int32),
        classes=np.array(task.classes),
    )


def convert(network: tf.keras.Model, scale: InputScale, examples: NDArray[np.float32]) -> bytes:
    """Convert to a TensorFlow Lite model with int8 weights, activations, inputs and outputs, for batches of one.

    Parameters:
        network: trained
        scale: what the input's quantisation must be
        examples: float32[n, ...], typical ones, from which the ranges of activations are taken

    Raises:
        RuntimeError: the converter chose another input quantisation.
    """
    extremes = np.resize(np.array(scale.range, np.float32), examples.shape[1:])

    def typical() -> Iterator[list[NDArray[np.float32]]]:
        for example in (extremes, *examples):
            yield [example[None]]

    spec = tf.TensorSpec((1, *network.input_shape[1:]), tf.float32, name="input")
    traced = tf.function(lambda example: network(example, training=False), autograph=False).get_concrete_function(spec)
    converter = tf.lite.TFLiteConverter.from_concrete_functions([convert_variables_to_constants_v2(traced)])
    converter.optimizations = [tf.lite.Optimize.DEFAULT]
    converter.representative_dataset = typical
    converter.target_spec.supported_ops = [tf.lite.OpsSet.TFLITE_BUILTINS_INT8]
    converter.inference_input_type = converter.inference_output_type = tf.int8
    content: bytes = converter.convert()
    (entry,) = tf.lite.Interpreter(model_content=content).get_input_details()
    step, zero = entry["quantization"]
    if zero != scale.zero or abs(step / scale.step - 1) > 1e-4:
        raise RuntimeError(f"the input has step {step} and zero {zero}, not {scale.step} and {scale.zero}")
    return content


def _write_accuracy(path: Path, name: str, accuracy: float) -> None:
    known = json.loads(path.read_text()) if path.exists() else {}
    known[name] = round(accuracy, 4)
    path.write_text(json.dumps(dict(sorted(known.items())), indent=2) + "\n")
