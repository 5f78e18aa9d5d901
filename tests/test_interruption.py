"""Ctrl-C that meets a command where Python drops exceptions."""

from __future__ import annotations

import subprocess
import sys

PROGRAM = """
import os, signal, time, weakref
from sim.interruption import Interruption

class Thing:
    pass

def interrupt(reference):
    os.kill(os.getpid(), signal.SIGINT)
    time.sleep(0)

interruption = Interruption()
interruption.watch()
BEGIN
thing = Thing()
reference = weakref.ref(thing, interrupt)
del thing
print("dropped", interruption.asked, flush=True)
try:
    time.sleep(60)
except KeyboardInterrupt:
    time.sleep(0.5)  # cleaning up is not disturbed
    interruption.over()
    print("ended")
time.sleep(0.5)
"""


def ended(begin: str) -> tuple[int, str]:
    """Return exit code and output of a program that is interrupted within a callback of a weak reference."""
    line = [sys.executable, "-c", PROGRAM.replace("BEGIN", begin)]
    done = subprocess.run(line, capture_output=True, text=True, timeout=50)
    assert not done.stderr
    return done.returncode, done.stdout


def test_one_that_is_dropped_comes_again() -> None:
    assert ended("interruption.begin()") == (0, "dropped True\nended\n")


def test_before_a_command_begins_it_ends_the_process() -> None:
    assert ended("") == (-2, "")
