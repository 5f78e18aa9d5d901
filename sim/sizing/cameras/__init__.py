"""A plan with another number of cameras: what an architect means by "one more camera".

Fewer: the last cameras go, and with them what only they feed, through required inputs and links: rings, services (those
that only sample are fed by what they sample), nodes without services, accelerators, sinks and links without inputs,
rings that nobody takes from any more, and paths through any of these.

More: the last camera is copied, and what it feeds is copied or shared:

- A service fed by this camera only, through required inputs and links, is repeated on its node, which executes both in
  turn. Its outputs are rings of their own. Of its sampled inputs it has those whose producers are copied too; of a
  required input from elsewhere its producer sends into a further ring.
- A service fed by several cameras is shared: it has a further input for each ring that comes to it, and where that is
  a required one, its calls take as much longer as it has more cameras: n / (n - 1) times. Where it has outputs that
  are numbered as these inputs are (`frames_0`, ... and `views_0`, ...), it makes one of each, and has one more.
- Sinks and accelerators are shared and have a further input; links have a further lane; results of an accelerator go
  where they went.
- A path from the camera has a copy from the copy.

Names count on: `front_camera`, `front_camera_2`; `frames_12@left`, `frames_13@left`. A copied ring stays part of its
channel. A copy is in step with its original and draws its jitter by the next seed. Calls of services that are shared
change by the same rule when cameras go.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from sim.sizing.cameras.draft import Draft
from sim.sizing.cameras.fewer import remove_last
from sim.sizing.cameras.more import copy_last
from sim.sizing.errors import SizingError
from sim.sizing.plan import Plan

MAX_CAMERAS = 256
"""Most that a variant may have: far above any vehicle, low enough that a typing error does not take all memory."""


@dataclass(frozen=True, slots=True)
class Variant:
    """A plan and where its parts come from.

    Attributes:
        plan: with the wanted number of cameras.
        rings, paths: the original of each copy, by the copy's name.
    """

    plan: Plan
    rings: Mapping[str, str]
    paths: Mapping[str, str]


def count_cameras(plan: Plan) -> int:
    """Return how many cameras a plan has."""
    return len(Draft(plan).cameras)


def with_cameras(plan: Plan, n: int) -> Plan:
    """Return a plan with `n` cameras; see the description of this module.

    Parameters:
        plan: has a camera at least.
        n: from 1 to `MAX_CAMERAS`.

    Raises:
        SizingError: the plan has no camera, or `n` is out of range.
    """
    return vary(plan, n).plan


def vary(plan: Plan, n: int) -> Variant:
    """Return a plan with `n` cameras and where its parts come from; parameters and errors as of `with_cameras`."""
    if not 1 <= n <= MAX_CAMERAS:
        raise SizingError(f"cameras: {n} is out of range; from 1 to {MAX_CAMERAS}")
    draft = Draft(plan)
    present = len(draft.cameras)
    if not present:
        raise SizingError("cameras: the scenario has no device of kind camera; leave this out")
    if n == present:
        return Variant(plan, {}, {})
    for _ in range(present - n):
        remove_last(draft)
    for _ in range(n - present):
        copy_last(draft)
    return Variant(draft.plan(), draft.ring_origins, draft.path_origins)
