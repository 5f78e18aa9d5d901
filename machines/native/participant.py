"""Native devices as participants of virtual time: they act at boundaries, in the simulator's own process."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from numpy.typing import NDArray

from machines.native.camera import Camera
from machines.native.display import Display
from machines.native.distortion import Distortion
from machines.participant import NEVER_NS, Lifecycle, Slice, State
from virtio_shm import Consumer, Producer, RingError, TensorSpec

ChannelEnd = Producer | Consumer


class NativeDevice:
    """What all native devices share: channel ends, and a clock that jumps from boundary to boundary.

    Parameters:
        name: the device.
    """

    def __init__(self, name: str) -> None:
        self.name = name
        self.now_ns = 0
        self._until_ns = 0
        self._ends: dict[int, ChannelEnd] = {}
        self._rung: set[int] = set()
        self._broken: list[tuple[int, str]] = []
        self._faulty: set[int] = set()
        self._idle = False
        self._life = Lifecycle(name)
        for state in (State.BOOTING, State.READY, State.RUNNING):
            self._life.to(state)

    def attach(self, vector: int, end: ChannelEnd, port: str = "") -> None:
        """Connect one channel.

        Parameters:
            vector: its doorbell.
            end: its producing or consuming end.
            port: the device's port, where it has several.
        """
        self._ends[vector] = end

    @property
    def state(self) -> State:
        """Where it is in its life."""
        return self._life.state

    @property
    def wake_ns(self) -> int:
        """When it acts of its own accord."""
        return NEVER_NS

    @property
    def due_ns(self) -> int:
        """When it can take a tensor that came from its clock's future; nobody rings for it then."""
        due = (end.due_ns for end in self._ends.values() if isinstance(end, Consumer))
        return min((each for each in due if each is not None), default=NEVER_NS)

    def clock(self) -> int:
        """Return its virtual time in ns, for the rings."""
        return self.now_ns

    def grant(self, until_ns: int, executing: Slice | None = None) -> None:
        """Let it act at `until_ns`."""
        self._until_ns = until_ns

    def idle(self, still: bool) -> None:
        """Stand still from the next boundary on, whatever happens, or go on."""
        self._idle = still

    def works(self, vector: int) -> bool:
        """Tell whether a channel is there and its other end has not broken it."""
        return vector in self._ends and vector not in self._faulty

    def settle(self) -> None:
        """Act on every channel; one whose ring the other end broke is left alone until that has started again."""
        self.now_ns = self._until_ns
        if self._idle:
            return
        for vector, end in tuple(self._ends.items()):
            try:
                end.poll_ready()
                if end.announce():
                    self._rung.add(vector)
                if self._serve(vector, end):
                    self._rung.add(vector)
                self._faulty.discard(vector)
            except RingError as error:
                if vector not in self._faulty:
                    self._faulty.add(vector)
                    self._broken.append((vector, str(error)))
                if end.announce():
                    self._rung.add(vector)

    def _serve(self, vector: int, end: ChannelEnd) -> bool:
        """Send or take what is due on one channel; True: ring its other end.

        Raises:
            RingError: the other end broke the ring.
        """
        raise NotImplementedError

    def broken(self) -> Sequence[tuple[int, str]]:
        """Return the channel ends that were given up since the last call, and why."""
        broken, self._broken = self._broken, []
        return broken

    def deliver(self, vectors: Sequence[int]) -> None:
        """Take note of doorbells: it looks at its rings whenever it acts."""

    def collect(self) -> Sequence[int]:
        """Return the channel ends that it rang since the last call."""
        rung, self._rung = sorted(self._rung), set()
        return rung

    def fail(self) -> None:
        """Note that it failed."""
        self._life.to(State.FAILED)

    def stop(self) -> None:
        """End it."""
        self._life.to(State.STOPPED)


class _Outlet:
    """How far a sensor has come on one channel, and whether that holds it up."""

    def __init__(self) -> None:
        self.sample = 0
        self.held_up = False


class SensorDevice(NativeDevice):
    """A sensor that puts each sample into its channels at the first boundary after its time.

    Before a channel's other end is there, samples go by unseen, except that the last one is kept for it; where `waits`
    says so they wait instead. Where a channel blocks, a sample waits for room and later samples are late; the sensor's
    other channels do not notice.

    Parameters:
        name: the device.
        spec: dtype and shape of a sample.
        count: stops after this many samples; None: never.

    Attributes:
        distortions: what is wrong with its samples, in the order in which that began.
    """

    def __init__(self, name: str, spec: TensorSpec, count: int | None = None) -> None:
        super().__init__(name)
        self._spec = spec
        self._count = count
        self._outlets: dict[int, _Outlet] = {}
        self.distortions: list[Distortion] = []

    def sample_ns(self, sample: int) -> int:
        """Return the virtual time in ns at which sample 0, 1, ... is taken; it grows with the number."""
        raise NotImplementedError

    def fill(self, sample: int, slot: NDArray[Any]) -> None:
        """Write a sample into an array of the spec's dtype and shape."""
        raise NotImplementedError

    def _see(self, sample: int, slot: NDArray[Any]) -> None:
        """Write a sample as the sensor sees it, well or not."""
        source = sample
        for distortion in self.distortions:
            source = distortion.source(source)
        self.fill(source, slot)
        for distortion in self.distortions:
            distortion.spoil(sample, slot)

    def waits(self, end: Producer) -> bool:
        """Tell whether samples wait for a channel's other end to start."""
        return False

    def attach(self, vector: int, end: ChannelEnd, port: str = "") -> None:
        """Connect one channel."""
        super().attach(vector, end, port)
        self._outlets[vector] = _Outlet()

    @property
    def samples(self) -> int:
        """Samples that have been published on any channel: each has a smaller number than this."""
        return max((outlet.sample for outlet in self._outlets.values()), default=0)

    @property
    def wake_ns(self) -> int:
        """The time of the next sample that no channel holds up."""
        waiting = (self._outlets[vector] for vector in self._ends if self.works(vector))
        return min((self._due_ns(outlet.sample) for outlet in waiting if not outlet.held_up), default=NEVER_NS)

    def _due_ns(self, sample: int) -> int:
        return NEVER_NS if self._count is not None and sample >= self._count else self.sample_ns(sample)

    def _serve(self, vector: int, end: ChannelEnd) -> bool:
        assert isinstance(end, Producer), "a sensor sends"
        outlet = self._outlets[vector]
        if not end.poll_ready():
            while not self.waits(end) and self._due_ns(outlet.sample + 1) <= self.now_ns:
                outlet.sample += 1
            outlet.held_up = self._due_ns(outlet.sample) <= self.now_ns
            return False
        outlet.held_up = False
        kick = False
        while self._due_ns(outlet.sample) <= self.now_ns:
            slot = end.reserve(self._spec)
            if slot is not None:
                self._see(outlet.sample, slot)
                kick |= end.commit(origin_sequence=outlet.sample, origin_ns=self.sample_ns(outlet.sample))
            elif end.overflow == "block":
                outlet.held_up = True
                break
            outlet.sample += 1
        return kick


class CameraDevice(SensorDevice):
    """A camera whose samples are its pictures.

    Parameters:
        camera: where frames come from.
        spec: dtype and shape of a frame.
        count: stops after this many frames; None: never.
    """

    def __init__(self, camera: Camera, spec: TensorSpec, count: int | None = None) -> None:
        super().__init__(camera.name, spec, count)
        self.camera = camera

    @property
    def frames(self) -> int:
        """Frames that have been published on any channel: each has a smaller number than this."""
        return self.samples

    def sample_ns(self, sample: int) -> int:
        """Return when a frame is captured."""
        return self.camera.next_ns(sample)

    def fill(self, sample: int, slot: NDArray[Any]) -> None:
        """Draw a frame."""
        self.camera.render(sample, slot)


class DisplayDevice(NativeDevice):
    """A display that shows every picture that arrives.

    Parameters:
        display: what takes the pictures.
    """

    def __init__(self, display: Display) -> None:
        super().__init__(display.name)
        self.display = display

    def _serve(self, vector: int, end: ChannelEnd) -> bool:
        assert isinstance(end, Consumer), "a display takes"
        kick = False
        while (frame := end.take()) is not None:
            self.display.show(frame.array, self.now_ns)
            kick |= end.give_back(frame)
        return kick
