"""What the sharpness monitor must do. Fixtures and marker come from edgesim's pytest plugin."""

import pytest


def test_every_picture_is_rated_in_time(sim_run):
    run = sim_run("focus.yaml")
    run.assert_passed()
    assert run.channel("ratings").delivered >= 48


def test_the_same_run_twice_is_the_same_to_the_bit(sim_run):
    assert sim_run("focus.yaml", duration="300ms").digest == sim_run("focus.yaml", duration="300ms").digest


@pytest.mark.scenario("focus.yaml", duration="300ms", set={"devices.camera.rate": ["25fps", "100fps"]})
def test_other_cameras(scenario_run):
    scenario_run.assert_passed()
    assert scenario_run.channel("frames").latency_us.max < 2500


@pytest.mark.scenario("focus.yaml", duration="300ms", set={"partitions.vision.services.focus.settings.dim": 1000})
def test_a_dim_lens_is_logged(scenario_run):
    assert "the lens is dim" in scenario_run.log("vision")


def test_nothing_has_changed(sim_run):
    sim_run("focus.yaml").assert_matches_baseline("focus.baseline")
