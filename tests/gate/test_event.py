"""Events in words."""

from __future__ import annotations

import pytest

from sim.baseline.event import KINDS, milliseconds, parse

TENSOR = "18000000 tensor frames 17 17196654 3 0 float32 16x6 63a5cb9f37fc2e13ec1b720d68dbb02b\n"


def test_a_tensor_is_told_with_its_producer() -> None:
    said = parse(TENSOR).say({"frames": "camera.frame"})
    assert said == (
        "tensor 17 of channel frames published at 17.196654 ms by camera.frame, float32 16x6, hash 63a5cb9f37fc2e13"
    )


@pytest.mark.parametrize("kind", KINDS)
def test_every_kind_has_words_for_all_its_facts(kind: str) -> None:
    known = KINDS[kind]
    facts = [str(number) if name.endswith("_ns") else f"<{name}>" for number, name in enumerate(known.fields)]
    event = parse(f"5 {kind} {' '.join(facts)}\n")
    assert list(event.fields) == list(known.fields)
    said = event.say({})
    for name in known.fields[: known.identity]:
        assert f"<{name}>" in said
    assert "{" not in said


@pytest.mark.parametrize("line", ["7 weather vision rain\n", "7 flood gate open wide\n", "7 tensor frames\n"])
def test_an_unknown_or_short_event_is_shown_as_it_is(line: str) -> None:
    event = parse(line)
    assert event.say({}) == line.split(" ", 1)[1].strip()
    assert event.identity[:2] == tuple(line.split()[1:3])


def test_facts_that_differ_are_named() -> None:
    other = parse(TENSOR.replace("63a5", "0000").replace("18000000 ", "19000000 "))
    differing = parse(TENSOR).differing(other)
    assert differing["hash"] == ("63a5cb9f37fc2e13", "0000cb9f37fc2e13")
    assert differing["seen at"] == ("18 ms", "19 ms")
    assert differing.keys() == {"hash", "seen at"}


@pytest.mark.parametrize(
    ("t_ns", "said"), [(0, "0 ms"), (566_600_000, "566.6 ms"), (1, "0.000001 ms"), (-2_500_000, "-2.5 ms")]
)
def test_times_are_exact(t_ns: int, said: str) -> None:
    assert milliseconds(t_ns) == said


@pytest.mark.parametrize("line", ["", "\n", "doorbell frames\n", "-5 doorbell frames\n", "12\n", "1.5 tensor\n"])
def test_what_is_no_event_is_refused(line: str) -> None:
    with pytest.raises(ValueError, match="no event"):
        parse(line)
