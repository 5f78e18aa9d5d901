"""Where tensors stand in the arena: those that are not needed at the same time share memory."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

from guests.mcu.nn.lowering.step import Step
from guests.mcu.nn.model import Model

ALIGNMENT = 16
"""Of every tensor, in bytes: one Helium vector; also nn.h."""

_ROUNDS = 32


@dataclass(frozen=True)
class Block:
    """A piece of the arena.

    Attributes:
        name: of the tensors that stand in it, or ``scratch``.
        tensors: their numbers; several where a change of shape makes one the other.
        bytes: size.
        first, last: layers from and to which it is needed; -1 is before the first.
        offset: from the start of the arena, in bytes.
    """

    name: str
    tensors: tuple[int, ...]
    bytes: int
    first: int
    last: int
    offset: int = 0

    @property
    def end(self) -> int:
        """First byte behind it."""
        return self.offset + self.bytes

    def alive(self, layer: int) -> bool:
        """Tell whether it is needed while a layer runs."""
        return self.first <= layer <= self.last

    def overlaps(self, other: Block) -> bool:
        """Tell whether both are needed at some time."""
        return self.first <= other.last and other.first <= self.last


@dataclass(frozen=True)
class Arena:
    """A plan.

    Attributes:
        blocks: every piece, in the order in which they are needed.
        bytes: size of the arena.
    """

    blocks: tuple[Block, ...]
    bytes: int

    @property
    def offsets(self) -> Mapping[int, int]:
        """Where each tensor stands, by its number."""
        return {tensor: block.offset for block in self.blocks for tensor in block.tensors}

    def scratch(self, layer: int) -> int:
        """Return where the scratch memory of a layer stands; 0 if it has none."""
        return next((block.offset for block in self.blocks if not block.tensors and block.first == layer), 0)

    def live_bytes(self, layer: int) -> int:
        """Return how much of the arena is needed while a layer runs."""
        return sum(block.bytes for block in self.blocks if block.alive(layer))


def plan(model: Model, steps: Sequence[Step]) -> Arena:
    """Place every tensor: the largest first, each at the lowest offset that is free for as long as it is needed.

    Then whatever stands at the very end is placed first and all others anew, several times; the smallest arena counts.

    Parameters:
        model: with its inputs, which are there from the start, and its outputs, which stay.
        steps: its layers.
    """
    order = sorted(_blocks(model, steps), key=lambda block: (-block.bytes, block.first))
    best = _place(order)
    for _ in range(_ROUNDS):
        placed = _place(order)
        if placed.bytes < best.bytes:
            best = placed
        highest = max(range(len(order)), key=lambda index: placed.blocks[index].end)
        order = [order[highest], *order[:highest], *order[highest + 1 :]]
    return Arena(tuple(sorted(best.blocks, key=lambda block: (block.first, block.offset))), best.bytes)


def _place(order: Sequence[Block]) -> Arena:
    """Return the blocks in their order, each at the lowest offset that the earlier ones leave free."""
    placed: list[Block] = []
    for block in order:
        offset = 0
        for other in sorted((each for each in placed if each.overlaps(block)), key=lambda each: each.offset):
            if offset + block.bytes <= other.offset:
                break
            offset = max(offset, -(-other.end // ALIGNMENT) * ALIGNMENT)
        placed.append(replace(block, offset=offset))
    return Arena(tuple(placed), max(block.end for block in placed))


@dataclass
class _Life:
    name: str
    tensors: list[int]
    bytes: int
    first: int
    last: int


def _blocks(model: Model, steps: Sequence[Step]) -> list[Block]:
    lives: dict[int, _Life] = {t.index: _Life(t.name, [t.index], t.bytes, -1, -1) for t in model.inputs}
    scratch = []
    for layer, step in enumerate(steps):
        for tensor in step.reads:
            lives[tensor.index].last = layer
        if step.scratch_bytes:
            scratch.append(Block("scratch", (), step.scratch_bytes, layer, layer))
        output = step.operator.output
        if step.kernel is None:
            life = lives[step.reads[0].index]
            life.tensors.append(output.index)
        else:
            life = _Life(output.name, [output.index], output.bytes, layer, layer)
        lives[output.index] = life
    for tensor in model.outputs:
        lives[tensor.index].last = len(steps)
    unique = {id(life): life for life in lives.values()}.values()
    return scratch + [Block(each.name, tuple(each.tensors), each.bytes, each.first, each.last) for each in unique]
