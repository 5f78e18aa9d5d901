"""Processes of this computer, one for each job, that end with this one however it ends."""

from __future__ import annotations

import multiprocessing
import os
import signal
from collections.abc import Generator, Sequence
from dataclasses import dataclass
from multiprocessing.connection import Connection, wait
from multiprocessing.context import ForkProcess

from machines import deathsig
from machines.errors import ParticipantFailed
from sim.sizing.model.engine import load
from sim.sizing.sweep.engines import Answer, Task
from sim.sizing.sweep.variants import Question, Variants


@dataclass(frozen=True, slots=True)
class _Worker:
    process: ForkProcess
    connection: Connection


class Local:
    """Answers in processes that are forked, so that plans need not be written down for them.

    Parameters:
        jobs: how many processes; one answers in this process.
    """

    def __init__(self, jobs: int) -> None:
        self._jobs = jobs

    def answers(self, question: Question, tasks: Sequence[Task]) -> Generator[Answer, None, None]:
        """Yield the answer to each task as it is done.

        Raises:
            ParticipantFailed: a process was killed.
        """
        jobs = min(self._jobs, len(tasks))
        if jobs <= 1:
            variants = Variants(question)
            for task in tasks:
                yield Answer(task.number, variants.rows(task.points))
            return
        load()  # once, before the fork
        workers: list[_Worker] = []
        try:
            for _ in range(jobs):
                workers.append(_started(question))
            yield from _collected(workers, list(reversed(tasks)))
        finally:
            for worker in workers:
                worker.connection.close()
                worker.process.kill()
            for worker in workers:
                worker.process.join()


def _started(question: Question) -> _Worker:
    ours, theirs = multiprocessing.Pipe()
    process = multiprocessing.get_context("fork").Process(
        target=_work, args=(question, theirs, ours, os.getpid()), daemon=True
    )
    process.start()
    theirs.close()  # so that its end is seen, as no later worker has it either
    return _Worker(process, ours)


def _collected(workers: Sequence[_Worker], waiting: list[Task]) -> Generator[Answer, None, None]:
    """Hand out tasks, the last of `waiting` first, and yield what comes back."""
    busy: dict[Connection, _Worker] = {}
    for worker in workers:
        worker.connection.send(waiting.pop())
        busy[worker.connection] = worker
    while busy:
        for ready in wait(list(busy)):
            assert isinstance(ready, Connection)
            worker = busy.pop(ready)
            try:
                answer = ready.recv()
            except (EOFError, ConnectionError):
                worker.process.join()
                raise ParticipantFailed(
                    "sweep",
                    f"a worker was ended by signal {-(worker.process.exitcode or 0)}, perhaps as memory ran out; "
                    "the same command goes on from here, try it with --jobs 1",
                ) from None
            if isinstance(answer, Exception):
                raise answer
            if waiting:
                ready.send(waiting.pop())
                busy[ready] = worker
            yield answer


def _work(question: Question, connection: Connection, other: Connection, maker: int) -> None:
    """Answer tasks until there are no more; what the command does on Ctrl-C is not for this process."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    signal.signal(signal.SIGTERM, signal.SIG_DFL)
    deathsig.tie_to(maker)
    other.close()
    variants = Variants(question)
    while True:
        try:
            task = connection.recv()
        except EOFError:
            return
        try:
            connection.send(Answer(task.number, variants.rows(task.points)))
        except Exception as error:  # noqa: BLE001 - it is raised where the answer is wanted
            connection.send(error)
