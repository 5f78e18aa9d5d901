"""A microcontroller as a participant of virtual time, whatever runs it."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from fractions import Fraction

from machines.errors import ParticipantFailed
from machines.mcu.control import LOG_ENTRIES, MAX_CHANNELS, ChannelEntry, ControlPage, Life, LogEntry, Status
from machines.mcu.machine import Machine, Standing
from machines.participant import NEVER_NS, Lifecycle, Slice, State

_FAULTS = {
    1: "took an exception",
    2: "touched memory that is not there",
    3: "executed what is no instruction",
    4: "overflowed its stack",
    5: "gave up",
    6: "found no control page that it understands",
    7: "refused a channel",
}
"""What the firmware says went wrong: fault_kind of guests/mcu/include/control.h."""

_MEMORY = 2
_LAST_EXCEPTION = 4
"""A stack overflow, the last of what the core itself finds; the status of these is a register, of others a code."""


class McuNode:
    """Firmware on a core; see `machines.participant.Participant` for the interface. It powers on at time 0.

    Parameters:
        name: the partition.
        machine: runs the core; not launched yet.
        page: its control page.
        channels: its channel ends in the order of their vector.
        speed_mips: million instructions per virtual second.
        quantum_ns: of the run.
        seed: of the run.
        watchdog_ns: longest time without a round of the firmware's main loop, unless it sleeps.
        describe: names a code address, for messages.

    Attributes:
        grants: how often it was let run.
        inferences: what the firmware logged.
        lost_inferences: log entries that were overwritten before the host saw them.
    """

    def __init__(
        self,
        name: str,
        machine: Machine,
        page: ControlPage,
        channels: Sequence[ChannelEntry],
        speed_mips: Fraction,
        quantum_ns: int,
        seed: int,
        watchdog_ns: int,
        describe: Callable[[int], str],
    ) -> None:
        self.name = name
        self.machine = machine
        self.grants = 0
        self.inferences: list[LogEntry] = []
        self.lost_inferences = 0
        self._page = page
        self._ns_per_instruction = 1000 / speed_mips
        self._watchdog_ns = watchdog_ns
        self._describe = describe
        self._life = Lifecycle(name)
        self._at_ns = self._until_ns = self._alive_ns = 0
        self._runs = False
        self._held_back = False
        self._ahead_ns = 0
        self._rung = False
        self._standing = Standing(0, False, None)
        self._status = page.status()
        self._out_counts: tuple[int, ...] = (0,) * MAX_CHANNELS
        self._heartbeat = self._logged = 0
        ratio = self._ns_per_instruction.as_integer_ratio()
        page.introduce(channels, ratio, machine.counter_in_memory, seed, quantum_ns)

    @property
    def state(self) -> State:
        """Where it is in its life."""
        return self._life.state

    @property
    def status(self) -> Status:
        """What the firmware last said of itself."""
        return self._status

    @property
    def instructions(self) -> int:
        """Instructions executed since power-on."""
        return self._standing.instructions

    @property
    def busy_ns(self) -> int:
        """Virtual time in which it executed them."""
        return int(self.instructions * self._ns_per_instruction)

    def jump(self, by_ns: int) -> None:
        """Let its clock be ahead of time by so much more; or behind, but never before 0."""
        self._ahead_ns += by_ns

    def launch(self) -> None:
        """Power it on; it stands still before its first instruction.

        Raises:
            EnvironmentLacks: its backend is not there.
            ParticipantFailed: it does not start.
        """
        self._life.to(State.BOOTING)
        self.machine.launch()
        self._life.to(State.READY)

    def start(self, at_ns: int = 0) -> None:
        """Tie its power-on to the run's time: it is `at_ns` now."""
        self._at_ns = self._until_ns = self._alive_ns = at_ns
        self._life.to(State.RUNNING)

    # -- participant -----------------------------------------------------------------------------------------------

    @property
    def wake_ns(self) -> int:
        """Now while it is busy, else when a timer wakes it."""
        if self._rung or not self._asleep:
            return self._at_ns
        deadline_ns = self._standing.deadline_ns
        own_ns = NEVER_NS if deadline_ns is None else self._at_ns + deadline_ns
        return min(own_ns, self._status.wake_ns or NEVER_NS, NEVER_NS)

    @property
    def _asleep(self) -> bool:
        if self.machine.free_sleep:
            return self._standing.idle
        return self._status.idle and self._status.slept_count == self._page.doorbells

    def grant(self, until_ns: int, executing: Slice | None = None) -> None:
        """Let it run up to `until_ns`, or sleep on: a backend for which that is work is then not asked.

        Within a grant it executes in `executing` only; its own timers stand still outside of that.
        """
        whole = executing or Slice(self._at_ns, until_ns)
        self._until_ns = until_ns
        if self._asleep and 0 < self._status.wake_ns <= self._at_ns and not self._rung:
            self._wake()
        awake = self._rung or self.machine.free_sleep or not self._asleep
        self._runs = awake and whole.start_ns < whole.stop_ns
        self._held_back = not self._runs and (self._rung or not self._asleep or self.wake_ns < until_ns)
        if not self._runs:
            return
        self.grants += 1
        self._rung = False
        count = self._page.counter() if self.machine.counter_in_memory else self._standing.instructions
        start_ns, stop_ns = (max(0, end_ns + self._ahead_ns) for end_ns in whole)
        self._page.set_time(start_ns, count, stop_ns)
        self.machine.run(whole.stop_ns - whole.start_ns)

    def settle(self) -> None:
        """Wait until it stands still, and look at what the firmware says of itself.

        Raises:
            ParticipantFailed: its backend ended, or the firmware faulted, hangs or lies.
        """
        if self._runs:
            self._standing = self.machine.settle()
            self._status = self._page.status()
        self._at_ns = self._until_ns
        self._check_faults()
        self._check_watchdog()
        self._read_log()

    def deliver(self, vectors: Sequence[int]) -> None:
        """Ring its channel ends."""
        for vector in vectors:
            self._page.ring(vector)
        self._wake()

    def _wake(self) -> None:
        self.machine.interrupt()
        self._rung = True

    def collect(self) -> Sequence[int]:
        """Return the channel ends that it rang since the last call."""
        counts = self._page.out_counts()
        rung = [vector for vector in range(MAX_CHANNELS) if counts[vector] != self._out_counts[vector]]
        self._out_counts = counts
        return rung

    def fail(self) -> None:
        """Note that it failed, and power it off."""
        self._life.to(State.FAILED)
        self.machine.close()

    def stop(self) -> None:
        """Power it off and release what it held."""
        self._life.to(State.STOPPED)
        self.machine.close()

    # -- health ----------------------------------------------------------------------------------------------------

    def _check_faults(self) -> None:
        status = self._status
        if not status.ready or status.life != Life.FAULT:
            return
        kind = status.fault_kind
        words = [_FAULTS.get(kind, f"reports the unknown fault {kind}")]
        if status.fault_pc or kind != _LAST_EXCEPTION:  # a Cortex-M whose stack overflowed could not note where it was
            words[0] += f" at {status.fault_pc:#010x} ({self._describe(status.fault_pc)})"
        if kind == _MEMORY:
            words.append(f"address {status.fault_address:#010x}")
        if status.fault_status:
            words.append(f"{'status' if kind <= _LAST_EXCEPTION else 'code'} {status.fault_status:#x}")
        raise ParticipantFailed(self.name, f"its firmware {', '.join(words)}")

    def _check_watchdog(self) -> None:
        """Fail a firmware whose main loop has not come round for too long, though it had something to do."""
        may_rest = self._asleep or not self._runs
        if (may_rest and not self._held_back) or self._status.heartbeat != self._heartbeat:
            self._heartbeat = self._status.heartbeat
            self._alive_ns = self._at_ns
        elif self._at_ns - self._alive_ns >= self._watchdog_ns:
            lasted = f"{(self._at_ns - self._alive_ns) / 1e6:g} ms"
            did = "its main loop has not come round" if self._status.ready else "its firmware has not started"
            raise ParticipantFailed(self.name, f"{did} for {lasted} (watchdog)")

    def _read_log(self) -> None:
        """Take over the inferences that were logged since the last look."""
        until = self._status.inference_count
        new = (until - self._logged) & 0xFFFFFFFF
        if not new:
            return
        if new > self.instructions:
            raise ParticipantFailed(self.name, f"its firmware claims {new} inferences at once")
        entries = self._page.log(until - min(new, LOG_ENTRIES), until)
        self._logged = until
        self.lost_inferences += new - len(entries)
        for entry in entries:
            if not entry.start_ns <= entry.end_ns <= self._at_ns or entry.instructions > self.instructions:
                claim = f"an inference from {entry.start_ns} to {entry.end_ns} ns at {self._at_ns} ns"
                raise ParticipantFailed(self.name, f"its firmware claims {claim}")
        self.inferences += entries
