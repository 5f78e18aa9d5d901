"""The folder that a user copies: its tests pass, its jobs are complete, its document is true."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
import textwrap
from pathlib import Path

import pytest
import yaml

from sim.baseline import open_recorded
from tests.e2e.simulator import PATIENCE_S, ROOT, command

EXAMPLE = ROOT / "examples" / "ci"
PACKAGES = {"gcc", "libc6-dev", "python3-venv", "qemu-system-x86", "mmdebstrap", "erofs-utils"}


@pytest.mark.slow
@pytest.mark.guest
def test_its_tests_pass_and_find_what_somebody_changes(tmp_path: Path) -> None:
    own = tmp_path / "own"
    shutil.copytree(EXAMPLE, own, ignore=shutil.ignore_patterns("sim-runs", "__pycache__", ".pytest_cache"))
    assert "6 passed" in session(own)
    assert not (own / "sim-runs").exists()

    slow = (
        (own / "focus.py")
        .read_text()
        .replace("        return", "        [abs(int(x)) for x in frame.ravel()]\n        return")
    )
    (own / "focus.py").write_text(slow)
    told = session(own, "-k", "in_time or nothing")
    assert "2 failed" in told
    assert "- expected: channels.ratings.age_us.p99 <= 5ms" in told
    assert "+ seen:     channels.ratings.age_us.p99 is " in told
    assert "is not the same as tests/focus.baseline" in told
    assert "partitions.vision.services.focus.duration_us.p50" in told
    kept = sorted(path.name for path in (own / "sim-runs").iterdir())
    assert kept == [f"test_focus.py-test_{name}" for name in ("every_picture_is_rated_in_time", "nothing_has_changed")]

    (own / "focus.py").write_text(changed((EXAMPLE / "focus.py").read_text()))
    told = session(own, "-k", "in_time or nothing")
    assert "1 failed, 1 passed" in told, "all expectations still hold"
    assert "is not the same as tests/focus.baseline" in told
    assert re.search(r"ratings +50 +50", told), "every rating is another one, whatever image the guest has"


def changed(service: str) -> str:
    """Return the service as the document changes it."""
    (code,) = re.findall(r"```python\n(levels = .*?)```", (EXAMPLE / "README.md").read_text(), re.S)
    indented = textwrap.indent(code, " " * 8)
    return re.sub(r"^ +sharpness = .*\n", lambda _: indented, service, count=1, flags=re.M)


def session(folder: Path, *arguments: str) -> str:
    """Return what pytest says in a folder."""
    line = [sys.executable, "-m", "pytest", "-p", "no:cacheprovider", *arguments]
    environment = {name: value for name, value in os.environ.items() if not name.startswith("PYTEST")}
    done = subprocess.run(line, cwd=folder, capture_output=True, text=True, timeout=2 * PATIENCE_S, env=environment)
    return done.stdout + done.stderr


def test_its_scenario_is_sound() -> None:
    assert command("check", EXAMPLE / "focus.yaml").code == 0


def test_its_baseline_is_small_and_whole() -> None:
    baseline = EXAMPLE / "tests" / "focus.baseline"
    assert baseline.stat().st_size < 20_000
    kept = open_recorded(baseline)
    assert kept.result["passed"] and kept.result["scenario"] == "focus"
    assert sum(1 for _ in kept.open()) > 200


@pytest.mark.parametrize("name", [".github/workflows/scenarios.yml", ".gitlab-ci.yml"])
def test_its_jobs_install_what_the_setup_installs(name: str) -> None:
    text = (EXAMPLE / name).read_text()
    assert set(re.findall(r"[\w-]+", text)) >= PACKAGES
    assert set(re.findall(r"[\w-]+", (ROOT / "setup.sh").read_text())) >= PACKAGES
    for word in ("sim-runs/", "junit.xml", ".cache/edgesim", "--junit-xml"):
        assert word in text


def test_its_jobs_keep_the_cache_and_what_failed() -> None:
    github = yaml.safe_load((EXAMPLE / ".github/workflows/scenarios.yml").read_text())
    (job,) = github["jobs"].values()
    by_action = {step["uses"].split("@")[0]: step for step in job["steps"] if "uses" in step}
    assert by_action["actions/cache"]["with"]["path"] == "~/.cache/edgesim"
    assert by_action["actions/upload-artifact"]["if"] == "failure()"
    gitlab = yaml.safe_load((EXAMPLE / ".gitlab-ci.yml").read_text())
    assert gitlab["scenarios"]["cache"]["paths"] == [".cache/edgesim"]
    assert gitlab["variables"]["XDG_CACHE_HOME"] == "$CI_PROJECT_DIR/.cache"
    assert gitlab["scenarios"]["artifacts"]["reports"] == {"junit": "junit.xml"}


def test_its_document_names_what_is_there() -> None:
    text = (EXAMPLE / "README.md").read_text()
    for path in re.findall(r"^\| `([^|]+)` \|", text, re.M):
        for each in path.replace("`", "").split(", "):
            assert (EXAMPLE / each).exists(), each
    assert (EXAMPLE / "../../docs/ci.md").exists() and "(../../docs/ci.md)" in text
