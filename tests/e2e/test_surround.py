"""The surround view for real: twelve cameras, a modelled accelerator that computes, fusion and display."""

from __future__ import annotations

from pathlib import Path

import pytest

from .simulator import ROOT, Finished, run
from .test_repeatable import assert_same

pytestmark = [pytest.mark.guest, pytest.mark.slow]

SMALL = ROOT / "scenarios" / "surround_12cam_small.yaml"
SETS = 9
"""Sets of pictures that are worked on in 300 ms at 30 fps: the tenth is taken at 300 ms."""


@pytest.fixture(scope="module")
def surround(tmp_path_factory: pytest.TempPathFactory) -> Finished:
    pytest.importorskip("ai_edge_litert")
    return run(tmp_path_factory.mktemp("surround"), SMALL, "300ms", "--json")


def test_every_view_is_a_job_and_every_set_an_answer(surround: Finished) -> None:
    assert surround.code == 0, surround.err
    channels, npu = surround.figures["channels"], surround.figures["devices"]["npu"]
    assert [channels[f"views_{number}"]["delivered"] for number in range(12)] == [SETS] * 12
    assert channels["grids"]["delivered"] == npu["tensors"] == 12 * SETS
    assert (
        channels["objects"]["delivered"] == channels["mosaic"]["delivered"] == channels["picture"]["delivered"] == SETS
    )
    assert npu["kind"] == "accelerator" and 0.2 < npu["busy_share"] < 0.3
    assert surround.figures["paths"]["camera_to_cluster"]["delivered"] == SETS


def test_twelve_jobs_take_twelve_times_as_long_as_one(surround: Finished) -> None:
    """The last grid of a set is there twelve jobs after the first view, at a boundary."""
    job_ms = float(surround.figures["devices"]["npu"]["description"].split(", ")[1].split(" ms")[0])
    lines = [line.split() for line in (surround.folder / "trace.log").read_text().splitlines()]
    views = [int(line[4]) for line in lines if line[1:3] == ["tensor", "views_0"]]
    grids = [int(line[4]) for line in lines if line[1:3] == ["tensor", "grids"]]
    assert len(views) == SETS
    for number, view_ns in enumerate(views):
        took_ms = (grids[12 * number + 11] - view_ns) / 1e6
        assert 12 * job_ms <= took_ms <= 12 * job_ms + 2


def test_it_is_repeatable(surround: Finished, tmp_path: Path) -> None:
    assert_same(surround, run(tmp_path, SMALL, "300ms", "--json"))
