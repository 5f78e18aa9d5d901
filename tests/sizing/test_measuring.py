"""Execution times from the record of a run: every rule of docs/report.md, `timing.json`, by records made by hand."""

from __future__ import annotations

from pathlib import Path

import pytest

from sim.report.record import FaultRecord, StateRecord
from sim.scenario.model import Scenario
from sim.sizing.reduction import left_out
from sim.sizing.timing import Arrivals, measuring
from sim.sizing.timing.measuring import measure

from .hand_made import LISTENER, US, Hand, scenario_in


@pytest.fixture
def scenario(tmp_path: Path) -> Scenario:
    return scenario_in(tmp_path)


@pytest.fixture
def hand(scenario: Scenario) -> Hand:
    return Hand(scenario)


def in_us(*times: int) -> tuple[int, ...]:
    return tuple(time * US for time in times)


def detection(hand: Hand, number: int, taken: int, boxes: int, view: int, end: int) -> None:
    """One call of the detector that takes its frame at the boundary 10 ms apart."""
    hand.send("frames", number, number * 10_000, taken, end)
    hand.send("boxes", number, boxes)
    hand.send("copy", number, boxes + 5)
    hand.send("view", number, view)


def test_a_call_lasts_until_its_first_input_is_given_back(scenario: Scenario, hand: Hand) -> None:
    detection(hand, 0, 30, 2_030, 2_050, 2_100)
    detection(hand, 1, 10_020, 13_020, 13_050, 13_120)
    found = measure(scenario, hand.record).services["front.detect"]
    assert found.outputs == ("boxes", "copy", "view")
    assert found.hold_ns == in_us(2_070, 3_100)
    assert found.offsets_ns == (in_us(2_000, 2_005, 2_020), in_us(3_000, 3_005, 3_030))
    assert (found.counted, found.waited, found.source) == (2, 0, "measured")


def test_a_call_that_has_not_ended_does_not_count(scenario: Scenario, hand: Hand) -> None:
    detection(hand, 0, 30, 2_030, 2_050, 2_100)
    hand.send("frames", 1, 10_000, 10_030)
    hand.send("boxes", 1, 12_000)
    assert measure(scenario, hand.record).services["front.detect"].counted == 1


def test_a_call_may_send_nothing(scenario: Scenario, hand: Hand) -> None:
    hand.send("frames", 0, 0, 20, 500)
    hand.send("view", 0, 400)
    found = measure(scenario, hand.record).services["front.detect"]
    assert found.offsets_ns == ((-1, -1, 380 * US),)


def test_a_tensor_of_another_sample_is_of_another_call(scenario: Scenario, hand: Hand) -> None:
    hand.send("frames", 0, 0, 20, 500)
    hand.send("view", 7, 400)
    assert measure(scenario, hand.record).services["front.detect"].offsets_ns == ((-1, -1, -1),)


def drawing(hand: Hand, number: int, at: int, view: int | None = None) -> None:
    """One call of `draw` that takes 1 ms, its boxes at `at` and its view 10 us later or at `view`."""
    complete = at + 10 if view is None else view
    hand.send("boxes", number, at - 500, at, complete + 1_000)
    hand.send("view", number, at - 450 if view is None else view - 500, complete, complete + 1_005)
    hand.send("picture", number, complete + 900, None)


def test_waiting_for_the_second_input_is_no_execution(scenario: Scenario, hand: Hand) -> None:
    drawing(hand, 0, 5_040)
    drawing(hand, 1, 15_040)
    drawing(hand, 2, 25_040, view=31_050)
    found = measure(scenario, hand.record).services["back.draw"]
    assert found.hold_ns == in_us(1_010, 1_010, 1_010)
    assert found.offsets_ns == (in_us(910),) * 3


def test_only_slices_of_a_partition_count_where_cores_are_shared(scenario: Scenario, hand: Hand) -> None:
    hand.slice("front", 2_000, 5_000)
    hand.slice("front", 12_000, 15_000)
    hand.send("frames", 0, 0, 2_050, 13_000)
    hand.send("view", 0, 12_900)
    found = measure(scenario, hand.record).services["front.detect"]
    assert found.hold_ns == in_us(2_950 + 1_000)
    assert found.offsets_ns == ((-1, -1, (2_950 + 900) * US),)
    assert found.wake_ns == in_us(50), "it was rung at 0 and had its core from 2 ms on"


def blocked(hand: Hand) -> None:
    """Three calls of 1 ms that fill the two slots of `boxes`; the third waits until 18 ms for the first one."""
    hand.send("frames", 0, 0, 30, 1_050)
    hand.send("frames", 1, 1_000, 1_100, 2_110)
    hand.send("frames", 2, 2_000, 2_160, 18_070)
    hand.send("boxes", 0, 1_030, 2_040, 17_500)
    hand.send("boxes", 1, 2_100)
    hand.send("boxes", 2, 18_060)


def test_waiting_for_room_is_no_execution(scenario: Scenario, hand: Hand) -> None:
    blocked(hand)
    hand.ring("boxes", 18_000, "back", "front")
    timing = measure(scenario, hand.record)
    found = timing.services["front.detect"]
    assert found.hold_ns == in_us(1_020, 1_010, 1_010)
    assert [each[0] for each in found.offsets_ns] == [1_000 * US] * 3
    assert (found.counted, found.waited) == (3, 1)
    assert any("1 of 3 calls had to wait for room" in note for note in timing.notes)


def test_what_was_sent_before_waiting_tells_how_long_the_call_took(scenario: Scenario, hand: Hand) -> None:
    blocked(hand)
    hand.ring("boxes", 18_000, "back", "front")
    hand.send("view", 0, 1_040)
    hand.send("view", 1, 2_105)
    hand.send("view", 2, 3_365)  # 200 us later than in the call before
    found = measure(scenario, hand.record).services["front.detect"]
    assert found.hold_ns == in_us(1_020, 1_010, 1_210)
    assert [each[2] for each in found.offsets_ns] == list(in_us(1_010, 1_005, 1_205))
    assert [each[0] for each in found.offsets_ns] == list(in_us(1_000, 1_000, 1_200))


def test_a_full_ring_that_nobody_waited_for_is_none(scenario: Scenario, hand: Hand) -> None:
    """The slot became free while the service computed, so it did not ask for a doorbell."""
    blocked(hand)
    assert measure(scenario, hand.record).services["front.detect"].hold_ns == in_us(1_020, 1_010, 15_910)


def test_a_refused_tensor_counts_as_sent_at_the_usual_time(scenario: Scenario, hand: Hand) -> None:
    for number in range(4):
        hand.send("frames", number, number * 10_000, number * 10_000 + 20, number * 10_000 + 1_000)
        if number == 2:
            hand.refuse("view", 30_820)
        else:
            hand.send("view", number, number * 10_000 + 820)
    hand.send("frames", 4, 40_000, 40_020, 40_500)  # sends nothing, and nothing is missing
    found = measure(scenario, hand.record).services["front.detect"]
    assert [each[2] for each in found.offsets_ns] == [*in_us(800, 800, 800, 800), -1]


def test_calls_cut_by_a_failure_are_left_out(scenario: Scenario, hand: Hand) -> None:
    detection(hand, 0, 30, 2_030, 2_050, 2_100)
    detection(hand, 1, 10_030, 12_030, 12_050, 16_000)
    detection(hand, 2, 20_030, 22_030, 22_050, 22_100)
    hand.record.partitions["back"].states = [StateRecord(0, "ready"), StateRecord(13_000 * US, "failed")]
    hand.record.faults["kill"] = FaultRecord("kill", "back", injected_ns=12_000 * US)
    timing = measure(scenario, hand.record)
    assert timing.services["front.detect"].hold_ns == in_us(2_070, 2_070)
    assert any("faults" in note for note in timing.notes)


def test_wake_is_from_the_doorbell_and_gap_from_the_end_of_a_call(scenario: Scenario, hand: Hand) -> None:
    hand.send("frames", 0, 0, 40, 12_000)
    hand.send("frames", 1, 10_000, 12_025, 13_000)  # was there when the call before it ended
    hand.send("frames", 2, 20_000, 20_040, 21_000)
    hand.send("frames", 3, 30_000, 30_060, 31_000)
    found = measure(scenario, hand.record).services["front.detect"]
    assert found.wake_ns == in_us(40, 40, 40, 60), "the second call found it awake"
    assert (found.gap_ns, found.rest_ns) == (25 * US, ()), "of one call it is known; the others get its time"


def test_the_next_call_tells_the_gap_rather_than_a_sampled_tensor(scenario: Scenario, hand: Hand) -> None:
    hand.send("boxes", 0, 1_000, 2_040, 9_000)
    hand.send("view", 0, 1_050, 2_050, 9_010)
    hand.send("status", 0, 5_500, 9_020, 9_900)
    hand.send("boxes", 1, 6_000, 9_050, 9_800)
    hand.send("view", 1, 6_050, 9_060, 9_810)
    assert measure(scenario, hand.record).services["back.draw"].gap_ns == 50 * US


def test_a_sampled_tensor_tells_the_gap_as_well(scenario: Scenario, hand: Hand) -> None:
    drawing(hand, 0, 5_040)
    hand.send("status", 0, 5_500, 6_090, None)  # delivered at 6 ms, while it drew
    found = measure(scenario, hand.record).services["back.draw"]
    assert found.gap_ns == 40 * US


def test_a_microcontroller_over_a_link_sends_into_its_own_ring(tmp_path: Path) -> None:
    scenario = scenario_in(tmp_path, machine="esp32s3")
    hand = Hand(scenario)
    hand.send("copy", 0, 4_000, 4_002, 4_102)
    hand.send("status@far", 0, 4_092)
    found = measure(scenario, hand.record).services["far.monitor"]
    assert (found.outputs, found.hold_ns, found.offsets_ns) == (("status@far",), in_us(100), (in_us(90),))


def test_what_firmware_sends_by_its_timer_is_left_out_and_told(scenario: Scenario, hand: Hand) -> None:
    hand.send("copy", 0, 3_500, 4_002, 4_102)
    hand.send("status", 0, 4_092)
    own = hand.send("status", 0, 54_000)
    own.origin_ns = own.produced_ns
    timing = measure(scenario, hand.record)
    assert timing.services["far.monitor"].offsets_ns == (in_us(90),)
    assert any("1 tensors on status were sent by a timer" in note for note in timing.notes)


def test_firmware_with_optional_inputs_is_called_for_all_that_is_there(tmp_path: Path) -> None:
    scenario = scenario_in(tmp_path, firmware=LISTENER)
    hand = Hand(scenario)
    hand.send("copy", 0, 23_500, 25_002, 25_004)
    hand.send("copy", 1, 24_500, 25_004, 29_002)  # there as well: the newest counts
    hand.send("status", 1, 25_054)
    hand.send("copy", 2, 28_500, 29_002)
    hand.send("status", 2, 29_072)
    found = measure(scenario, hand.record).services["far.monitor"]
    assert found.hold_ns == in_us(52, 70)
    assert found.offsets_ns == (in_us(52), in_us(70))


def test_firmware_that_takes_nothing_is_never_called(tmp_path: Path) -> None:
    scenario = scenario_in(tmp_path, firmware=LISTENER)
    alone = {name: channel for name, channel in scenario.channels.items() if name != "copy"}
    scenario = scenario.model_copy(update={"channels": alone})
    hand = Hand(scenario)
    hand.send("status", 0, 54_000)
    assert measure(scenario, hand.record).services["far.monitor"].hold_ns == ()
    assert any(note.startswith("far takes nothing") for note in left_out(scenario))


def test_arrivals_and_opening(scenario: Scenario, hand: Hand) -> None:
    for number, produced in enumerate((3_000, 10_000, 20_000, 31_000)):
        hand.send("frames", number, produced)
    timing = measure(scenario, hand.record)
    assert timing.arrivals["frames"] == Arrivals(4, *in_us(7_000, 10_000, 11_000, 11_000))
    assert timing.arrivals["picture"] == Arrivals(0)
    assert timing.opened_ns == {"frames": 3_000 * US}


def test_a_ring_that_was_open_for_the_first_sample_was_always_open(scenario: Scenario, hand: Hand) -> None:
    hand.send("frames", 0, 0)
    assert measure(scenario, hand.record).opened_ns == {"frames": 0}


def test_of_very_many_calls_some_are_kept_in_equal_distances(
    scenario: Scenario, hand: Hand, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(measuring, "MOST_CALLS", 4)
    for number in range(9):
        hand.send("frames", number, number * 10_000, number * 10_000 + 20, number * 10_000 + 120 + number)
    found = measure(scenario, hand.record).services["front.detect"]
    assert (found.counted, found.hold_ns) == (9, in_us(100, 102, 104, 106))


def test_a_service_that_was_never_called_is_told(scenario: Scenario, hand: Hand) -> None:
    timing = measure(scenario, hand.record)
    assert timing.services["back.draw"].hold_ns == ()
    assert "back.draw: no call of it was measured" in timing.notes
