"""The agent on the host: the same code as in a guest, its devices replaced by memfds and eventfds."""

from __future__ import annotations

import io
import json
import mmap
import multiprocessing
import os
import select
import signal
import textwrap
import time
import zipfile
import zlib
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from guests.linux.agent.agent import Agent
from virtio_shm import Consumer, Layout, Producer, TensorSpec, counter

from .machine import CONTROL_BYTES, HostControl, wait_for_event

CHANNELS = 6


class Wires:
    """Shared memory and eventfds between a test and an agent in a forked process."""

    def __init__(self) -> None:
        self.control = memoryview(mmap.mmap(-1, CONTROL_BYTES))
        self.regions = [memoryview(mmap.mmap(-1, 1 << 20)) for _ in range(CHANNELS)]
        self.events = [os.eventfd(0, os.EFD_NONBLOCK) for _ in range(1 + CHANNELS)]  # host to agent
        self.heard = [os.eventfd(0, os.EFD_NONBLOCK) for _ in range(1 + CHANNELS)]  # agent to host

    def ring(self, vector: int) -> None:
        """Ring the host, as the agent does."""
        os.eventfd_write(self.heard[vector], 1)

    def ring_agent(self, vector: int = 0) -> None:
        """Ring the agent, as the host does."""
        os.eventfd_write(self.events[vector], 1)


class Partition:
    """An agent with a payload, and the host's ends of its channels."""

    def __init__(self, folder: Path) -> None:
        self.wires = Wires()
        self.folder = folder
        self.channels: list[dict[str, Any]] = []
        self.services: list[dict[str, Any]] = []
        self.files: dict[str, bytes] = {}
        self.offset_ns = counter()
        self.early_ns = 0
        self.process = multiprocessing.get_context("fork").Process(target=self._agent)
        self.host = HostControl(self.wires.control, self.wires.ring_agent, lambda: wait_for_event(self.wires.heard[0]))

    def _agent(self) -> None:
        signal.alarm(60)
        Agent(self.wires, lambda index: self.wires.regions[index], self.folder / "payload").run()

    def channel(self, name: str, role: str, dtype: str, shape: tuple[int, ...], **more: Any) -> None:
        """Describe a channel."""
        described = {"name": name, "role": role, "index": len(self.channels), "dtype": dtype, "shape": shape}
        self.channels.append(described | {"depth": 4, "overflow": "block", "event_index": True} | more)

    def service(self, name: str, text: str, inputs: dict[str, str], outputs: dict[str, str], **settings: Any) -> None:
        """Add a service whose callable has the name `Service` or `service`; an output's channels are separated by |."""
        code = textwrap.dedent(text)
        self.files[f"services/{name}.py"] = f"from guests.service import Tensor\n{code}".encode()
        made = "Service" if "class Service" in code else "service"
        entry = {"name": name, "file": f"services/{name}.py", "callable": made, "settings": settings}
        channels = {port: names.split("|") for port, names in outputs.items()}
        self.services.append(entry | {"inputs": inputs, "outputs": channels})

    def start_agent(self) -> None:
        """Start the agent and hand over the payload."""
        self.process.start()
        self.host.connect()
        assert self.host.expect("hello")["versions"]["numpy"] == np.__version__
        archive = io.BytesIO()
        with zipfile.ZipFile(archive, "w") as file:
            manifest = {"partition": "test", "channels": self.channels, "services": self.services}
            file.writestr("manifest.json", json.dumps(manifest))
            for path, content in self.files.items():
                file.writestr(path, content)
        self.host.post_payload(archive.getvalue())

    def start(self) -> None:
        """Bring the services to run."""
        self.start_agent()
        self.host.expect("armed")
        self.host.post(json.dumps({"type": "start", "offset_ns": self.offset_ns}).encode())

    def _spec(self, index: int) -> TensorSpec:
        return TensorSpec(self.channels[index]["dtype"], tuple(self.channels[index]["shape"]))

    def producer(self, index: int) -> Sender:
        """Return the host's end of a channel that the agent consumes."""
        layout = Layout.for_tensor(self._spec(index), self.channels[index]["depth"])
        overflow = self.channels[index]["overflow"]
        end = Producer(self.wires.regions[index], layout, overflow=overflow, clock=self.clock)
        return Sender(self, index, end, self._spec(index))

    def consumer(self, index: int) -> Receiver:
        """Return the host's end of a channel that the agent produces into."""
        layout = Layout.for_tensor(self._spec(index), self.channels[index]["depth"])
        end = Consumer(self.wires.regions[index], layout, spec=self._spec(index), clock=self.clock)
        return Receiver(self, index, end)

    def clock(self) -> int:
        """Virtual time of the host's ends, in the counter's units."""
        return counter() - self.offset_ns + self.early_ns

    def close(self) -> None:
        """Kill the agent."""
        if self.process.is_alive():
            self.process.kill()
            self.process.join()
        for event in self.wires.events + self.wires.heard:
            os.close(event)


class Sender:
    """The host's end of a channel into the agent."""

    def __init__(self, partition: Partition, index: int, end: Producer, spec: TensorSpec) -> None:
        self._wires, self._vector, self.end, self._spec = partition.wires, 1 + index, end, spec
        self._settle()

    def _settle(self) -> bool:
        ready = self.end.poll_ready()
        if self.end.announce():
            self._wires.ring_agent(self._vector)
        return ready

    def connect(self) -> None:
        """Wait until the channel is up."""
        while not self._settle():
            wait_for_event(self._wires.heard[self._vector])

    def try_send(self, value: Any, **origin: int) -> bool:
        """Send a tensor filled with `value` if there is space."""
        slot = self.end.reserve(self._spec)
        if slot is None:
            return False
        slot[...] = value
        if self.end.commit(**origin):
            self._wires.ring_agent(self._vector)
        return True

    def send(self, value: Any, **origin: int) -> None:
        """Send a tensor filled with `value`, waiting for space."""
        while not self.try_send(value, **origin):
            wait_for_event(self._wires.heard[self._vector])

    def returned(self) -> int:
        """Return how many tensors came back."""
        if self.end.reserve(self._spec) is not None:
            self.end.cancel()
        return self.end.counters.popped


class Receiver:
    """The host's end of a channel out of the agent."""

    def __init__(self, partition: Partition, index: int, end: Consumer) -> None:
        self._wires, self._vector, self.end = partition.wires, 1 + index, end
        self.connected = self._settle()

    def _settle(self) -> bool:
        ready = self.end.poll_ready()
        if self.end.announce():
            self._wires.ring_agent(self._vector)
        return ready

    def connect(self) -> None:
        """Wait until the channel is up."""
        while not self._settle():
            wait_for_event(self._wires.heard[self._vector])

    def receive(self) -> tuple[np.ndarray[Any, Any], int, int]:
        """Return a copy of the next tensor, its origin's sequence and time, waiting for it."""
        while (frame := self.end.take()) is None:
            if self.end.due_ns is None:  # else: published after our clock was read, and due at once
                wait_for_event(self._wires.heard[self._vector])
        result = frame.array.copy(), frame.origin_sequence, frame.origin_ns
        if self.end.give_back(frame):
            self._wires.ring_agent(self._vector)
        return result


@pytest.fixture
def partition(tmp_path: Path) -> Iterator[Partition]:
    made = Partition(tmp_path)
    yield made
    made.close()


def connected(*ends: Sender | Receiver) -> None:
    for end in ends:
        end.connect()


ECHO = """
def service(value: Tensor["int32", 3]) -> Tensor["int32", 3]:
    return value
"""


def echo(partition: Partition, name: str = "echo", first: int = 0, text: str = ECHO, **more: Any) -> None:
    partition.channel(f"{name}_in", "consumer", "int32", (3,), **more)
    partition.channel(f"{name}_out", "producer", "int32", (3,), **more)
    partition.service(name, text, {"value": f"{name}_in"}, {"result": f"{name}_out"})


def test_echo_keeps_values_order_and_origin(partition: Partition) -> None:
    echo(partition)
    partition.start()
    sender, receiver = partition.producer(0), partition.consumer(1)
    connected(sender, receiver)
    for number in range(50):
        sender.send(number, origin_sequence=1000 + number, origin_ns=77 * number)
        value, sequence, time = receiver.receive()
        assert value.tolist() == [number] * 3
        assert (sequence, time) == (1000 + number, 77 * number)


def test_tensor_without_origin_is_its_own(partition: Partition) -> None:
    echo(partition)
    partition.start()
    sender, receiver = partition.producer(0), partition.consumer(1)
    connected(sender, receiver)
    before = partition.clock()
    for number in range(3):
        sender.send(number)
        _, sequence, time = receiver.receive()
        assert sequence == number
        assert before <= time <= partition.clock()


def test_full_output_blocks_and_nothing_is_lost(partition: Partition) -> None:
    echo(partition, depth=2)
    partition.start()
    sender, receiver = partition.producer(0), partition.consumer(1)
    connected(sender, receiver)
    sent = 0
    while sent < 6:  # two fill the output, the service holds one of the two that fill the input
        if sender.try_send(sent):
            sent += 1
        else:
            rung, _, _ = select.select([partition.wires.heard[1]], [], [], 0.3)
            if not rung:
                break
            os.eventfd_read(partition.wires.heard[1])
    assert sent == 4
    for number in range(sent):
        assert receiver.receive()[0][0] == number
    sender.send(99)
    assert receiver.receive()[0][0] == 99


def test_class_with_settings_and_a_file(partition: Partition) -> None:
    partition.channel("values", "consumer", "float32", (2,))
    partition.channel("scaled", "producer", "float32", (2,))
    text = """
    class Service:
        def __init__(self, table: str, offset: float = 0.0) -> None:
            self.factor = float(open(table).read())
            self.offset = offset
            self.calls = 0
        def __call__(self, value: Tensor["float32", 2]) -> Tensor["float32", 2]:
            self.calls += 1
            return value * self.factor + self.offset + self.calls
    """
    partition.files["files/table.txt"] = b"2.5"
    partition.service("scale", text, {"value": "values"}, {"result": "scaled"}, table="files/table.txt", offset=100.0)
    partition.start()
    sender, receiver = partition.producer(0), partition.consumer(1)
    connected(sender, receiver)
    sender.send(4)
    assert receiver.receive()[0].tolist() == [111.0, 111.0]
    sender.send(4)
    assert receiver.receive()[0].tolist() == [112.0, 112.0]


def test_several_outputs_none_sends_nothing(partition: Partition) -> None:
    partition.channel("numbers", "consumer", "int32", (1,))
    partition.channel("even", "producer", "int32", (1,))
    partition.channel("all", "producer", "int64", (2,))
    text = """
    from typing import NamedTuple
    import numpy as np
    class Outputs(NamedTuple):
        even: Tensor["int32", 1]
        unconnected: Tensor["int32", 1]
        all: Tensor["int64", 2]
    def service(value: Tensor["int32", 1]) -> Outputs:
        return Outputs(value if value[0] % 2 == 0 else None, value, np.array([value[0], -1]))
    """
    partition.service("split", text, {"value": "numbers"}, {"even": "even", "all": "all"})
    partition.start()
    sender, even, everything = partition.producer(0), partition.consumer(1), partition.consumer(2)
    connected(sender, even, everything)
    for number in range(6):
        sender.send(number)
        assert everything.receive()[0].tolist() == [number, -1]
    assert [even.receive()[0][0] for _ in range(3)] == [0, 2, 4]
    assert even.end.take() is None


def test_two_inputs_are_awaited_and_the_first_gives_the_origin(partition: Partition) -> None:
    partition.channel("left", "consumer", "int32", (1,))
    partition.channel("right", "consumer", "int32", (1,))
    partition.channel("sum", "producer", "int32", (1,))
    text = """
    def service(right: Tensor["int32", 1], left: Tensor["int32", 1]) -> Tensor["int32", 1]:
        return 10 * right + left
    """
    partition.service("add", text, {"left": "left", "right": "right"}, {"result": "sum"})
    partition.start()
    left, right, total = partition.producer(0), partition.producer(1), partition.consumer(2)
    connected(left, right, total)
    left.send(1, origin_sequence=5, origin_ns=5)
    left.send(2, origin_sequence=6, origin_ns=6)
    right.send(7, origin_sequence=8, origin_ns=9)
    value, sequence, time = total.receive()
    assert (value[0], sequence, time) == (71, 8, 9)
    assert total.end.take() is None
    right.send(3)
    assert total.receive()[0][0] == 32


def test_an_output_goes_to_all_its_channels(partition: Partition) -> None:
    """Each channel has its own policy: one that drops goes on while one that blocks holds the service."""
    partition.channel("in", "consumer", "int32", (3,), depth=8)
    partition.channel("kept", "producer", "int32", (3,), depth=2)
    partition.channel("live", "producer", "int32", (3,), depth=2, overflow="drop_oldest")
    partition.service("echo", ECHO, {"value": "in"}, {"result": "kept|live"})
    partition.start()
    sender, kept, live = partition.producer(0), partition.consumer(1), partition.consumer(2)
    connected(sender, kept, live)
    for number in range(5):
        sender.send(number, origin_sequence=number, origin_ns=number)
    for newest in (2, 3, 4):  # two lie in the channel that blocks, and the next one waits for room in it
        while live.receive()[1] != newest:
            pass
        assert live.end.take() is None
        value, sequence, _ = kept.receive()
        assert (value.tolist(), sequence) == ([newest - 2] * 3, newest - 2)
    assert [kept.receive()[1] for _ in range(2)] == [3, 4]


SAMPLING = """
calls = 0
def service(value: Tensor["int32", 1], extra: Tensor["int32", 1] | None = None) -> Tensor["int32", 3]:
    global calls
    calls += 1
    import numpy as np
    return np.array([value[0], -1 if extra is None else extra[0], calls], np.int32)
"""


def sampling(partition: Partition, connected: bool, **extra: Any) -> None:
    partition.channel("values", "consumer", "int32", (1,), depth=8)
    partition.channel("result", "producer", "int32", (3,), depth=8)
    inputs = {"value": "values"}
    if connected:
        partition.channel("extras", "consumer", "int32", (1,), **extra)
        inputs["extra"] = "extras"
    partition.service("sample", SAMPLING, inputs, {"result": "result"})
    partition.start()


def test_an_optional_input_may_stay_open(partition: Partition) -> None:
    sampling(partition, connected=False)
    sender, receiver = partition.producer(0), partition.consumer(1)
    connected(sender, receiver)
    for number in range(3):
        sender.send(number)
        assert receiver.receive()[0].tolist() == [number, -1, number + 1]


def test_an_optional_input_gives_the_newest_since_the_last_call(partition: Partition) -> None:
    sampling(partition, connected=True, depth=4)
    sender, receiver, extra = partition.producer(0), partition.consumer(1), partition.producer(2)
    connected(sender, receiver, extra)
    sender.send(1)
    assert receiver.receive()[0].tolist() == [1, -1, 1]
    for number in range(10, 40):  # far more than the channel holds: nobody waits for the service to be called
        extra.send(number, origin_sequence=5, origin_ns=5)
    wait_until(lambda: extra.returned() == 29)
    sender.send(2, origin_sequence=71, origin_ns=9)
    value, sequence, _ = receiver.receive()
    assert (value.tolist(), sequence) == ([2, 39, 2], 71)
    wait_until(lambda: extra.returned() == 30)
    sender.send(3)
    assert receiver.receive()[0].tolist() == [3, -1, 3]


def test_an_optional_input_alone_calls_nothing(partition: Partition) -> None:
    sampling(partition, connected=True)
    sender, receiver, extra = partition.producer(0), partition.consumer(1), partition.producer(2)
    connected(sender, receiver, extra)
    extra.send(5)
    extra.send(6)
    wait_until(lambda: extra.returned() == 1)
    assert receiver.end.take() is None
    sender.send(1)
    assert receiver.receive()[0].tolist() == [1, 6, 1]


def test_a_failing_service_gives_its_optional_tensor_back(partition: Partition) -> None:
    partition.channel("values", "consumer", "int32", (1,))
    partition.channel("extras", "consumer", "int32", (1,))
    text = """
    def service(value: Tensor["int32", 1], extra: Tensor["int32", 1] | None = None) -> None:
        raise ValueError(str(extra[0]))
    """
    partition.service("bad", text, {"value": "values", "extra": "extras"}, {})
    partition.start()
    sender, extra = partition.producer(0), partition.producer(1)
    connected(sender, extra)
    extra.send(7)
    sender.send(1)
    assert partition.host.expect("failed")["error"] == "ValueError: 7"
    wait_until(lambda: (sender.returned(), extra.returned()) == (1, 1))


def test_two_services_of_a_partition_share_a_channel(partition: Partition) -> None:
    partition.channel("in", "consumer", "int32", (3,))
    partition.channel("between", "producer", "int32", (3,), depth=2)
    partition.channel("between", "consumer", "int32", (3,), depth=2)
    partition.wires.regions[2] = partition.wires.regions[1]
    partition.channel("out", "producer", "int32", (3,), depth=2)
    partition.service("second", ECHO.replace("value\n", "value * 10\n"), {"value": "between"}, {"result": "out"})
    partition.service("first", ECHO.replace("value\n", "value + 1\n"), {"value": "in"}, {"result": "between"})
    partition.start()
    sender, receiver = partition.producer(0), partition.consumer(3)
    connected(sender, receiver)
    for number in range(8):  # as many as fit into three channels and two services
        sender.send(number, origin_sequence=number, origin_ns=7)
    for number in range(8):
        value, sequence, time_ns = receiver.receive()
        assert (value[0], sequence, time_ns) == (10 * (number + 1), number, 7)


def test_tensor_of_the_future_is_taken_when_it_comes_due(partition: Partition) -> None:
    echo(partition)
    partition.start()
    sender, receiver = partition.producer(0), partition.consumer(1)
    connected(sender, receiver)
    sender.send(1)
    receiver.receive()
    delay_ns, now = 300_000_000, partition.clock
    future = now() + delay_ns
    partition.early_ns = delay_ns  # the producer's clock goes fast: its tensor is from the agent's future
    sender.send(2)
    partition.early_ns = 0
    value, _, _ = receiver.receive()
    assert value[0] == 2
    assert now() >= future


FAILING = """
def service(value: Tensor["int32", 3]) -> Tensor["int32", 3]:
    {what}
"""


@pytest.mark.parametrize(
    ("what", "error"),
    [
        ("raise ValueError('seven', 8)", "ValueError: ('seven', 8)"),
        ("import sys; sys.exit(3)", "SystemExit: 3"),
        ("return value.astype('int64')", "TypeError: channel bad_out carries int32[3], not int64[3]"),
        ("return value[:1]", "TypeError: channel bad_out carries int32[3], not int32[1]"),
        ("value[0] = 1; return value", "ValueError: assignment destination is read-only"),
        ("return value, value", "TypeError: bad returned 2 tensors, its signature names 1"),
    ],
)
def test_failing_service_is_reported_and_the_others_go_on(partition: Partition, what: str, error: str) -> None:
    echo(partition, "bad", text=FAILING.format(what=what))
    echo(partition, "good")
    partition.start()
    bad, _ = partition.producer(0), partition.consumer(1)
    good, answer = partition.producer(2), partition.consumer(3)
    connected(bad, _, good, answer)
    bad.send(1)
    failed = partition.host.expect("failed")
    assert failed["service"] == "bad"
    assert failed["error"] == error
    assert error in failed["traceback"]
    assert "/agent.py" not in failed["traceback"]
    good.send(5)
    assert answer.receive()[0][0] == 5
    for _ in range(4):  # its input was given back, so the channel's four slots can be filled
        assert bad.try_send(0)


@pytest.mark.parametrize(
    ("text", "error"),
    [
        ("import nothing_of_this_name", "ModuleNotFoundError: No module named 'nothing_of_this_name'"),
        ("def other() -> None: ...", "AttributeError: module 'service_bad' has no attribute 'service'"),
        ("def service() -> None: ...", "ValueError: service bad has no input, so nothing would ever call it"),
    ],
)
def test_service_that_does_not_load_prevents_arming(partition: Partition, text: str, error: str) -> None:
    echo(partition)
    partition.service("bad", text, {}, {})
    partition.start_agent()
    failed = partition.host.expect("failed")
    assert (failed["service"], failed["error"]) == ("bad", error)
    with pytest.raises(AssertionError, match="nobody rang"):
        while not partition.host.has_message():  # a late ring may belong to the message that was read already
            wait_for_event(partition.wires.heard[0], 0.2)


def test_output_becomes_log_messages(partition: Partition) -> None:
    text = """
    import logging, sys
    print("loading")
    def service(value: Tensor["int32", 3]) -> Tensor["int32", 3]:
        print("one\\ntw", end="")
        print("o", value[0])
        print("oops", file=sys.stderr)
        logging.getLogger("x").warning("careful %d", 4)
        return value
    """
    echo(partition, "talker", text=text)
    partition.start_agent()
    log = partition.host.expect("log")
    assert (log["level"], log["service"], log["text"]) == ("info", "talker", "loading")
    partition.host.expect("armed")
    partition.host.post(json.dumps({"type": "start", "offset_ns": partition.offset_ns}).encode())
    sender, receiver = partition.producer(0), partition.consumer(1)
    connected(sender, receiver)
    before = partition.clock()
    sender.send(6)
    lines = [partition.host.expect("log") for _ in range(4)]
    assert [(line["level"], line["text"]) for line in lines] == [
        ("info", "one"),
        ("info", "two 6"),
        ("error", "oops"),
        ("warning", "careful 4"),
    ]
    assert all(before <= line["t_ns"] <= partition.clock() for line in lines)


def test_long_and_many_lines_arrive(partition: Partition) -> None:
    text = """
    def service(value: Tensor["int32", 3]) -> Tensor["int32", 3]:
        print("x" * 100_000)
        print("\\0" * 100_000)
        print("\\U0001F600" * 100_000)
        for number in range(300):
            print(number)
        return value
    """
    echo(partition, text=text)
    partition.start()
    sender, receiver = partition.producer(0), partition.consumer(1)
    connected(sender, receiver)
    sender.send(1)
    for character in "x\0\U0001f600":
        line = partition.host.expect("log")["text"]
        assert set(line) == {character}
        assert len(line) >= 200
    assert [int(partition.host.expect("log")["text"]) for _ in range(300)] == list(range(300))
    assert receiver.receive()[0][0] == 1


def test_large_payload_comes_in_chunks(partition: Partition) -> None:
    content = np.random.default_rng(1).bytes(2_500_000)
    partition.files["model.bin"] = content
    text = """
    import zlib
    check = zlib.crc32(open("model.bin", "rb").read()) & 0x7fffffff
    def service(value: Tensor["int32", 3]) -> Tensor["int32", 3]:
        return value * 0 + check
    """
    echo(partition, text=text)
    partition.start()
    sender, receiver = partition.producer(0), partition.consumer(1)
    connected(sender, receiver)
    sender.send(0)
    assert receiver.receive()[0][0] == zlib.crc32(content) & 0x7FFFFFFF


@pytest.mark.parametrize("policy", ["drop_newest", "drop_oldest"])
def test_full_output_that_drops_never_holds_the_service(partition: Partition, policy: str) -> None:
    partition.channel("in", "consumer", "int32", (3,))
    partition.channel("out", "producer", "int32", (3,), depth=2, overflow=policy)
    partition.service("echo", ECHO, {"value": "in"}, {"result": "out"})
    partition.start()
    sender, receiver = partition.producer(0), partition.consumer(1)
    connected(sender, receiver)
    for number in range(40):
        sender.send(number)
    wait_until(lambda: sender.returned() == 40)
    got = []
    while (frame := receiver.end.take()) is not None:
        got.append(int(frame.array[0]))
        receiver.end.give_back(frame)
    assert got == ([0, 1] if policy == "drop_newest" else [38, 39])


def wait_until(condition: Callable[[], bool], seconds: float = 10) -> None:
    deadline = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < deadline, "condition does not come true"
        time.sleep(0.01)
