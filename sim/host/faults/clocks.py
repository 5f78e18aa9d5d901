"""Faults of clocks."""

from __future__ import annotations

from functools import partial

from machines.mcu.node import McuNode
from sim.host.faults.strike import Momentary, Scene
from sim.scenario.faults import Fault


class ClockJump(Momentary):
    """The clock that a partition stamps its tensors by jumps; it never shows a time before 0."""

    def __init__(self, fault: Fault, scene: Scene) -> None:
        assert fault.by_ns is not None, "the scenario was checked"
        self._name, self._by_ns = fault.target, fault.by_ns
        self._scene = scene
        self._life: object = None

    def begin(self, now_ns: int) -> str:
        """Set it."""
        node = self._life = self._scene.node(self._name)
        jumps = (each for each in self._scene.lasting[self._name] if isinstance(each, ClockJump))
        ahead_ns = sum(each._by_ns for each in jumps if each is not self and each._life is node)
        self._by_ns = max(self._by_ns, -(now_ns + ahead_ns))
        if isinstance(node, McuNode):
            self._scene.executive.reach(self._name, partial(node.jump, self._by_ns))
        else:
            self._scene.supervisor.tell(self._name, {"type": "jump", "by_ns": self._by_ns})
        return f"its clock jumps by {self._by_ns / 1e6:g} ms"
