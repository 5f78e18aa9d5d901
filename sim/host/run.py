"""One run of a scenario, from nothing to its record."""

from __future__ import annotations

import contextlib
import platform
import time
from collections.abc import Mapping
from fractions import Fraction
from pathlib import Path
from typing import Any, Protocol

from machines.errors import ParticipantFailed
from machines.mcu.node import McuNode
from machines.native.participant import DisplayDevice
from machines.participant import State
from sim import __version__
from sim.host import system, watch
from sim.host.channel import Channel, End
from sim.host.conclusion import conclude_devices
from sim.host.doings import partition_digests
from sim.host.executive import Executive
from sim.host.faults.injector import Injector
from sim.host.faults.strike import Scene
from sim.host.health.care import care_for
from sim.host.health.supervisor import Supervisor
from sim.host.launching import launching
from sim.host.linux import note
from sim.host.microcontrollers import conclude
from sim.host.realtime.channel import FreeChannel
from sim.host.realtime.executive import RealTime
from sim.host.revival import within
from sim.host.timetable import Timetable
from sim.host.trace import Trace
from sim.report.paths import conclude_paths
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
        self._executive: Executive | RealTime | None = None
        self._supervisor: Supervisor | None = None
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
            launcher = hold.enter_context(launching(self.scenario))
            installed = system.installation(self.scenario, self._progress.phase, launcher)
            self._lap("prepare")
            built = self.system = system.build(
                self.scenario, installed, self.record, self._logs, cold, self._progress.phase, self._hear, hold
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
            self.record.worst = {name: found for name, each in watches.items() if (found := each.worst()) is not None}
            self.record.pictures = [picture for each in watches.values() for picture in each.pictures()]
        self._lap("stop")
        return self.record

    def _run(self, built: system.System) -> None:
        executive = self._executive = self._make_executive(built)
        supervisor = self._supervisor = Supervisor(executive, self.trace, built.revival.revive)
        executive.overseers.append(supervisor)
        if isinstance(executive, Executive):  # in real time there are no faults
            scene = Scene(self.scenario, executive, supervisor, built.devices, built.channels)
            injector = Injector(scene, self.trace, self.record.faults)
            supervisor.listeners.append(injector)
            executive.overseers.insert(0, injector)
        for name, node in built.nodes.items():
            node.start()
            care = care_for(self.scenario.partitions[name], self.scenario.time.quantum_ns)
            supervisor.watch(care, self.record.partitions[name], node)
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
        if executive.halted:
            self.record.outcome, self.record.reason = "failed", executive.halted
        shown = 0.0
        progress(executive.now_ns)
        self.record.virtual_time_ns = executive.now_ns
        if isinstance(executive, RealTime):
            self.record.notes += executive.notes

    def _make_executive(self, built: system.System) -> Executive | RealTime:
        timetable = Timetable(self.scenario, self.record)
        nodes, devices = list(built.nodes.values()), list(built.devices.values())
        told = self.scenario.time.quantum_ns, self.trace, self._note_doorbell, self._note_failure
        if self.scenario.time.mode == "realtime":
            channels = [channel for channel in built.channels.values() if isinstance(channel, FreeChannel)]
            return RealTime(nodes, devices, channels, *told)
        plan = timetable.policy, timetable.scheduled, timetable.shares, timetable.note
        return Executive(nodes, devices, built.channels.values(), *told, *plan)

    def _note_doorbell(self, now_ns: int, source: End, target: End, channel: Channel) -> None:
        self.record.doorbells.append(
            DoorbellRecord(now_ns, source.participant, target.participant, target.vector, channel.name)
        )
        for name, counter in ((source.participant, "doorbells_sent"), (target.participant, "doorbells_received")):
            if name in self.record.partitions:
                partition = self.record.partitions[name]
                setattr(partition, counter, getattr(partition, counter) + 1)

    def _hear(self, partition: str, message: Mapping[str, Any]) -> None:
        """Take what the agent of a Linux guest says."""
        note(self.record.partitions, partition, message)
        if self._supervisor is not None and self._executive is not None:
            self._supervisor.hear(self._executive.horizon_ns, partition, message)

    def _note_failure(self, now_ns: int, failure: ParticipantFailed) -> None:
        assert self._supervisor is not None and self._executive is not None, "it is the executive that tells"
        failure = within(self._logs.parent, failure)
        if failure.participant in self.record.partitions:
            self._supervisor.failed(self._executive.horizon_ns, failure)
        else:
            self._executive.halt(f"{failure} (at {now_ns} ns)")

    def _conclude(self, built: system.System, versions: dict[str, str]) -> None:
        built.revival.join_consoles()
        for name in built.nodes:
            self._conclude_partition(name, built)
        for channel in built.channels.values():
            channel.conclude()
        conclude_devices(built.devices, self.record)
        conclude_paths(self.scenario, self.record)
        self.record.digest = "" if self.scenario.time.mode == "realtime" else self.trace.digest
        for name, digest in partition_digests(self.trace.lines, built.channels).items():
            if name in self.record.partitions:
                self.record.partitions[name].digest = digest
        self.record.environment = {
            "simulator": __version__,
            **versions,
            "quantum_ns": self.scenario.time.quantum_ns,
            "python": platform.python_version(),
        }

    def _conclude_partition(self, name: str, built: system.System) -> None:
        assert self._supervisor is not None, "it has been run"
        partition, before, node = self.record.partitions[name], built.revival.before[name], self._supervisor.node(name)
        partition.grants = before.grants + node.grants
        partition.instructions = before.instructions + node.instructions
        partition.busy_ns = int((before.busy_ns + node.busy_ns) / self._duty(name))
        partition.spans = self._spans(name)
        if partition.state != "ready":
            partition.failed = partition.failed or partition.states[-1].reason
        if node.state is State.RUNNING:
            self.trace.add(self.record.virtual_time_ns, "instructions", name, partition.instructions)
        if isinstance(node, McuNode) and partition.mcu is not None:
            conclude(node, partition.mcu)

    def _duty(self, partition: str) -> Fraction:
        """Return the share of its time in which a partition's machine executes."""
        guest = self.scenario.linux_guests.get(partition)
        return guest.duty if guest is not None else Fraction(1)

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
