"""Quantities as people write them: ``10s``, ``256M``, ``30fps``, ``1000 MIPS``, ``640x480``, ``uint8[480,640,3]``.

Every parser takes text and gives an exact number, every formatter gives text that parses to the same number. A parser's
error says what was read and what would be right. A bare number is an error where a unit is needed.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from fractions import Fraction

from guests.service import ITEM_BYTES, TensorType
from sim.scenario.problem import advice, nearest

NS_PER_S = 1_000_000_000

DURATIONS: Mapping[str, int] = {
    "ns": 1, "us": 1_000, "µs": 1_000, "ms": 1_000_000, "s": NS_PER_S, "min": 60 * NS_PER_S, "h": 3600 * NS_PER_S,
}  # fmt: skip
"""Nanoseconds in each unit of time."""

MEMORY: Mapping[str, int] = {
    "B": 1, "K": 1 << 10, "KiB": 1 << 10, "M": 1 << 20, "MiB": 1 << 20, "G": 1 << 30, "GiB": 1 << 30,
}  # fmt: skip
"""Bytes in each unit of memory; K, M and G are binary, as QEMU reads them."""

RATES: Mapping[str, int] = {"fps": 1, "Hz": 1}
"""Units of how often a sensor takes a sample, per second."""

WIRE_RATES: Mapping[str, int] = {
    "Hz": 1, "kHz": 1_000, "MHz": 1_000_000, "bit/s": 1, "kbit/s": 1_000, "Mbit/s": 1_000_000, "baud": 1,
}  # fmt: skip
"""Units of a wire's clock, or of its bit rate where it has none, per second."""

BANDWIDTHS: Mapping[str, int] = {
    "B/s": 1, "kB/s": 1_000, "MB/s": 1_000_000, "GB/s": 1_000_000_000,
    "KiB/s": 1 << 10, "MiB/s": 1 << 20, "GiB/s": 1 << 30,
}  # fmt: skip
"""Bytes per second in each unit of a memory's bandwidth; kB, MB and GB are decimal, as in data sheets of memories (a
channel of 64 bits with 3200 MT/s has 25.6 GB/s: JEDEC JESD79-4)."""

MAX_BANDWIDTH = 10**15
"""Bytes per second; a hundred times what the widest stacked memories of one package have together."""

SPEEDS: Mapping[str, int] = {"MIPS": 1}
"""Units of a partition's speed: million instructions per second of virtual time."""

RATE_DENOMINATOR = 1001
"""Largest denominator of a rate: that of the broadcast rates such as 30000/1001 (SMPTE 170M)."""

NUMBER = r"[0-9]{1,18}(?:\.[0-9]{1,18})?"
"""Pattern of an unsigned decimal number."""

_QUANTITY = re.compile(
    rf"\s*(?P<sign>-?)(?P<number>{NUMBER})(?:/(?P<divisor>[1-9][0-9]{{0,17}}))?\s*"
    r"(?P<unit>[^\W\d_]*(?:/s)?)\s*"
)


def _quantity(text: object, units: Mapping[str, int], what: str, example: str) -> Fraction:
    """Return `text` in the base unit of `units`.

    Raises:
        ValueError: `text` is no number followed by one of `units`.
    """
    if isinstance(text, (int, float)) and not isinstance(text, bool):
        raise ValueError(f"{text} has no unit; write {text}{example.lstrip('0123456789')}, say, or another {what}")
    match = _QUANTITY.fullmatch(text) if isinstance(text, str) else None
    if match is None:
        raise ValueError(f"{shown(text)} is no {what}; write it like {example}")
    if match["sign"]:
        raise ValueError(f"{shown(text)} is negative; a {what} is not, write it like {example}")
    unit = match["unit"]
    if not unit:
        raise ValueError(f"{match[0].strip()} has no unit; write {match[0].strip()}{example.lstrip('0123456789')}, say")
    if unit not in units:
        near = nearest(unit, units)
        meant = f"did you mean '{near}'?" if near else f"units are {', '.join(units)}"
        raise ValueError(f"unknown unit '{unit}' of a {what}; {meant}")
    return Fraction(match["number"]) / int(match["divisor"] or 1) * units[unit]


def _whole(value: Fraction, text: object, least: str) -> int:
    if value.denominator != 1:
        raise ValueError(f"{shown(text)} is no whole number of {least}; round it")
    return int(value)


def shown(value: object) -> str:
    """Return a value as YAML would show it, cut to a readable length."""
    if value is None:
        return "nothing"
    if isinstance(value, bool):
        return str(value).lower()
    if isinstance(value, dict):
        return "a mapping"
    if isinstance(value, (list, tuple)):
        return "a list"
    text = str(value)
    return f"'{text[:57]}...'" if len(text) > 60 else f"'{text}'"


def parse_duration(text: object, example: str = "10ms") -> int:
    """Return a duration such as ``10s``, ``1ms`` or ``2.5us`` in whole nanoseconds."""
    return _whole(_quantity(text, DURATIONS, "duration", example), text, "nanoseconds")


def format_duration(ns: int) -> str:
    """Return the shortest text of a duration in ns, in the largest unit up to seconds that divides it."""
    unit = next(unit for unit in ("s", "ms", "us", "ns") if ns % DURATIONS[unit] == 0)
    return f"{ns // DURATIONS[unit]}{unit}"


def parse_memory(text: object) -> int:
    """Return an amount of memory such as ``256M``, ``1G`` or ``4KiB`` in bytes."""
    if isinstance(text, str) and re.fullmatch(r".*[0-9]\s*[kKMG][bB]\s*", text) and "i" not in text:
        unit = text.strip()[-2].upper()
        raise ValueError(f"{shown(text)} could mean 1000 or 1024; write {unit} or {unit}iB, which is 1024")
    return _whole(_quantity(text, MEMORY, "memory size", "256M"), text, "bytes")


def format_memory(size: int) -> str:
    """Return the shortest text of a number of bytes, in the largest unit that divides it."""
    unit = next(unit for unit in ("G", "M", "K", "B") if size % MEMORY[unit] == 0 and (size or unit == "B"))
    return f"{size // MEMORY[unit]}{unit}"


def parse_rate(text: object) -> Fraction:
    """Return a sample rate such as ``30fps``, ``29.97fps`` or ``30000/1001fps``, exact, in samples per second."""
    rate = _quantity(text, RATES, "rate", "30fps")
    if not rate:
        raise ValueError("a rate of 0 never takes a sample; write it like 30fps")
    if rate.denominator > RATE_DENOMINATOR:
        near = rate.limit_denominator(RATE_DENOMINATOR)
        raise ValueError(f"{shown(text)} is finer than a camera's clock; {format_rate(near)} is nearest")
    return rate


def format_rate(rate: Fraction) -> str:
    """Return the text of a rate in samples per second."""
    return f"{rate}fps"


def parse_wire_rate(text: object) -> Fraction:
    """Return the rate of a wire such as ``40MHz`` or ``921600bit/s``, exact, in clock periods or bits per second."""
    rate = _quantity(text, WIRE_RATES, "rate of a wire", "921600bit/s")
    if not rate:
        raise ValueError("a rate of 0 carries nothing; write it like 921600bit/s")
    return rate


def format_wire_rate(rate: Fraction) -> str:
    """Return the text of a rate in the largest unit of hertz that divides it."""
    unit = next((unit for unit in ("MHz", "kHz") if rate % WIRE_RATES[unit] == 0), "Hz")
    return f"{rate / WIRE_RATES[unit]}{unit}"


def parse_bandwidth(text: object) -> int:
    """Return the bandwidth of a memory such as ``25.6 GB/s`` or ``16 GiB/s`` in whole bytes per second."""
    if isinstance(text, str) and re.fullmatch(r".*[0-9]\s*[kKMG]?i?bit/s\s*", text):
        raise ValueError(f"{shown(text)} counts bits; a bandwidth is in bytes per second, write it like 16 GB/s")
    bandwidth = _whole(_quantity(text, BANDWIDTHS, "bandwidth", "16 GB/s"), text, "bytes per second")
    if not bandwidth:
        raise ValueError("a bandwidth of 0 carries nothing; write it like 16 GB/s")
    if bandwidth > MAX_BANDWIDTH:
        raise ValueError(f"{shown(text)} is more than any memory has; at most {format_bandwidth(MAX_BANDWIDTH)}")
    return bandwidth


def format_bandwidth(bandwidth: int) -> str:
    """Return the shortest text of a number of bytes per second; of equally long ones that in the largest unit."""
    texts = (_decimal(Fraction(bandwidth, size), unit) for unit, size in BANDWIDTHS.items())
    return min((text for text in texts if text is not None), key=lambda text: (len(text), -BANDWIDTHS[text.split()[1]]))


def parse_speed(text: object) -> Fraction:
    """Return a speed such as ``1000 MIPS`` or ``62.5 MIPS``, exact, in million instructions per virtual second."""
    speed = _quantity(text, SPEEDS, "speed", "1000 MIPS")
    if not speed:
        raise ValueError("a speed of 0 executes nothing; write it like 1000 MIPS")
    return speed


def format_speed(speed: Fraction) -> str:
    """Return the text of a speed in MIPS, as a decimal where one is exact."""
    return _decimal(speed, "MIPS") or f"{speed} MIPS"


def _decimal(value: Fraction, unit: str) -> str | None:
    """Return a value as a decimal number with its unit; None where no decimal that `NUMBER` matches is exact."""
    rest = value.denominator
    for prime in (2, 5):
        while rest % prime == 0:
            rest //= prime
    places = next((n for n in range(19) if (value * 10**n).denominator == 1), None) if rest == 1 else None
    if places is None:
        return None
    digits = str(int(value * 10**places)).rjust(places + 1, "0")
    return f"{digits[:-places]}.{digits[-places:]} {unit}" if places else f"{digits} {unit}"


def parse_size(text: object) -> tuple[int, int]:
    """Return a picture size such as ``640x480`` as (width, height) in pixels."""
    match = re.fullmatch(r"\s*([0-9]{1,5})\s*[xX×]\s*([0-9]{1,5})\s*", text) if isinstance(text, str) else None
    if match is None:
        raise ValueError(f"{shown(text)} is no picture size; write width x height like 640x480")
    width, height = int(match[1]), int(match[2])
    if not (1 <= width <= 16384 and 1 <= height <= 16384):
        raise ValueError(f"{shown(text)} is out of range; each side is 1 to 16384 pixels")
    return width, height


def format_size(size: tuple[int, int]) -> str:
    """Return the text of (width, height) in pixels."""
    return f"{size[0]}x{size[1]}"


_TENSOR = re.compile(r"\s*(?P<dtype>[A-Za-z_][A-Za-z0-9_]*)\s*\[(?P<shape>[^\]]*)\]\s*(?P<rest>.*?)\s*")
_QUANTISATION = re.compile(
    r"(?:scale=(?P<scale>[0-9]*\.?[0-9]+(?:[eE][-+]?[0-9]{1,2})?))?\s*(?:zero_point=(?P<zero>-?[0-9]{1,10}))?"
)


def parse_tensor(text: object) -> TensorType:
    """Return a tensor type such as ``uint8[480,640,3]`` or ``int8[1,10] scale=0.5 zero_point=3``."""
    match = _TENSOR.fullmatch(text) if isinstance(text, str) else None
    if match is None:
        raise ValueError(f"{shown(text)} is no tensor; write dtype and shape like uint8[480,640,3]")
    if match["dtype"] not in ITEM_BYTES:
        raise ValueError(f"unknown dtype '{match['dtype']}'; {advice(match['dtype'], ITEM_BYTES)}")
    lengths = [length.strip() for length in match["shape"].split(",")]
    for length in lengths:
        if not re.fullmatch(r"[1-9][0-9]{0,9}", length):
            raise ValueError(f"'{length}' is no dimension; a shape is whole numbers from 1, like [480,640,3]")
    quantisation = _QUANTISATION.fullmatch(match["rest"])
    if quantisation is None:
        raise ValueError(
            f"'{match['rest']}' after the shape; only scale=0.5 and zero_point=3 may follow, in this order"
        )
    scale = float(quantisation["scale"] or 1)
    if not 0 < scale < float("inf"):
        raise ValueError(f"a quantisation scale of {quantisation['scale']}; it is above 0, like 0.5")
    return TensorType(match["dtype"], tuple(map(int, lengths)), scale, int(quantisation["zero"] or 0))


def format_tensor(tensor: TensorType) -> str:
    """Return the text of a tensor type."""
    return str(tensor)
