"""The small classifiers as shipped: what they are made of, their test sets, and the accuracies of docs/models.md."""

import shutil
from pathlib import Path

import numpy as np
import pytest

from guests.mcu.nn import flatbuffer
from guests.models import evaluate, recordings
from guests.models.evaluate import SHIPPED, Shipped

pytest.importorskip("ai_edge_litert")

DATA = evaluate.FOLDER / "data"
DOCUMENT = Path(evaluate.__file__).parents[2] / "docs" / "models.md"
OPERATORS = {
    *("CONV_2D", "DEPTHWISE_CONV_2D", "FULLY_CONNECTED", "ADD", "MAX_POOL_2D", "AVERAGE_POOL_2D", "MEAN", "PAD"),
    *("RESHAPE", "SOFTMAX", "RELU", "RELU6", "LOGISTIC"),
}

each_model = pytest.mark.parametrize("shipped", SHIPPED, ids=lambda shipped: shipped.name)


def documented(name: str) -> list[str]:
    """Return the cells of a model's line in the table that `evaluate` prints."""
    lines = [line for line in DOCUMENT.read_text().splitlines() if line.startswith(f"| {name} | ")]
    return [cell.strip() for cell in lines[0].strip("|").split("|")]


@each_model
def test_a_model_has_only_what_the_firmware_can_run(shipped: Shipped) -> None:
    model = flatbuffer.read(shipped.model)
    assert {operator.name for operator in model.operators} <= OPERATORS
    assert [tensor.dtype for tensor in (*model.inputs, *model.outputs)] == ["int8", "int8"]
    assert model.inputs[0].shape[0] == model.outputs[0].shape[0] == 1
    assert shipped.model.stat().st_size < 200_000


def test_all_operators_but_four_plain_ones_occur() -> None:
    used = {operator.name for shipped in SHIPPED for operator in flatbuffer.read(shipped.model).operators}
    assert used == OPERATORS - {"PAD", "RELU", "RELU6", "LOGISTIC"}


def test_the_motion_model_suits_a_slowly_emulated_node() -> None:
    (motion,) = (shipped for shipped in SHIPPED if shipped.name == "motion")
    assert motion.model.stat().st_size < 40_000
    assert evaluate.convert(motion.model).report.macs < 150_000


@each_model
def test_a_test_set_is_what_the_model_takes(shipped: Shipped) -> None:
    model = flatbuffer.read(shipped.model)
    q, y, classes = shipped.examples()
    assert q.dtype == np.int8 and q.shape[1:] == model.inputs[0].shape
    assert len(q) == len(y) >= 50
    assert len(classes) == model.outputs[0].shape[1] == len(set(y.tolist()))
    with np.load(shipped.test_set, allow_pickle=False) as file:
        x = file["x"]
    source = model.inputs[0]
    steps = np.clip(x / source.scale + source.zero_point, -128, 127)
    assert np.abs(q[:, 0] - steps).max() <= 0.5
    assert shipped.test_set.stat().st_size < 700_000


def test_the_data_are_small() -> None:
    assert sum(path.stat().st_size for path in DATA.iterdir()) < 1_500_000


@each_model
def test_the_documented_accuracies_are_reproduced(shipped: Shipped) -> None:
    name, size, macs, examples, in_float, in_int8 = documented(shipped.name)[:6]
    inputs, classes, _ = shipped.examples()
    outputs = evaluate.run_reference(shipped.model, inputs)
    measured = evaluate.accuracy(outputs, classes)
    assert (name, in_int8) == (shipped.name, f"{measured:.3f}")
    assert in_float == f"{shipped.float_accuracy():.3f}"
    assert (size, examples) == (f"{shipped.model.stat().st_size:,}", str(len(inputs)))
    assert macs == f"{evaluate.convert(shipped.model).report.macs:,}"
    assert abs(measured - shipped.float_accuracy()) <= 0.01


@pytest.mark.skipif(shutil.which("cc") is None, reason="needs a C compiler; apt install gcc")
@each_model
def test_the_firmwares_c_gives_the_reference_bytes_over_the_whole_test_set(shipped: Shipped) -> None:
    inputs, _, _ = shipped.examples()
    assert np.array_equal(evaluate.run_native(shipped.model, inputs), evaluate.run_reference(shipped.model, inputs))


def test_the_motion_stream_changes_its_class_within_ten_seconds_and_is_recognised() -> None:
    with np.load(DATA / "motion_stream.npz", allow_pickle=False) as file:
        stream = dict(file)
    rate, samples, labels = int(stream["rate_hz"]), stream["samples"], stream["labels"]
    assert rate == 10 and samples.dtype == np.float32 and samples.shape == (len(labels), 6)
    assert len(samples) >= 60 * rate
    assert all(len(set(labels[begin : begin + 10 * rate])) > 1 for begin in range(0, len(labels), 10 * rate))
    assert set(labels.tolist()) == set(range(len(stream["classes"])))
    assert np.abs(stream["q"] - np.clip(samples / 0.125, -128, 127)).max() <= 0.5
    windows = stream["windows"]
    assert np.array_equal(windows.reshape(-1, 6), stream["q"])
    outputs = evaluate.run_reference(evaluate.FOLDER / "motion_int8.tflite", windows)
    assert evaluate.accuracy(outputs, stream["window_labels"]) >= 0.95


def test_an_answer_is_right_if_its_first_greatest_score_is_that_of_the_class() -> None:
    outputs = np.array([[[1, 5, 5]], [[7, 0, 7]], [[-128, -128, -127]]], np.int8)
    assert evaluate.accuracy(outputs, np.array([1, 2, 2], np.int32)) == pytest.approx(2 / 3)


@pytest.mark.parametrize("content, complaint", [(None, "No such file"), (b"other", "is not the wfdb-4.3.0.tar.gz")])
def test_a_missing_or_other_archive_is_one_clear_line(tmp_path: Path, content: bytes | None, complaint: str) -> None:
    archive = tmp_path / "archive.tar.gz"
    if content is not None:
        archive.write_bytes(content)
    with pytest.raises(ValueError, match=complaint) as caught:
        recordings.ecg(archive)
    assert "pip download" in str(caught.value)
    assert "\n" not in str(caught.value)
