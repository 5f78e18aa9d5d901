"""Native devices as participants of virtual time: they act at boundaries, in the simulator's own process."""

from __future__ import annotations

from collections.abc import Sequence

from machines.errors import ParticipantFailed
from machines.native.camera import Camera
from machines.native.display import Display
from machines.participant import NEVER_NS, Lifecycle, State
from virtio_shm import Consumer, Producer, RingError, TensorSpec


class NativeDevice:
    """What camera and display share: a clock that jumps from boundary to boundary.

    Parameters:
        name: the device.
    """

    def __init__(self, name: str) -> None:
        self.name = name
        self.now_ns = 0
        self._until_ns = 0
        self._rung: list[int] = []
        self._life = Lifecycle(name)
        for state in (State.BOOTING, State.READY, State.RUNNING):
            self._life.to(state)

    @property
    def state(self) -> State:
        """Where it is in its life."""
        return self._life.state

    @property
    def wake_ns(self) -> int:
        """When it acts of its own accord."""
        return NEVER_NS

    def clock(self) -> int:
        """Return its virtual time in ns, for the rings."""
        return self.now_ns

    def grant(self, until_ns: int) -> None:
        """Let it act at `until_ns`."""
        self._until_ns = until_ns

    def settle(self) -> None:
        """Act.

        Raises:
            ParticipantFailed: the other end of one of its channels broke the ring.
        """
        self.now_ns = self._until_ns
        try:
            self._act()
        except RingError as error:
            raise ParticipantFailed(self.name, f"its ring was broken by the other end: {error}") from error

    def _act(self) -> None:
        raise NotImplementedError

    def _negotiate(self, vector: int, end: Producer | Consumer) -> None:
        end.poll_ready()
        if end.announce():
            self._rung.append(vector)

    def deliver(self, vectors: Sequence[int]) -> None:
        """Take note of doorbells: it looks at its rings whenever it acts."""

    def collect(self) -> Sequence[int]:
        """Return the channel ends that it rang when it acted."""
        rung, self._rung = sorted(set(self._rung)), []
        return rung

    def stop(self) -> None:
        """End it."""
        self._life.to(State.STOPPED)


class _Outlet:
    """One channel that a camera feeds: how far it has come, and whether it is held up."""

    def __init__(self, vector: int, producer: Producer) -> None:
        self.vector = vector
        self.producer = producer
        self.frame = 0
        self.held_up = False


class CameraDevice(NativeDevice):
    """A camera that puts each frame into its channels at the first boundary after its capture time.

    Before a channel's other end is there, frames go by unseen, except that the last one is kept for it. Where a channel
    blocks, a frame waits for room and later frames are late; the camera's other channels do not notice.

    Parameters:
        camera: where frames come from.
        spec: dtype and shape of a frame.
        count: stops after this many frames; None: never.
    """

    def __init__(self, camera: Camera, spec: TensorSpec, count: int | None = None) -> None:
        super().__init__(camera.name)
        self.camera = camera
        self._spec = spec
        self._count = count
        self._outlets: list[_Outlet] = []

    def attach(self, vector: int, producer: Producer) -> None:
        """Connect one channel."""
        self._outlets.append(_Outlet(vector, producer))

    @property
    def frames(self) -> int:
        """Frames that have been published on any channel: each has a smaller number than this."""
        return max((outlet.frame for outlet in self._outlets), default=0)

    @property
    def wake_ns(self) -> int:
        """The capture time of the next frame that no channel holds up."""
        return min((self._due_ns(outlet) for outlet in self._outlets if not outlet.held_up), default=NEVER_NS)

    def _due_ns(self, outlet: _Outlet) -> int:
        return NEVER_NS if outlet.frame == self._count else self.camera.next_ns(outlet.frame)

    def _act(self) -> None:
        for outlet in self._outlets:
            self._negotiate(outlet.vector, outlet.producer)
            if not outlet.producer.poll_ready():
                while self._due_ns(outlet) <= self.now_ns and self.camera.next_ns(outlet.frame + 1) <= self.now_ns:
                    outlet.frame += 1
                outlet.held_up = self._due_ns(outlet) <= self.now_ns
                continue
            outlet.held_up = False
            while not outlet.held_up and self._due_ns(outlet) <= self.now_ns:
                outlet.held_up = not self._put(outlet)

    def _put(self, outlet: _Outlet) -> bool:
        """Publish the current frame on one channel, or let the ring drop it; False when it has to wait for room."""
        slot = outlet.producer.reserve(self._spec)
        if slot is not None:
            self.camera.render(outlet.frame, slot)
            captured_ns = self.camera.next_ns(outlet.frame)
            if outlet.producer.commit(origin_sequence=outlet.frame, origin_ns=captured_ns):
                self._rung.append(outlet.vector)
        elif outlet.producer.overflow == "block":
            return False
        outlet.frame += 1
        return True


class DisplayDevice(NativeDevice):
    """A display that shows every picture that arrives.

    Parameters:
        display: what takes the pictures.
    """

    def __init__(self, display: Display) -> None:
        super().__init__(display.name)
        self.display = display
        self._ends: list[tuple[int, Consumer]] = []

    def attach(self, vector: int, consumer: Consumer) -> None:
        """Connect one channel."""
        self._ends.append((vector, consumer))

    def _act(self) -> None:
        for vector, consumer in self._ends:
            self._negotiate(vector, consumer)
            while (frame := consumer.take()) is not None:
                self.display.show(frame.array, self.now_ns)
                if consumer.give_back(frame):
                    self._rung.append(vector)
