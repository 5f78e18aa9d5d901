"""Records of runs made by hand: who took, sent and gave back what when. Times are in us of virtual time."""

from __future__ import annotations

from pathlib import Path

from sim.host.legs import legs_of
from sim.report.record import ChannelRecord, DoorbellRecord, MessageRecord, PartitionRecord, RunRecord, SliceRecord
from sim.scenario import load
from sim.scenario.model import Scenario

US = 1_000
GUESTS = Path(__file__).parents[2] / "guests"

SERVICES = """
from typing import NamedTuple
from guests.service import Tensor

class Two(NamedTuple):
    boxes: Tensor["float32", 4]
    view: Tensor["uint8", 8]

def detect(frame: Tensor["uint8", 8]) -> Two: ...
def draw(boxes: Tensor["float32", 4], view: Tensor["uint8", 8],
         status: Tensor["uint8", 8] | None = None) -> Tensor["uint8", 8]: ...
"""
MONITOR = """
#include "service.h"
INPUT(boxes, float32, 4)
OUTPUT(status, uint8, 8)
void on_tensors(void) {}
"""
LISTENER = """
#include "service.h"
OPTIONAL_INPUT(boxes, float32, 4)
OUTPUT(status, uint8, 8)
void on_tensors(void) {}
"""
SCENARIO = """
name: by_hand
seed: 3
time: {quantum: 1ms, duration: 100ms}
partitions:
  front:
    {machine: linux-x86_64, memory: 256M, speed: 1000 MIPS, services: {detect: {run: "services.py:detect"}}}
  far: {machine: MACHINE, services: {monitor: {run: FIRMWARE}}}
  back:
    {machine: linux-x86_64, memory: 256M, speed: 1000 MIPS, services: {draw: {run: "services.py:draw"}}}
devices:
  rows: {kind: recording, source: rows.npy, rate: 100Hz}
  out: {kind: sink}
channels:
  frames: {from: rows, to: front.detect, tensor: "uint8[8]", depth: 2, overflow: drop_oldest}
  boxes: {from: front.detect.boxes, to: back.draw.boxes, tensor: "float32[4]", depth: 2}
  view: {from: front.detect.view, to: back.draw.view, tensor: "uint8[8]", depth: 4, overflow: drop_newest}
  copy: {from: front.detect.boxes, to: far.monitor, tensor: "float32[4]", depth: 2, overflow: drop_oldest}
  status: {from: far.monitor, to: back.draw.status, tensor: "uint8[8]", depth: 4, overflow: drop_oldest}
  picture: {from: back.draw, to: out, tensor: "uint8[8]", depth: 4}
paths:
  whole: {from: rows, to: out, deadline: 20ms}
"""


def scenario_in(folder: Path, machine: str = "mps2-an386", firmware: str = MONITOR, more: str = "") -> Scenario:
    """Write a scenario with all that it needs, and load it.

    Parameters:
        folder: where to.
        machine: board of its microcontroller.
        firmware: that runs there.
        more: appended to the file.
    """
    import numpy as np

    np.save(folder / "rows.npy", np.zeros((50, 8), np.uint8))
    (folder / "services.py").write_text(SERVICES)
    (folder / "monitor.c").write_text(firmware)
    file = folder / "by_hand.yaml"
    file.write_text(SCENARIO.replace("MACHINE", machine).replace("FIRMWARE", "monitor.c") + more)
    return load(file)


class Hand:
    """Fills the record of a run of a scenario.

    Parameters:
        scenario: that is supposed to have been run.
    """

    def __init__(self, scenario: Scenario) -> None:
        self.record = RunRecord(scenario.name, quantum_ns=scenario.time.quantum_ns)
        for leg in legs_of(scenario):
            channel = scenario.channels[leg.channel]
            self.record.channels[leg.name] = ChannelRecord(
                *leg.shown, channel.tensor.dtype, channel.tensor.shape, channel.depth, channel.overflow, 0
            )
        for name, partition in scenario.partitions.items():
            self.record.partitions[name] = PartitionRecord(partition.machine, "qemu", 0, 1.0)

    def send(
        self, ring: str, number: int, produced: int, taken: int | None = None, returned: int | None = None
    ) -> MessageRecord:
        """Add a tensor that descends from a sensor's sample; samples come every 10 ms."""
        messages = self.record.channels[ring].messages
        times = (None if each is None else each * US for each in (taken, returned))
        message = MessageRecord(len(messages), produced * US, *times, number * 10_000 * US, number)
        messages.append(message)
        return message

    def refuse(self, ring: str, at: int) -> None:
        """Add a tensor that a full ring refused."""
        messages = self.record.channels[ring].messages
        messages.append(MessageRecord(len(messages), at * US, returned_ns=at * US, dropped=True))

    def ring(self, ring: str, at: int, source: str, target: str) -> None:
        """Add a doorbell."""
        self.record.doorbells.append(DoorbellRecord(at * US, source, target, 0, ring))

    def slice(self, partition: str, start: int, stop: int) -> None:
        """Let a partition have had core 0."""
        self.record.partitions[partition].slices.append(SliceRecord(start * US, stop * US, 0))
