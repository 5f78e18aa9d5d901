"""Ray: processes of this computer or of a cluster (https://docs.ray.io).

Where RAY_ADDRESS names a cluster, that is used; it needs this package on each of its machines. Else Ray is started
here and stopped at the end.
"""

from __future__ import annotations

import os
import shutil
import tempfile
from collections.abc import Generator, Iterator, Sequence
from contextlib import contextmanager
from typing import Any

from machines.errors import EnvironmentLacks, ParticipantFailed
from sim.sizing.sweep.engines import Answer, Task
from sim.sizing.sweep.variants import Question, Variants

_STORE_BYTES = 80 << 20
"""Memory of the object store of a Ray that is started here: little more than the least that Ray takes (75 MiB), since
plans are small."""

_AHEAD = 2
"""Tasks handed out for each job, so that none waits for its next."""

_ADDRESS = "RAY_ADDRESS"

_SHORT = "/tmp"
"""Where Ray's folder is: the names of sockets in it must not exceed 107 bytes (unix(7)), which is soon reached."""


class Ray:
    """Answers in Ray's workers.

    Parameters:
        jobs: how many tasks run at once; of a Ray that is started here, how many processors it has.
    """

    def __init__(self, jobs: int) -> None:
        self._jobs = jobs

    def answers(self, question: Question, tasks: Sequence[Task]) -> Generator[Answer, None, None]:
        """Yield the answer to each task as it is done.

        Raises:
            EnvironmentLacks: Ray is not installed, or the cluster cannot be reached.
            ParticipantFailed: Ray gave up on a worker.
        """
        if not tasks:
            return
        ray = _imported()
        with _started(ray, min(self._jobs, len(tasks))):
            yield from self._collected(ray, question, tasks)

    def _collected(self, ray: Any, question: Question, tasks: Sequence[Task]) -> Generator[Answer, None, None]:
        answered, shared = ray.remote(_answer), ray.put(question)
        waiting, busy = list(reversed(tasks)), list[Any]()
        while waiting or busy:
            while waiting and len(busy) < _AHEAD * self._jobs:
                busy.append(answered.remote(shared, waiting.pop()))
            done, busy = ray.wait(busy)
            try:
                answers = ray.get(done)
            except ray.exceptions.RayTaskError as error:
                raise error.cause if isinstance(error.cause, Exception) else error from None
            except ray.exceptions.RayError as error:
                said = " ".join(str(error).split())[:200]
                raise ParticipantFailed("sweep", f"Ray: {said}; the same command goes on from here") from None
            yield from answers


def _imported() -> Any:
    os.environ.setdefault("RAY_USAGE_STATS_ENABLED", "0")
    os.environ.setdefault("RAY_ACCEL_ENV_VAR_OVERRIDE_ON_ZERO", "0")  # else it warns that it will change
    try:
        import ray
    except ModuleNotFoundError:
        raise EnvironmentLacks(
            "--engine ray needs Ray, which is not installed: pip install 'edgesim[cluster]'"
        ) from None
    return ray


@contextmanager
def _started(ray: Any, jobs: int) -> Iterator[None]:
    """Connect to the cluster, or start a Ray here, and leave nothing of it behind."""
    quiet = {"include_dashboard": False, "log_to_driver": False, "logging_level": "ERROR"}
    address, folder = os.environ.get(_ADDRESS), ""
    try:
        if address:
            ray.init(log_to_driver=False, logging_level="ERROR")
        else:
            folder = tempfile.mkdtemp(prefix="sim-", dir=_SHORT)
            ray.init(address="local", num_cpus=jobs, object_store_memory=_STORE_BYTES, _temp_dir=folder, **quiet)
        yield
    except (ConnectionError, RuntimeError, ValueError) as error:
        if ray.is_initialized():
            raise
        said = " ".join(str(error).split())[:200]
        raise EnvironmentLacks(f"Ray did not start: {said}; leave --engine ray out, or mend {_ADDRESS}") from None
    finally:
        ray.shutdown()
        if folder:
            shutil.rmtree(folder, ignore_errors=True)


def _answer(question: Question, task: Task) -> Answer:
    """Answer one task in a worker."""
    return Answer(task.number, Variants(question).rows(task.points))
