"""Checks of names, virtual time, speed and memory."""

from __future__ import annotations

from machines.mcu.control import MAX_CHANNELS
from sim.scenario.checks.context import Context
from sim.scenario.model import Channel
from sim.scenario.partitions import LinuxPartition
from sim.scenario.units import DURATIONS, format_duration, format_memory, format_speed

MIN_QUANTUM_NS, MAX_QUANTUM_NS = 10_000, 100_000_000
"""Range of the quantum: below, grants cost more than the guest's work; above, latencies say nothing."""

MAX_DURATION_NS = 24 * DURATIONS["h"]
"""Longest run."""

MAX_CHANNEL_BYTES = 256 << 20
"""Most payload of one channel's region; a region is a PCI BAR below 4 GiB, and a guest has some tens of them."""

MOST_ENDS = {"linux": 120, "mcu": MAX_CHANNELS}
"""Most channel ends of one partition: a Linux guest has a PCI function for each in slots 0x10 to 0x1e, and a
microcontroller an entry in its control page."""

MIB = 1 << 20


def names(context: Context) -> None:
    """Partitions and devices share one name space, as both are ends of channels."""
    for name in context.written("devices") & context.written("partitions"):
        line = context.line("partitions", name)
        context.report(("devices", name), f"'{name}' is also a partition ({line}); rename one of them", key=True)


def time(context: Context) -> None:
    """The quantum is in range and the duration a whole number of quanta."""
    quantum, duration = context.scenario.time.quantum_ns, context.scenario.time.duration_ns
    if not MIN_QUANTUM_NS <= quantum <= MAX_QUANTUM_NS:
        limits = f"{format_duration(MIN_QUANTUM_NS)} to {format_duration(MAX_QUANTUM_NS)}"
        context.report(("time", "quantum"), f"quantum {format_duration(quantum)} is out of range; {limits}")
        return
    if not quantum <= duration <= MAX_DURATION_NS:
        limits = f"one quantum, {format_duration(quantum)}, to {format_duration(MAX_DURATION_NS)}"
        context.report(("time", "duration"), f"duration {format_duration(duration)} is out of range; {limits}")
    elif duration % quantum:
        below = duration // quantum * quantum
        near = f"{format_duration(below)} or {format_duration(below + quantum)}"
        message = f"duration {format_duration(duration)} is no whole number of quanta of {format_duration(quantum)}"
        context.report(("time", "duration"), f"{message}; {near}")


def speeds(context: Context) -> None:
    """Every microcontroller's speed is one that its board reaches exactly, every Linux guest's within its board's."""
    for name, partition in context.scenario.partitions.items():
        board, speed = partition.board, partition.speed_mips
        if isinstance(partition, LinuxPartition):
            slowest, fastest = board.speeds_mips[-1], board.speeds_mips[0]
            if not slowest <= speed <= fastest:
                limits = f"{format_speed(slowest)} to {format_speed(fastest)}"
                message = f"{board.name} cannot run at {format_speed(speed)}; {limits}"
                context.report(("partitions", name, "speed"), message)
        elif speed not in board.speeds_mips:
            near = " or ".join(format_speed(near) for near in board.nearest_speeds(speed))
            message = f"{board.name} cannot run at exactly {format_speed(speed)}; nearest: {near}"
            context.report(("partitions", name, "speed"), message)


def memory(context: Context) -> None:
    """Every Linux guest has what its board needs, every channel is of bearable size, and all of it fits the host."""
    for name, partition in context.scenario.partitions.items():
        message = _memory_complaint(partition) if isinstance(partition, LinuxPartition) else None
        if message:
            context.report(("partitions", name, "memory"), message)
    for name, channel in context.scenario.channels.items():
        if is_too_large(channel):
            size = channel.payload_bytes * channel.depth / MIB
            message = f"{channel.depth} tensors of {channel.payload_bytes} bytes take {size:.0f} MiB of shared memory"
            advice = f"at most {format_memory(MAX_CHANNEL_BYTES)}: fewer or smaller ones"
            at = "depth" if channel.payload_bytes * 2 <= MAX_CHANNEL_BYTES else "tensor"
            context.report(("channels", name, at), f"{message}; {advice}")
    _host_memory(context)


def is_too_large(channel: Channel) -> bool:
    """Tell whether a channel takes more memory than one may, which is reported at the channel."""
    return channel.payload_bytes * channel.depth > MAX_CHANNEL_BYTES


def mapping_bytes(channel: Channel) -> int:
    """Return what a run maps for each ring of a channel that is not too large."""
    from virtio_shm.layout import Layout

    return Layout(channel.depth, channel.payload_bytes).mapping_bytes


def _memory_complaint(partition: LinuxPartition) -> str | None:
    board, size = partition.board, partition.memory_bytes
    if size < board.memory_min_bytes:
        return f"{format_memory(size)} is too little for {board.name}; at least {format_memory(board.memory_min_bytes)}"
    if size > board.memory_max_bytes:
        return f"{format_memory(size)} is too much for {board.name}; at most {format_memory(board.memory_max_bytes)}"
    if size % MIB:
        return f"{format_memory(size)} is no whole number of MiB; {size // MIB}M or {size // MIB + 1}M"
    return None


def _host_memory(context: Context) -> None:
    scenario = context.scenario
    available = scenario.host.memory_bytes
    if available is None or any(map(is_too_large, scenario.channels.values())):
        return
    partitions = sum(guest.memory_bytes for guest in scenario.linux_guests.values())
    rings = {name: 1 + len(scenario.links_crossed(name)) for name in scenario.channels}
    mapped = sum(rings[name] * mapping_bytes(channel) for name, channel in scenario.channels.items())
    if partitions + mapped > available:
        need = -(-(partitions + mapped) // MIB)
        size = f"{mapped / MIB:.1f} MiB" if mapped >= MIB else format_memory(mapped)
        what = f"partitions take {format_memory(partitions)} and the rings of channels {size}"
        message = f"{what}, the host has {format_memory(available)}; at least {need}M"
        context.report(("host", "memory"), message)
