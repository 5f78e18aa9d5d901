"""The pytest plugin: fixtures `sim_run` and `scenario_run`, marker `scenario`, options ``--sim-*``."""

from __future__ import annotations

import re
from collections.abc import Generator, Iterator
from functools import partial
from pathlib import Path
from typing import Any

import pytest

from sim.testing.artefacts import Artefacts
from sim.testing.launch import LOG, DidNotRun, Request, launch, make_request
from sim.testing.run import SimRun, short
from sim.testing.variants import name_of, variants

_ARTEFACTS = pytest.StashKey[Artefacts]()
_SHARED = pytest.StashKey[dict[tuple[Path, Request], tuple[SimRun, str]]]()
"""By the folder of the tests, to which paths of baselines are relative, and what they ask for."""
_USED = pytest.StashKey[list[SimRun]]()
_FRUITLESS = pytest.StashKey[list[Path]]()
_BEGAN = "edgesim_began"
"""What a worker of pytest-xdist is told by: when the session began."""


def pytest_addoption(parser: pytest.Parser) -> None:
    """Add the options."""
    group = parser.getgroup("edgesim", "scenarios")
    group.addoption("--sim-out", metavar="DIR", help="where runs of failed tests are kept [sim-runs]")
    group.addoption("--sim-keep-runs", action="store_true", help="keep the runs of tests that pass, too")
    group.addoption("--sim-update-baselines", action="store_true", help="write baselines, do not compare with them")
    parser.addini("sim_out", "where runs of failed tests are kept, relative to the root", default="sim-runs")
    parser.addini("sim_keep_runs", "keep the runs of tests that pass, too", type="bool", default=False)
    parser.addini("sim_timeout", "wall seconds that one run may take", default="600")


def pytest_configure(config: pytest.Config) -> None:
    """Make the marker known."""
    config.addinivalue_line(
        "markers",
        "scenario(file, *, seed=None, duration=None, set={}): run a scenario for the fixture scenario_run; a list as a "
        "value makes a variant of the test for each of its entries",
    )
    out = config.rootpath / (config.getoption("--sim-out") or config.getini("sim_out"))
    keep_all = bool(config.getoption("--sim-keep-runs") or config.getini("sim_keep_runs"))
    config.stash[_ARTEFACTS] = Artefacts(out, keep_all, getattr(config, "workerinput", {}).get(_BEGAN))
    config.stash[_SHARED] = {}
    patience = str(config.getini("sim_timeout"))
    if not re.fullmatch(r"[0-9]*\.?[0-9]+", patience) or not float(patience):
        raise pytest.UsageError(f"sim_timeout = {patience}: is no time; write wall seconds, such as 600")


@pytest.hookimpl(optionalhook=True)
def pytest_configure_node(node: Any) -> None:
    """Tell a worker of pytest-xdist when the session began."""
    node.workerinput[_BEGAN] = node.config.stash[_ARTEFACTS].began


def pytest_generate_tests(metafunc: pytest.Metafunc) -> None:
    """Make a variant of a test for each run that its markers ask for."""
    if "scenario_run" not in metafunc.fixturenames:
        return
    test = metafunc.definition
    search = partial(_find, test.path.parent, metafunc.config.rootpath)
    try:
        found = [each for marker in test.iter_markers("scenario") for each in variants(marker, search)]
    except pytest.UsageError as error:
        pytest.fail(f"{test.nodeid}: {error}", pytrace=False)
    if not found:
        pytest.fail(f"{test.nodeid}: scenario_run needs @pytest.mark.scenario('file.yaml')", pytrace=False)
    metafunc.parametrize("scenario_run", found, indirect=True, ids=[name_of(each) for each in found])


class Runner:
    """Runs scenarios for one test: call it.

    Parameters:
        test: for which.
        temporary: makes folders.
    """

    def __init__(self, test: pytest.Item, temporary: pytest.TempPathFactory) -> None:
        self._test = test
        self._temporary = temporary
        self.runs: list[SimRun] = []

    def __call__(
        self, scenario: str | Path, *, seed: int | None = None, duration: str | None = None, **overrides: object
    ) -> SimRun:
        """Run a scenario and return what came of it, passed or not.

        Parameters:
            scenario: the file; a relative path is looked for beside the test's file, then in pytest's root.
            seed: replaces its seed.
            duration: replaces its duration, as text with a unit.
            overrides: further ones by dotted key: ``**{"partitions.vision.speed": "500 MIPS"}``.

        Raises:
            DidNotRun: it came to no result: a mistake in the scenario, or something is missing on this computer.
        """
        __tracebackhide__ = True
        file = _find(self._test.path.parent, self._test.config.rootpath, scenario)
        return self.run(make_request(file, {"seed": seed, "time.duration": duration, **overrides}))

    def run(self, wanted: Request) -> SimRun:
        """Run a request; errors as of a call."""
        __tracebackhide__ = True
        config = self._test.config
        folder = self._temporary.mktemp("sim")
        try:
            result = launch(wanted, folder, float(config.getini("sim_timeout")))
        except DidNotRun:
            self._test.stash.setdefault(_FRUITLESS, []).append(folder)
            raise
        update = bool(config.getoption("--sim-update-baselines"))
        run = SimRun(wanted, result, folder, self._test.path.parent, update)
        self.runs.append(run)
        _use(self._test, run)
        return run


@pytest.fixture
def sim_run(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Runner]:
    """Run a scenario: ``run = sim_run("file.yaml", seed=3, **{"time.duration": "1s"})``; docs/ci.md has the rest."""
    runner = Runner(request.node, tmp_path_factory)
    yield runner
    for run in runner.runs:
        request.config.stash[_ARTEFACTS].close(run, request.node.nodeid)


@pytest.fixture
def scenario_run(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> SimRun:
    """The run that the marker `scenario` asks for. Tests that ask for the same run share it: it would be the same."""
    __tracebackhide__ = True
    shared = request.config.stash[_SHARED]
    wanted: Request = request.param
    key = request.node.path.parent, wanted
    if key in shared:
        _use(request.node, shared[key][0])
    else:
        shared[key] = Runner(request.node, tmp_path_factory).run(wanted), request.node.nodeid
    return shared[key][0]


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(
    item: pytest.Item, call: pytest.CallInfo[None]
) -> Generator[None, pytest.TestReport, pytest.TestReport]:
    """Keep the runs of a test that fails, and tell in its report what they did and where they are."""
    report = yield
    if report.failed:
        for run in item.stash.get(_USED, []):
            item.config.stash[_ARTEFACTS].keep(run, item.nodeid)
            report.sections.append((f"run of {run.request.scenario.name}", run.story(str(report.longrepr))))
            if call.when == "call":
                item.user_properties.append(("sim.folder", str(run.folder)))
        _keep_fruitless(item, report)
    return report


def _keep_fruitless(item: pytest.Item, report: pytest.TestReport) -> None:
    """Keep what runs left that came to no result, if they had begun, and tell where it is."""
    begun = [each for each in item.stash.get(_FRUITLESS, []) if {file.name for file in each.iterdir()} > {LOG}]
    for folder in begun:
        place = item.config.stash[_ARTEFACTS].keep_folder(folder, item.nodeid)
        kept = ", ".join(sorted(file.name for file in place.iterdir() if not file.name.startswith(".")))
        report.sections.append(("run without a result", f"artefacts: {short(place)}\n  {kept}"))
    item.stash[_FRUITLESS] = []


def pytest_sessionfinish(session: pytest.Session) -> None:
    """Remove the runs that tests shared, unless they are kept."""
    for run, test in session.config.stash[_SHARED].values():
        session.config.stash[_ARTEFACTS].close(run, test)


def _use(test: pytest.Item, run: SimRun) -> None:
    """Note that a test looks at a run, for its report and for JUnit."""
    test.stash.setdefault(_USED, []).append(run)
    test.user_properties.append(("sim.command", run.request.command))
    test.user_properties.append(("sim.digest", run.digest))


def _find(beside: Path, root: Path, scenario: str | Path) -> Path:
    """Return the file of a scenario, relative to the current folder where it lies in it."""
    places = [beside / scenario, root / scenario]
    file = next((place for place in places if place.is_file()), places[0])
    return short(file)
