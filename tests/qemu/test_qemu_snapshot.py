"""The cache of snapshots: whole ones only, one builder at a time, and nothing left of those that were killed."""

from __future__ import annotations

import json
import multiprocessing
import signal
import time
from multiprocessing.synchronize import Event
from pathlib import Path

import pytest

from machines.qemu import snapshot

DIGEST, OTHER = "a" * 64, "b" * 64
SPAWN = multiprocessing.get_context("spawn")


@pytest.fixture(autouse=True)
def cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """An empty cache; processes that a test starts have it too."""
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    return snapshot.folder()


def make(digest: str, content: bytes = b"state") -> snapshot.Snapshot:
    with snapshot.building(digest) as partial:
        partial.write_bytes(content)
        return snapshot.publish(partial, digest, 1.25)


def test_what_was_published_is_found() -> None:
    assert snapshot.find(DIGEST) is None
    made = make(DIGEST)
    found = snapshot.find(DIGEST)
    assert found == made
    assert found is not None
    assert (found.state.read_bytes(), found.boot_s) == (b"state", 1.25)
    assert snapshot.find(OTHER) is None


def test_a_second_one_takes_the_place_of_the_first() -> None:
    make(DIGEST)
    make(DIGEST, b"another state")
    found = snapshot.find(DIGEST)
    assert found is not None and found.state.read_bytes() == b"another state"


@pytest.mark.parametrize(
    "facts", [b"", b"{", b"null", b"[]", b'{"bytes": 5}', b'{"bytes": 4, "boot_s": 1}', b'{"bytes": "5"}', b"\xff"]
)
def test_facts_that_do_not_fit_are_no_snapshot(cache: Path, facts: bytes) -> None:
    make(DIGEST)
    (cache / f"{DIGEST}.json").write_bytes(facts)
    assert snapshot.find(DIGEST) is None


def test_a_state_that_was_cut_off_or_is_gone_is_no_snapshot(cache: Path) -> None:
    state = make(DIGEST).state
    state.write_bytes(b"stat")
    assert snapshot.find(DIGEST) is None
    state.unlink()
    assert snapshot.find(DIGEST) is None


def test_what_was_not_published_is_gone(cache: Path) -> None:
    with snapshot.building(DIGEST) as partial:
        partial.write_bytes(b"half")
    assert snapshot.find(DIGEST) is None
    assert not list(cache.glob("*.partial"))
    with pytest.raises(ZeroDivisionError), snapshot.building(DIGEST):
        raise ZeroDivisionError
    assert not list(cache.glob("*.partial"))


def _build(digest: str, begun: Event, go_on: Event) -> None:
    """Build a snapshot in another process, slowly."""
    with snapshot.building(digest) as partial:
        partial.write_bytes(b"half")
        begun.set()
        go_on.wait(30)
        partial.write_bytes(b"whole")
        snapshot.publish(partial, digest, 2.0)


class Builder:
    """Another process that is in the middle of a snapshot."""

    def __init__(self, digest: str) -> None:
        begun, self.go_on = SPAWN.Event(), SPAWN.Event()
        self.process = SPAWN.Process(target=_build, args=(digest, begun, self.go_on))
        self.process.start()
        assert begun.wait(30)


def test_nobody_builds_what_another_builds() -> None:
    builder = Builder(DIGEST)
    with snapshot.building(OTHER):  # another machine is no matter
        pass
    began = time.monotonic()
    builder.process.join(0.3)
    assert builder.process.is_alive()
    builder.go_on.set()
    with snapshot.building(DIGEST):  # waits until the other has published
        found = snapshot.find(DIGEST)
    assert time.monotonic() - began >= 0.3
    assert found is not None and found.state.read_bytes() == b"whole"
    builder.process.join(30)


def test_a_killed_builder_leaves_nothing_that_is_used(cache: Path) -> None:
    builder = Builder(DIGEST)
    builder.process.kill()
    builder.process.join(30)
    assert builder.process.exitcode == -signal.SIGKILL
    assert len(list(cache.glob("*.partial"))) == 1
    assert snapshot.find(DIGEST) is None
    snapshot.sweep()
    assert not list(cache.glob("*.partial"))
    assert make(DIGEST).state.exists()  # the kernel has released its lock


def test_a_sweep_leaves_alone_what_is_under_way_or_whole(cache: Path) -> None:
    made = make(OTHER)
    builder = Builder(DIGEST)
    snapshot.sweep()
    assert len(list(cache.glob("*.partial"))) == 1
    builder.go_on.set()
    builder.process.join(30)
    assert builder.process.exitcode == 0
    snapshot.sweep()
    for digest in (DIGEST, OTHER):
        assert snapshot.find(digest) is not None
    assert made.state.exists()


def test_a_reader_never_sees_facts_of_another_state(cache: Path) -> None:
    """Whoever looks between the two files of a snapshot that is replaced sees no snapshot or a whole one."""
    make(DIGEST)
    facts = json.loads((cache / f"{DIGEST}.json").read_text())
    (cache / f"{DIGEST}.state").write_bytes(b"a longer state")  # as publish() does first
    assert snapshot.find(DIGEST) is None
    (cache / f"{DIGEST}.json").write_text(json.dumps({**facts, "bytes": 14}))
    assert snapshot.find(DIGEST) is not None
