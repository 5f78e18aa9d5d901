"""One run of a scenario, from nothing to its record."""

from __future__ import annotations

import contextlib
import platform
import time
from pathlib import Path
from typing import Protocol

from machines.errors import ParticipantFailed
from machines.mcu.node import McuNode
from machines.native.participant import DisplayDevice
from machines.participant import State
from sim import __version__
from sim.host import system, watch
from sim.host.channel import Channel, End
from sim.host.conclusion import conclude_devices
from sim.host.executive import Executive
from sim.host.microcontrollers import conclude
from sim.host.trace import Trace
from sim.report.record import DoorbellRecord, PictureRecord, RunRecord, Span
from sim.scenario.model import Scenario
from sim.scenario.services import required_inputs

_SHOW_S = 0.05
"""Least wall time between two words on how far a run is."""


class Progress(Protocol):
    """What is told how a run goes."""

    def phase(self, text: str) -> None:
        """Something new begins."""

    def partition(self, name: str, state: str) -> None:
        """A partition came to a new state."""

    def advance(self, now_ns: int, wall_s: float, counts: dict[str, int]) -> None:
        """Virtual time went on."""


class Run:
    """Runs one scenario once.

    Parameters:
        scenario: what to run.
        logs: folder for the consoles of guests.
        progress: told how it goes.
        began: `time.monotonic()` when the command started; wall times count from there.
    """

    def __init__(self, scenario: Scenario, logs: Path, progress: Progress, began: float) -> None:
        self.scenario = scenario
        self.trace = Trace()
        self.record = RunRecord(
            scenario=scenario.name,
            seed=scenario.seed,
            quantum_ns=scenario.time.quantum_ns,
            duration_ns=scenario.time.duration_ns,
            time_mode=scenario.time.mode,
        )
        self.system: system.System | None = None
        self._logs = logs
        self._progress = progress
        self._began = began

    def execute(self, cold: bool) -> RunRecord:
        """Run it to its end.

        Parameters:
            cold: boot guests even where snapshots exist.

        Raises:
            ParticipantFailed: a guest did not get to time 0; what fails later is in the record.
            EnvironmentLacks: this computer lacks something.
        """
        with contextlib.ExitStack() as hold:
            installed = system.installation(self.scenario, self._progress.phase)
            self._lap("prepare")
            built = self.system = system.build(
                self.scenario, installed, self.record, self._logs, cold, self._progress.phase, hold
            )
            for name, partition in self.record.partitions.items():
                self._progress.partition(name, f"{partition.boot} start in {partition.restore_s or 0:.2f} s")
            self._lap("guests")
            watches = watch.attach(self.scenario, built)
            self._progress.phase("running")
            self._run(built)
            self._lap("run")
            self._conclude(built, installed.versions)
            self.record.metrics = {name: each.result() for name, each in watches.items()}
            self.record.pictures = [picture for each in watches.values() for picture in each.pictures()]
        self._lap("stop")
        return self.record

    def _run(self, built: system.System) -> None:
        executive = Executive(
            list(built.nodes.values()),
            list(built.devices.values()),
            built.channels.values(),
            self.scenario.time.quantum_ns,
            self.trace,
            self._note_doorbell,
            self._note_failure,
        )
        for node in built.nodes.values():
            node.start()
        channels = built.channels
        began = shown = time.monotonic()

        def progress(now_ns: int) -> None:
            nonlocal shown
            wall = time.monotonic()
            if self.record.first_tensor_s is None and any(channel.taken for channel in channels.values()):
                self.record.first_tensor_s = wall - self._began
            if wall - shown >= _SHOW_S:
                shown = wall
                counts = {name: len(channel.record.messages) for name, channel in channels.items()}
                self._progress.advance(now_ns, wall - began, counts)

        executive.run(self.scenario.time.duration_ns, progress)
        shown = 0.0
        progress(executive.now_ns)
        self.record.virtual_time_ns = executive.now_ns

    def _note_doorbell(self, now_ns: int, source: End, target: End, channel: Channel) -> None:
        self.record.doorbells.append(
            DoorbellRecord(now_ns, source.participant, target.participant, target.vector, channel.name)
        )
        for name, counter in ((source.participant, "doorbells_sent"), (target.participant, "doorbells_received")):
            if name in self.record.partitions:
                partition = self.record.partitions[name]
                setattr(partition, counter, getattr(partition, counter) + 1)

    def _note_failure(self, now_ns: int, failure: ParticipantFailed) -> None:
        partition = self.record.partitions.get(failure.participant)
        if partition is not None:
            partition.failed = partition.failed or failure.reason
        else:
            self.record.outcome = "failed"
            self.record.reason = f"{failure} (at {now_ns} ns)"

    def _conclude(self, built: system.System, versions: dict[str, str]) -> None:
        for name, node in built.nodes.items():
            partition = self.record.partitions[name]
            partition.grants = node.grants
            partition.instructions = node.instructions
            partition.busy_ns = node.busy_ns
            if node.state is State.RUNNING:
                self.trace.add(self.record.virtual_time_ns, "instructions", name, node.instructions)
            partition.spans = self._spans(name)
            if isinstance(node, McuNode) and partition.mcu is not None:
                conclude(node, partition.mcu)
        for channel in built.channels.values():
            channel.conclude()
        conclude_devices(built.devices, self.record)
        self.record.digest = self.trace.digest
        self.record.environment = {
            "simulator": __version__,
            **versions,
            "quantum_ns": self.scenario.time.quantum_ns,
            "python": platform.python_version(),
        }

    def _spans(self, partition: str) -> list[Span]:
        """Return the calls of a partition's services: one holds its first required input as long as it works on it."""
        spans = []
        for service in self.record.partitions[partition].services:
            channels = self.scenario.inputs_of(partition, service)
            held = [channels[port] for port in required_inputs(self.scenario.partitions[partition], service)]
            for message in self.record.channels[held[0]].messages if held else ():
                if message.taken_ns is not None and message.returned_ns is not None:
                    spans.append(Span(service, message.taken_ns, message.returned_ns, message.origin_sequence or 0))
        return spans

    def write_displays(self, folder: Path) -> None:
        """Write what displays showed, and note it in the record.

        Raises:
            OSError: a file cannot be written.
        """
        assert self.system is not None, "execute() comes first"
        for name, device in self.system.devices.items():
            if isinstance(device, DisplayDevice):
                self.record.devices[name].animation = next(iter(device.display.write(folder)), None)
                self.record.pictures += [
                    PictureRecord(t_ns, name, number, pixels) for number, t_ns, pixels in device.display.pictures()
                ]

    def _lap(self, phase: str) -> None:
        """Note how long the phase that ends now took."""
        elapsed = time.monotonic() - self._began
        self.record.wall_phases[phase] = elapsed - sum(self.record.wall_phases.values())
        self.record.wall_s = elapsed
