"""Train the heartbeat classifier on one recorded, annotated electrocardiogram.

Two of its five classes are the annotated kinds of beat, one is what lies between beats, and two are made from recorded
beats by what happens to electrodes: docs/models.md says what that is worth and what not.
Run ``python -m guests.models.train_ecg --archive wfdb-4.3.0.tar.gz``.
"""

from __future__ import annotations

from pathlib import Path

import numpy as np
import tensorflow as tf
from numpy.typing import NDArray

from guests.models import classifier, recordings
from guests.models.classifier import Examples, InputScale, Task
from guests.models.recordings import Electrocardiogram

#: Every second sample is used: 125 Hz.
EVERY = 2

#: Samples the network sees, 1.5 s, and how many of them lie before the beat.
WINDOW, BEFORE = 187, 62

#: Steps of 1/64 mV from -2 to 1.98 mV.
SCALE = InputScale(1 / 64, 0)

CLASSES = ["normal", "ventricular premature", "no beat", "electrodes reversed", "electrode off"]

#: The record's annotations cover its last 30 minutes; the first 20 of them are learnt from, the last 10 are the test.
TEST_FROM = (525_000 - 10 * 60 * recordings.ECG_RATE_HZ) // EVERY


def network(classes: int) -> tf.keras.Model:
    """Return the network, 187-128-32-5."""
    layers = tf.keras.layers
    return tf.keras.Sequential(
        [
            layers.Input((WINDOW,)),
            layers.Dense(128, activation="relu"),
            layers.Dropout(0.2),
            layers.Dense(32, activation="relu"),
            layers.Dense(classes, activation="softmax"),
        ]
    )


def examples(record: Electrocardiogram, per_class: int, draw: np.random.Generator, *, test: bool) -> Examples:
    """Return `per_class` windows of each class, shuffled; where there are fewer, all of them once in the test.

    Parameters:
        record: the whole
        per_class: so many of each
        draw: chooses beats, and where windows and faults begin
        test: the last ten minutes, or what lies before

    Returns:
        x float32[n, 187] in mV, each without its median; y int64[n].
    """
    signal = record.signal[::EVERY]
    beats = record.beats // EVERY
    fits = (beats - BEFORE > (TEST_FROM if test else 0)) & (beats + WINDOW < (len(signal) if test else TEST_FROM))
    normal, ventricular = (beats[fits & (record.kinds == kind)] for kind in (recordings.NORMAL, recordings.VENTRICULAR))
    between = _between(beats, draw)[fits[:-1]]
    rows, labels = [], []
    for label, places in enumerate((normal, ventricular, between, normal, normal)):
        count = min(per_class, len(places)) if test else per_class
        for place in draw.choice(places, count, replace=count > len(places)):
            cut = _cut(signal, place, draw)
            rows.append(_reverse(cut) if label == 3 else _loosen(cut, draw) if label == 4 else cut)
            labels.append(label)
    order = draw.permutation(len(rows))
    return Examples(np.stack(rows)[order], np.array(labels, np.int64)[order])


def _between(beats: NDArray[np.int64], draw: np.random.Generator) -> NDArray[np.int64]:
    """Return one place in each pause: anywhere from 0.3 s after a beat to 0.2 s before the next, or else halfway."""
    pauses = np.diff(beats)
    first, last = np.minimum(38, pauses // 2), np.maximum(pauses - 25, pauses // 2 + 1)
    places: NDArray[np.int64] = beats[:-1] + draw.integers(first, last)
    return places


def _cut(signal: NDArray[np.float32], place: int, draw: np.random.Generator) -> NDArray[np.float32]:
    """Cut a window; a beat detector would be off by up to three samples (24 ms), so the window is."""
    begin = place - BEFORE + draw.integers(-3, 4)
    window: NDArray[np.float32] = signal[begin : begin + WINDOW] - np.median(signal[begin : begin + WINDOW])
    return window


def _reverse(window: NDArray[np.float32]) -> NDArray[np.float32]:
    """Return what is measured when the two electrodes of the lead are exchanged."""
    exchanged: NDArray[np.float32] = -window
    return exchanged


def _loosen(window: NDArray[np.float32], draw: np.random.Generator) -> NDArray[np.float32]:
    """Return what is measured when an electrode comes off: from then on the amplifier is at one end of its range."""
    loose: NDArray[np.float32] = window.copy()
    loose[draw.integers(0, WINDOW - 25) :] = draw.choice(SCALE.range)
    return loose


def vary(learnt: Examples, draw: np.random.Generator) -> Examples:
    """Return the examples stronger or weaker, with noise and a drifting baseline."""
    count = len(learnt.x)
    drift = np.linspace(-0.5, 0.5, WINDOW) * draw.normal(0, 0.15, (count, 1))
    varied = learnt.x * draw.uniform(0.8, 1.2, (count, 1)) + drift + draw.normal(0, 0.03, learnt.x.shape)
    return Examples(varied.astype(np.float32), learnt.y)


def main() -> None:
    """Read, train, convert, write."""
    parser = classifier.options(__doc__.splitlines()[0])
    parser.add_argument("--archive", type=Path, default=Path(recordings.ECG_ARCHIVE), help="wfdb's source archive")
    chosen = parser.parse_args()
    classifier.make_repeatable(chosen.seed)
    draw = np.random.default_rng(chosen.seed)
    try:
        record = recordings.ecg(chosen.archive)
    except ValueError as error:
        parser.error(str(error))
    train = vary(examples(record, 2000, draw, test=False), draw)
    task = Task("ecg", "ecg", CLASSES, SCALE, train, examples(record, 200, draw, test=True), epochs=20)
    classifier.make(task, network(len(CLASSES)), chosen.out)
    classifier.write_test_set(task, chosen.out)


if __name__ == "__main__":
    main()
