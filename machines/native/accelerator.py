"""An accelerator: takes tensors, is busy with each for the time that its model takes, and sends what comes out.

Starts and ends are exact, also within a quantum: what went on since the last boundary is made up for at this one, in
the order in which it happened. A result is published at the first boundary at or after its end.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from numpy.typing import NDArray

from machines.native.inference import Infer
from machines.native.participant import ChannelEnd, NativeDevice
from machines.participant import NEVER_NS
from virtio_shm import Consumer, Frame, Producer, TensorSpec


@dataclass
class _Job:
    """One tensor on its way through the model.

    Attributes:
        vector: of the channel that it came from.
        frame: its slot, which is free once the job has ended.
        end_ns: when that is.
        results: by port.
        owed: channels that have not got the result yet.
        returned: whether the slot was given back.
        held_up: whether a full channel made the result wait.
    """

    vector: int
    frame: Frame
    end_ns: int
    results: Mapping[str, NDArray[Any]]
    owed: set[int]
    returned: bool = False
    held_up: bool = False


class AcceleratorDevice(NativeDevice):
    """An accelerator as a participant.

    When it is free it takes the oldest tensor of each input channel and works on the one that was published first; of
    several at the same time, on that of the channel that stands first in the scenario. Where an output channel blocks
    and is full, the result waits, and the device with it.

    Parameters:
        name: the device.
        infer: computes the model.
        outputs: what the model puts out, by port, in the order in which `infer` returns it.
        job_ns: how long a job takes.

    Attributes:
        job_ns: how long a job takes.
        jobs: that were begun: start and end in ns, and number of the origin of the tensor.
    """

    def __init__(self, name: str, infer: Infer, outputs: Mapping[str, TensorSpec], job_ns: int) -> None:
        super().__init__(name)
        self.jobs: list[tuple[int, int, int]] = []
        self._infer = infer
        self._outputs = dict(outputs)
        self.job_ns = job_ns
        self._ports: dict[int, str] = {}
        self._next: dict[int, Frame] = {}
        self._job: _Job | None = None
        self._free_ns = 0

    def attach(self, vector: int, end: ChannelEnd, port: str = "") -> None:
        """Connect one channel; an output one to the port of its name.

        Raises:
            ValueError: the model has no such output.
        """
        if isinstance(end, Producer):
            if port not in self._outputs:
                raise ValueError(f"{self.name} has no output '{port}'; one of {', '.join(self._outputs)}")
            self._ports[vector] = port
        super().attach(vector, end, port)

    @property
    def wake_ns(self) -> int:
        """When the job ends."""
        return NEVER_NS if self._job is None or self._job.end_ns <= self.now_ns else self._job.end_ns

    def settle(self) -> None:
        """Do all that was due since the last boundary, one job after the other."""
        super().settle()
        while self._advance():
            super().settle()

    def _advance(self) -> bool:
        """End the job whose result is delivered, or begin the next one; False: there is nothing to do now."""
        if self._idle:
            return False
        if self._job is not None:
            return self._finish(self._job)
        waiting = {vector: frame for vector, frame in self._next.items() if self.works(vector)}
        if not waiting:
            return False
        self._begin(min(waiting, key=lambda vector: (waiting[vector].produced_ns, vector)))
        return True

    def _finish(self, job: _Job) -> bool:
        """Free the device if its job has ended and everybody has the result; who broke a ring gets none."""
        if job.end_ns > self.now_ns:
            return False
        if any(self.works(vector) for vector in job.owed) or (not job.returned and self.works(job.vector)):
            job.held_up = True
            return False
        self._free_ns = self.now_ns if job.held_up else job.end_ns
        self._job = None
        return True

    def _begin(self, vector: int) -> None:
        frame = self._next.pop(vector)
        results: Sequence[NDArray[Any]] = self._infer(frame.array)
        start_ns = max(self._free_ns, frame.produced_ns)
        end_ns = start_ns + self.job_ns
        named = dict(zip(self._outputs, results, strict=True))
        self._job = _Job(vector, frame, end_ns, named, set(self._ports))
        self.jobs.append((start_ns, end_ns, frame.origin_sequence))

    def _serve(self, vector: int, end: ChannelEnd) -> bool:
        return self._deliver(vector, end) if isinstance(end, Producer) else self._take(vector, end)

    def _take(self, vector: int, end: Consumer) -> bool:
        """Give back the tensor of the job that has ended; take the next one while the device is free."""
        job, kick = self._job, False
        if job is not None:
            if job.vector == vector and job.end_ns <= self.now_ns and not job.returned:
                job.returned = True
                kick = end.give_back(job.frame)
        elif vector not in self._next:
            frame = end.take()
            if frame is not None:
                self._next[vector] = frame
        return kick

    def _deliver(self, vector: int, end: Producer) -> bool:
        """Send the result of the job that has ended."""
        job = self._job
        if job is None or job.end_ns > self.now_ns or vector not in job.owed:
            return False
        is_open, port = end.poll_ready(), self._ports[vector]
        slot = end.reserve(self._outputs[port]) if is_open else None
        if slot is not None:
            slot[...] = job.results[port]
            job.owed.discard(vector)
            return end.commit(origin_sequence=job.frame.origin_sequence, origin_ns=job.frame.origin_ns)
        if end.overflow != "block" and is_open:
            job.owed.discard(vector)
        return False
