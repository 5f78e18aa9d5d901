"""A Linux guest in QEMU as a participant of virtual time."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

from machines.errors import ParticipantFailed
from machines.participant import NEVER_NS, Lifecycle, Slice, State
from machines.qemu.control import VECTOR, ControlLink
from machines.qemu.vm import VirtualMachine

Message = dict[str, Any]

_ARM_LIMIT = 8_000_000_000
"""Instructions within which services must have loaded: a detector takes 15 M, and a host runs some 300 M a second."""


_LAST_WORDS = 64 << 10
"""Bytes at the end of a console in which a panic is looked for."""
_PANIC = "Kernel panic - not syncing:"
"""How Linux begins the line (kernel/panic.c)."""


class Guest:
    """A virtual machine with whatever software; see `machines.participant.Participant` for the interface.

    Parameters:
        vm: stands where its first grant is to begin.

    Attributes:
        grants: how often it was let run.
    """

    def __init__(self, vm: VirtualMachine) -> None:
        self.name = vm.name
        self.vm = vm
        self.grants = 0
        self._life = Lifecycle(vm.name)
        self._life.to(State.BOOTING)
        self._zero_ns = 0
        self._zero_instructions = 0
        self._rung: list[int] = []

    @property
    def state(self) -> State:
        """Where it is in its life."""
        return self._life.state

    @property
    def instructions(self) -> int:
        """Instructions executed since it was started."""
        return self.vm.held.instructions - self._zero_instructions

    @property
    def busy_ns(self) -> int:
        """Virtual time in which it executed them."""
        return self.instructions << self.vm.machine.shift

    def start(self, at_ns: int = 0) -> None:
        """Tie its clock to the run's: it is `at_ns` now."""
        if self._life.state is State.BOOTING:
            self._life.to(State.READY)
        self._zero_ns = self.vm.held.now_ns - at_ns
        self._zero_instructions = self.vm.held.instructions
        self._life.to(State.RUNNING)

    @property
    def wake_ns(self) -> int:
        """Now while it is busy, else the time of its next timer."""
        held = self.vm.held
        if not held.idle:
            return held.now_ns - self._zero_ns
        return min(held.deadline_ns - self._zero_ns, NEVER_NS)

    def grant(self, until_ns: int, executing: Slice | None = None) -> None:
        """Let its clock run up to `until_ns`, and its processors execute in `executing`."""
        self.grants += 1
        if executing is None:
            self.vm.grant(self._zero_ns + until_ns)
        else:
            self.vm.grant(self._zero_ns + until_ns, *(self._zero_ns + end_ns for end_ns in executing))

    def settle(self) -> None:
        """Wait until it stands still again.

        Raises:
            ParticipantFailed: it died, hangs, or broke the control region.
        """
        self.vm.settle()
        for vector in self.vm.collect():
            if vector == VECTOR:
                self._listen()
            elif vector not in self._rung:
                self._rung.append(vector)

    def _listen(self) -> None:
        """Its control doorbell has rung, which means nothing where no agent is."""

    def deliver(self, vectors: Sequence[int]) -> None:
        """Ring its channel ends."""
        self.vm.ring(vectors)

    def collect(self) -> Sequence[int]:
        """Return the channel ends that it rang since the last call."""
        rung, self._rung = sorted(self._rung), []
        return rung

    def stop(self) -> None:
        """Kill it and release what it held."""
        self._life.to(State.STOPPED)
        self.vm.close()

    def fail(self) -> None:
        """Note that it failed, kill it and release what it held."""
        self._life.to(State.FAILED)
        self.vm.close()


class LinuxGuest(Guest):
    """A virtual machine whose agent runs services.

    Before time 0 it is armed in its own time: it takes its payload and loads its services. `start` then ties its clock
    to the run's. One that is restarted within the run does all this in the run's time, see `revive`.

    Parameters:
        vm: stands at the ready point, started from its snapshot, or before its first instruction.
        on_message: called with each message of the agent, while the guest stands still.
    """

    def __init__(self, vm: VirtualMachine, on_message: Callable[[Message], None]) -> None:
        super().__init__(vm)
        self._on_message = on_message
        self._armed = False
        self._orderly = False
        self._orders: list[Message] = []
        self._payload: bytes | None = None
        self._restored_instructions = vm.held.instructions
        self._control = ControlLink(vm.name, vm.control, self._moment)

    def _moment(self) -> int:
        """Return the time in ns at which it stands, by the counter that its agent stamps messages with."""
        return self.vm.held.now_ns

    # -- before time 0 ---------------------------------------------------------------------------------------------

    def post(self, payload: bytes) -> None:
        """Hand over the services: a zip archive with `manifest.json` and the files that it names."""
        self._control.post_payload(payload)
        self._pump()

    def arm_step(self, step_ns: int) -> bool:
        """Begin to run `step_ns` of its own time towards being armed; False: it is armed already."""
        if self._armed:
            return False
        self.vm.grant(self.vm.held.now_ns + step_ns)
        return True

    def arm_settle(self) -> None:
        """Finish what `arm_step` began.

        Raises:
            ParticipantFailed: it died, or its agent could not load a service.
        """
        self.settle()
        self._pump()
        if self._armed:
            self._life.to(State.READY)
        elif self.vm.held.instructions - self._restored_instructions > _ARM_LIMIT:
            limit = f"{_ARM_LIMIT // 10**9} G instructions"
            raise ParticipantFailed(self.name, f"its services have not loaded within {limit}")

    def start(self, at_ns: int = 0) -> None:
        """Tie its clock to the run's, and tell the agent."""
        super().start(at_ns)
        self._begin()

    def _begin(self) -> None:
        self._control.post_start(self._zero_ns)
        self._orderly = True
        for order in self._orders:
            self._control.post(order)
        self._orders.clear()
        self._pump()

    def _pump(self) -> None:
        if self._control.pump():
            self.vm.ring([VECTOR])

    # -- within the run --------------------------------------------------------------------------------------------

    def revive(self, payload: bytes, at_ns: int, booted: bool) -> None:
        """Join a run that is under way: load the services in its time, and begin when they are loaded.

        Parameters:
            payload: as for `post`.
            at_ns: time of the run now.
            booted: it stands at its ready point; else it boots first.
        """
        super().start(at_ns)
        if booted:
            self.post(payload)
        else:
            self._payload = payload

    def order(self, order: Message) -> None:
        """Tell the agent something; one that has not begun yet hears it when it begins."""
        if self._orderly:
            self._control.post(order)
            self._pump()
        else:
            self._orders.append(order)

    def settle(self) -> None:
        """Wait until it stands still again, and take what its agent says.

        Raises:
            ParticipantFailed: it died, hangs, or broke the control region.
        """
        try:
            super().settle()
        except ParticipantFailed as failure:
            panic = self._panic()
            raise (ParticipantFailed(self.name, panic) if panic else failure) from failure
        if self._control.waiting and self._payload is None:
            self._pump()

    def _panic(self) -> str:
        """Return the last words of its kernel if it has panicked."""
        try:
            with self.vm.console.open("rb") as console:
                console.seek(max(0, self.vm.console.stat().st_size - _LAST_WORDS))
                words = console.read().decode(errors="replace")
        except OSError:
            return ""
        lines = (line[line.index(_PANIC) :] for line in words.splitlines() if _PANIC in line)
        return next((line.replace(_PANIC, "its kernel panicked:").strip() for line in lines), "")

    def _listen(self) -> None:
        if self._payload is not None:  # the ready point of a guest that has booted
            payload, self._payload = self._payload, None
            self.post(payload)
            return
        messages, kick = self._control.receive()
        for message in messages:
            self._hear(message)
        if kick:
            self.vm.ring([VECTOR])

    def _hear(self, message: Message) -> None:
        if message["type"] == "armed" and not self._armed:
            self._armed = True
            if self._life.state is State.RUNNING:
                self._begin()
        elif message["type"] == "failed" and not self._armed:
            raise ParticipantFailed(self.name, f"service {message.get('service')}: {message.get('error')}")
        self._on_message(message)
