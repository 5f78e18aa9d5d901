"""Headroom: how far a system can go in each direction until no depths meet the target any more, and what breaks then.

Along one direction it is assumed that what fails at one step fails at every later one, and nothing else: steps are
doubled until one fails, and the first that fails is found by bisection. Whether a step holds is never computed from
another one. A step holds when depths were found with which the simulated plan meets the target; it fails when

- somebody would need more time than it has while tensors are dropped before it that must not be: one simulation with
  the proposed depths shows that, and no ring is deep enough for ever; or
- with the deepest rings that are tried one fills up without end before somebody who is always busy, and the proposed
  depths drop; or
- none are found in a bounded search (`sim.sizing.search`), which need not have tried every setting; or
- the rings with all found depths do not fit the machine's memory.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace

from sim.sizing.model.outcome import Outcome
from sim.sizing.plan import Plan, Sensor
from sim.sizing.search import TargetOutOfReach, root_of, search
from sim.sizing.search.depths import Depths, Simulate, Trial, Trials, depths_of, limits_of, refusing, with_depths
from sim.sizing.search.horizon import growing, lasting
from sim.sizing.sensitivity import breaks
from sim.sizing.sensitivity.bottleneck import Load, Shares, busiest, shares_of
from sim.sizing.sensitivity.directions import Direction, HeadroomUnit, directions
from sim.sizing.target import Target
from sim.sizing.target.requirement import in_words


@dataclass(frozen=True, slots=True)
class Headroom:
    """How far a system can go in one direction until no depths meet the target any more.

    Attributes:
        subject: what changes: `cameras`, `all services`, `perception.detector`, `front_camera`.
        unit: of the three values.
        present: value of the system as it is; 1 where the unit is `times`.
        holds: greatest value at which depths that meet the target were found.
        fails: next value tried, at which none were; None: it holds as far as was tried.
        breaks: what is missed then, in words; empty where nothing is.
        bottleneck: who then needs most of the time that it has, in words; empty where nothing breaks.
        busy: how much of that it needs; from about 1 on it is why the target is missed.
        depths: with which the target is met at `holds`, by channel.
        extra_bytes: that these take more than the proposal.
    """

    subject: str
    unit: HeadroomUnit
    present: float
    holds: float
    fails: float | None
    breaks: str
    bottleneck: str
    busy: float
    depths: Mapping[str, int]
    extra_bytes: int

    @property
    def factor(self) -> float:
        """How many times the present value holds."""
        return self.holds / self.present


WORK = 25_000_000
"""What all steps without a search are to take together, in events of the engine (some 0.1 us each): 2.5 s."""

SEARCHES = 40_000_000
"""What all searches for depths may take together: 4 s. What a direction leaves, later ones have, and a step may take
half of what its direction has left."""

RING_WORK = 1000
"""What a ring takes in each simulation besides its events, measured: it is told to the engine and back."""

BOUNDARY_WORK = 100
"""Most that a boundary takes under a policy in Python: up to 10 us where it is asked at each (note 13)."""

TRIED = 12
"""Simulations that a direction is reckoned with: the steps that are tried, and longer ones near the end."""

SAMPLES = 200
"""Samples of each sensor in a simulation, if that is not much longer than the run: who is too slow by 5 % is then ten
tensors behind. In half a second of a camera nobody falls behind by more than one."""

LONGER = 16
"""How many times as long as the run that may be."""

IDLE = 0.95
"""Below this share of what it has, nobody is so busy that what waits before it could grow slowly without end."""

SATURATED, OVERLOADED = 0.98, 1.01
"""Shares from which on somebody counts as always busy, and as needing more than it has. What a schedule gives is known
to a hundredth (`sim.sizing.bounds.supply.Execution.share`)."""


LATER = 8
"""How many times as long a plan is simulated in which somebody is always busy: with `SAMPLES`, who is too slow by 0.2 %
is seen to fall behind."""


class _Spent(Exception):
    """As much has been simulated as a step may."""


@dataclass(frozen=True, slots=True)
class _Tried:
    """What came of a step; `trial` meets the target, or is what came nearest to it."""

    trial: Trial
    holds: bool
    load: Load | None
    breaks: str = ""


@dataclass(frozen=True, slots=True)
class Found:
    """How far each direction goes.

    Attributes:
        rows: what breaks first before all others.
        duration_ns: of the simulations; may be other than that of the run.
    """

    rows: tuple[Headroom, ...]
    duration_ns: int


def headrooms(proposed: Trial, target: Target, simulate: Simulate, room_bytes: int | None = None) -> Found:
    """Return how far each direction goes.

    Parameters:
        proposed: the proposal; where it misses the target, there is no headroom to tell of.
        target: of the question.
        simulate: the model.
        room_bytes: memory that all rings may take; None: no limit.
    """
    if not proposed.met:
        return Found((), proposed.plan.duration_ns)
    ways = list(directions(proposed.plan, target))
    plan = _fitted(proposed, target, simulate, len(ways))
    steps = _Steps(shares_of(plan), simulate, room_bytes)
    found = []
    for number, way in enumerate(directions(plan, target)):
        steps.begin(len(ways) - number)
        found.append(_headroom(way, steps, proposed))
    found.sort(key=lambda each: (each.fails is None, each.factor, (each.fails or 0) / each.present))
    return Found(tuple(found), plan.duration_ns)


def _fitted(proposed: Trial, target: Target, simulate: Simulate, ways: int) -> Plan:
    """Return the proposed plan for as long as shows who falls behind, and can be simulated for all directions."""
    plan = proposed.plan
    intervals = [each.interval_ns for each in plan.devices if isinstance(each, Sensor)]
    wanted_ns = min(max(plan.duration_ns, SAMPLES * max(intervals, default=0)), LONGER * plan.duration_ns)
    affordable = WORK // (max(ways, 1) * TRIED) - RING_WORK * len(plan.rings)
    work = max(_work(plan, proposed.outcome) - RING_WORK * len(plan.rings), 1)
    quanta = int(min(wanted_ns, plan.duration_ns * max(affordable, 0) // work) // plan.quantum_ns)
    fitted = replace(plan, duration_ns=max(quanta, 1) * plan.quantum_ns)
    return fitted if Trials(fitted, target, simulate).at({}).met else plan


def _work(plan: Plan, outcome: Outcome) -> int:
    boundaries = plan.duration_ns // plan.quantum_ns if plan.policy is not None else 0
    return outcome.events + RING_WORK * len(plan.rings) + BOUNDARY_WORK * boundaries


def _headroom(way: Direction, steps: _Steps, proposed: Trial) -> Headroom:
    last, first, found = _first_failing(way, steps)
    good, bad = found.get(last), found.get(first)
    load = bad.load if bad else None
    trial = good.trial if good else proposed
    return Headroom(
        way.subject,
        way.unit,
        present=way.amount(0),
        holds=way.amount(last),
        fails=way.amount(first) if bad else None,
        breaks=bad.breaks if bad else "",
        bottleneck=load.words if load else "",
        busy=load.ratio if load else 0.0,
        depths=trial.depths,
        extra_bytes=trial.plan.memory_bytes - proposed.plan.memory_bytes,
    )


def _first_failing(way: Direction, steps: _Steps) -> tuple[int, int, dict[int, _Tried]]:
    """Return the last step that holds, the first that fails (one beyond the last of all: none), and all tried."""
    found: dict[int, _Tried] = {}
    last, step, stride = 0, way.first, way.first
    while True:
        found[step] = steps.attempt(*way.at(step))
        if not found[step].holds:
            break
        last = step
        if step == way.most:
            return last, step + 1, found
        stride *= 2
        step = min(stride, way.most)
    while step - last > 1:
        middle = (last + step) // 2
        found[middle] = steps.attempt(*way.at(middle))
        last, step = (middle, step) if found[middle].holds else (last, middle)
    return last, step, found


class _Steps:
    """Tries steps; what each may simulate is bounded.

    Parameters:
        shares: of the nodes.
        simulate: the model.
        room_bytes: memory that all rings may take; None: no limit.
    """

    def __init__(self, shares: Shares, simulate: Simulate, room_bytes: int | None) -> None:
        self._shares, self._simulate, self._room_bytes = shares, simulate, room_bytes
        self._left, self._own = SEARCHES, 0

    def begin(self, directions: int) -> None:
        """Begin a direction.

        Parameters:
            directions: that are left, with this one.
        """
        self._own = self._left // directions

    def attempt(self, plan: Plan, target: Target) -> _Tried:
        """Return what comes of a step.

        Parameters:
            plan: at the step, with the proposed depths.
            target: for it.
        """
        kept = Trials(plan, target, self._simulate).at({})
        load = busiest(plan, kept.outcome, self._shares)
        if kept.met and (load is None or load.ratio < IDLE) and self._has_room(kept):
            return _Tried(kept, True, load)
        if _is_lost(kept, target, load, OVERLOADED):
            return _failed(kept, target, load)
        try:
            return self._sized_anew(kept, target)
        except _Spent:
            keeps_up = load is None or load.ratio < SATURATED
            holds = kept.met and keeps_up and self._has_room(kept)
            return _Tried(kept, True, load) if holds else _failed(kept, target, load)

    def _sized_anew(self, kept: Trial, target: Target) -> _Tried:
        """Return what comes of a step with other depths.

        Raises:
            _Spent: that is not known.
        """
        simulate, limits = self._bounded(kept), limits_of(kept.plan)
        deep = with_depths(kept.plan, limits)
        before, after = simulate(deep), simulate(replace(deep, duration_ns=2 * deep.duration_ns))
        load = busiest(deep, after, self._shares, before)
        is_busy = load is not None and load.ratio >= SATURATED
        if is_busy and not _overflows(deep, before, after):
            after = simulate(replace(deep, duration_ns=LATER * deep.duration_ns))
        if is_busy and _overflows(deep, before, after):
            there = self._later(kept, target, simulate) if kept.met else kept
            if _is_lost(there, target, load, SATURATED):
                return _failed(there, target, load)
        trials = Trials(lasting(kept.plan, limits, simulate), target, simulate)
        here = trials.at({})
        best = here if here.met and self._has_room(here) else _cheapest(trials, limits)
        if best is None:
            nearest = min(trials.all(), key=lambda trial: (max(trial.excess), trial.cost))
            return _failed(nearest, target, load)
        if not self._has_room(best):
            return _Tried(best, False, load, self._too_large(best))
        return _Tried(best, True, load)

    def _later(self, kept: Trial, target: Target, simulate: Simulate) -> Trial:
        """Return what comes of the same depths in a longer run."""
        longer = replace(kept.plan, duration_ns=LATER * kept.plan.duration_ns)
        return Trials(longer, target, simulate).at({})

    def _has_room(self, trial: Trial) -> bool:
        return self._room_bytes is None or trial.plan.memory_bytes <= self._room_bytes

    def _too_large(self, trial: Trial) -> str:
        need, room = in_words(trial.plan.memory_bytes, "bytes"), in_words(self._room_bytes or 0, "bytes")
        return f"rings take {need}, and {room} of the machine's memory are left for them"

    def _bounded(self, kept: Trial) -> Simulate:
        """Return a model that stops after what a step may take, and simulates nothing twice."""
        least, known = self._own // 2, {_key(kept.plan): kept.outcome}

        def simulate(plan: Plan) -> Outcome:
            key = _key(plan)
            if key not in known:
                if self._own <= least:
                    raise _Spent
                known[key] = self._simulate(plan)
                work = _work(plan, known[key])
                self._own, self._left = self._own - work, self._left - work
            return known[key]

        return simulate


def _overflows(deep: Plan, before: Outcome, after: Outcome) -> bool:
    """Tell whether a ring is full at the deepest depth that is tried, or will be."""
    return bool(growing(deep, before, after) or refusing(deep, after))


def _key(plan: Plan) -> tuple[int, tuple[int, ...]]:
    return plan.duration_ns, tuple(depths_of(plan).values())


def _failed(trial: Trial, target: Target, load: Load | None) -> _Tried:
    """Return that a step fails, and who it is that others wait for where nobody is always busy."""
    said = breaks(trial, target) or "no depths were found that last"
    if trial.refusing and (load is None or load.ratio < SATURATED) and _drops(trial, target):
        ring = root_of(trial)
        said = f"{said}, as '{ring.target}' does not take from '{ring.channel}' as fast as it fills"
    return _Tried(trial, False, load, said)


def _drops(trial: Trial, target: Target) -> bool:
    pairs = zip(target.requirements, trial.excess, strict=True)
    return any(excess and each.figure in ("drops", "stalls") for each, excess in pairs)


def _is_lost(kept: Trial, target: Target, load: Load | None, ratio: float) -> bool:
    """Tell whether tensors are dropped, though none must be, before somebody who needs so much of what it has."""
    if load is None or load.ratio < ratio:
        return False
    return any(
        excess and each.figure == "drops" and each.wants_less and each.limit < 1
        and (not each.channel or each.channel in load.inputs)
        for each, excess in zip(target.requirements, kept.excess, strict=True)
    )  # fmt: skip


def _cheapest(trials: Trials, limits: Depths) -> Trial | None:
    """Return the trial with the least memory that was found to meet the target; None where none does."""
    try:
        return search(trials, limits).trial
    except (TargetOutOfReach, _Spent):
        return min((each for each in trials.all() if each.met), key=lambda each: each.cost, default=None)
