"""A Linux guest in QEMU as a participant of virtual time."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

from machines.errors import ParticipantFailed
from machines.participant import NEVER_NS, Lifecycle, State
from machines.qemu.control import VECTOR, ControlLink
from machines.qemu.vm import VirtualMachine

Message = dict[str, Any]

_ARM_LIMIT = 8_000_000_000
"""Instructions within which services must have loaded: a detector takes 15 M, and a host runs some 300 M a second."""


class LinuxGuest:
    """A virtual machine whose agent runs services; see `machines.participant.Participant` for the interface.

    Before time 0 it is armed in its own time: it takes its payload and loads its services. `start` then ties its clock
    to the run's.

    Parameters:
        vm: stands at the ready point, started from its snapshot.
        on_message: called with each message of the agent, while the guest stands still.
    """

    def __init__(self, vm: VirtualMachine, on_message: Callable[[Message], None]) -> None:
        self.name = vm.name
        self.vm = vm
        self.grants = 0
        self._on_message = on_message
        self._life = Lifecycle(vm.name)
        self._life.to(State.BOOTING)
        self._armed = False
        self._zero_ns = 0
        self._zero_instructions = 0
        self._restored_instructions = vm.held.instructions
        self._rung: list[int] = []
        self._control = ControlLink(vm.name, vm.control, lambda: vm.held.now_ns)

    @property
    def state(self) -> State:
        """Where it is in its life."""
        return self._life.state

    @property
    def instructions(self) -> int:
        """Instructions executed since time 0."""
        return self.vm.held.instructions - self._zero_instructions

    @property
    def busy_ns(self) -> int:
        """Virtual time in which it executed them."""
        return self.instructions << self.vm.machine.shift

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

    def start(self) -> None:
        """Make now the time 0 of the run, and tell the agent."""
        self._zero_ns = self.vm.held.now_ns
        self._zero_instructions = self.vm.held.instructions
        self._control.post_start(self._zero_ns)
        self._pump()
        self._life.to(State.RUNNING)

    def _pump(self) -> None:
        if self._control.pump():
            self.vm.ring([VECTOR])

    # -- participant -----------------------------------------------------------------------------------------------

    @property
    def wake_ns(self) -> int:
        """Now while it is busy, else the time of its next timer."""
        held = self.vm.held
        if not held.idle:
            return held.now_ns - self._zero_ns
        return min(held.deadline_ns - self._zero_ns, NEVER_NS)

    def grant(self, until_ns: int) -> None:
        """Let it run up to `until_ns`."""
        self.grants += 1
        self.vm.grant(self._zero_ns + until_ns)

    def settle(self) -> None:
        """Wait until it stands still again, and take what its agent says.

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
        messages, kick = self._control.receive()
        for message in messages:
            if message["type"] == "armed":
                self._armed = True
            elif message["type"] == "failed" and not self._armed:
                raise ParticipantFailed(self.name, f"service {message.get('service')}: {message.get('error')}")
            self._on_message(message)
        if kick:
            self.vm.ring([VECTOR])

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
