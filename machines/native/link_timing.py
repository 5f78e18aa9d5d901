"""How long a tensor takes over the wires between a board and the rest: pure functions of its size.

A tensor is a message: a header of `MESSAGE_HEADER_BYTES` and the payload, cut into packets of at most an MTU. Each
packet begins with a header of its own, and its kind of link adds what the wire needs. Where that depends on the content
(the stuff bits of CAN) or on the other side (the pause before a response on SDIO), the longest is taken, so that the
time of a tensor follows from its size alone.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from fractions import Fraction

_SECOND_NS = 1_000_000_000

MESSAGE_HEADER_BYTES = 16
"""Before each tensor: number of the channel and low half of `origin_sequence` (u32 each), `origin_ns` (u64)."""

_PACKET_HEADER_BYTES = 12
"""struct esp_payload_header of Espressif's ESP-Hosted (common/include/adapter.h): the same over SPI, SDIO and UART."""

_CAN_HEADER_BYTES = 1
"""N_PCI of a consecutive frame (ISO 15765-2, normal addressing): number of the frame modulo 16."""

_SDIO_BLOCK_BYTES = 512


def _spi_clocks(content_bytes: int) -> int:
    """One bit per clock; half a clock before, after and between transactions (SPI Block Guide V04: t_L, t_T, t_I)."""
    return 2 + 8 * content_bytes


def _uart_clocks(content_bytes: int) -> int:
    """8N1: a start bit, eight data bits and a stop bit."""
    return 10 * content_bytes


def _sdio_clocks(content_bytes: int) -> int:
    """One CMD53 in block mode on a 4-bit bus, as for writing (SD Physical Layer Simplified Specification, 4.5 to 4.12).

    Command and R5 response have 48 bits each, with at most 64 clocks (N_CR) between and 8 (N_RC) after them. A block
    waits 2 clocks (N_WR) and has on each line a start bit, a quarter of the bits, CRC-16 and an end bit; 2 clocks
    (N_CRC) later 5 bits of CRC status answer it. The last block is filled up.
    """
    blocks = -(-content_bytes // _SDIO_BLOCK_BYTES)
    return (48 + 64 + 48 + 8) + blocks * (2 + 1 + 2 * _SDIO_BLOCK_BYTES + 16 + 1 + 2 + 5)


def _can_clocks(content_bytes: int) -> int:
    """A classic frame with an 11-bit identifier, interframe space and most stuff bits: 135 for 8 bytes.

    Davis, Burns, Bril, Lukkien: Controller Area Network (CAN) schedulability analysis, Real-Time Systems 35 (2007),
    equation 1.
    """
    stuffed = 34 + 8 * content_bytes
    return stuffed + 13 + (stuffed - 1) // 4


@dataclass(frozen=True)
class LinkKind:
    """What is common to all links of a kind.

    Attributes:
        name: as scenarios write it.
        full_duplex: each direction has a wire of its own; else both share one.
        header_bytes: of a packet, within its MTU.
        clocks: clock periods that a packet of so many bytes, with its header, takes.
        rate: usual clock or bit rate, per second.
        fastest: highest rate that such links have.
        latency_ns: usual time from a packet's end on the wire to its arrival in memory: interrupt and DMA.
        mtu: usual size of the largest packet in bytes, with its header.
        largest_mtu: the most that it can be.
    """

    name: str
    full_duplex: bool
    header_bytes: int
    clocks: Callable[[int], int]
    rate: Fraction
    fastest: Fraction
    latency_ns: int
    mtu: int
    largest_mtu: int

    @property
    def smallest_mtu(self) -> int:
        """The least that it can be: a header and a byte."""
        return self.header_bytes + 1


_SPI = LinkKind(
    name="spi",
    full_duplex=True,
    header_bytes=_PACKET_HEADER_BYTES,
    clocks=_spi_clocks,
    rate=Fraction(40_000_000),
    fastest=Fraction(80_000_000),  # ESP32-S3 data sheet, SPI controller: 80 MHz as host, 60 MHz as slave
    latency_ns=20_000,
    mtu=4096,
    largest_mtu=32_768,  # 18 bits count the bits of a transaction: ESP32-S3 reference manual, SPI_MS_DLEN_REG
)

_UART = LinkKind(
    name="uart",
    full_duplex=True,
    header_bytes=_PACKET_HEADER_BYTES,
    clocks=_uart_clocks,
    rate=Fraction(921_600),
    fastest=Fraction(5_000_000),  # ESP32-S3 data sheet, UART controller
    latency_ns=50_000,
    mtu=1024,
    largest_mtu=4092,  # one DMA descriptor: 12 bits, whole words
)

_SDIO = LinkKind(
    name="sdio",
    full_duplex=False,
    header_bytes=_PACKET_HEADER_BYTES,
    clocks=_sdio_clocks,
    rate=Fraction(25_000_000),  # default speed
    fastest=Fraction(50_000_000),  # high speed
    latency_ns=20_000,
    mtu=4096,
    largest_mtu=511 * _SDIO_BLOCK_BYTES,  # 9 bits count blocks: SDIO Simplified Specification 3.00, 5.3
)

_CAN = LinkKind(
    name="can",
    full_duplex=False,
    header_bytes=_CAN_HEADER_BYTES,
    clocks=_can_clocks,
    rate=Fraction(500_000),
    fastest=Fraction(1_000_000),  # ISO 11898-1, classic frames
    latency_ns=50_000,
    mtu=8,
    largest_mtu=8,
)

KINDS: Mapping[str, LinkKind] = {kind.name: kind for kind in (_SPI, _UART, _SDIO, _CAN)}
"""Kinds of links by name, with their usual values and limits."""


@dataclass(frozen=True)
class LinkTiming:
    """One link: how many packets a tensor needs and how long they keep a wire busy.

    Parameters:
        kind: one of `KINDS`.
        rate: clock or bit rate, per second.
        latency_ns: from the end of a packet on the wire to its arrival in memory.
        mtu: size of the largest packet in bytes, with its header.

    Raises:
        ValueError: rate, latency or MTU is not one that this kind can have.
    """

    kind: LinkKind
    rate: Fraction
    latency_ns: int
    mtu: int

    def __post_init__(self) -> None:
        kind = self.kind
        if not 0 < self.rate <= kind.fastest:
            raise ValueError(f"{kind.name} does not run at {self.rate} Hz; above 0, at most {kind.fastest} Hz")
        if self.latency_ns < 0:
            raise ValueError(f"a latency of {self.latency_ns} ns is negative; 0 or more")
        if not kind.smallest_mtu <= self.mtu <= kind.largest_mtu:
            limits = f"{kind.smallest_mtu} to {kind.largest_mtu}"
            raise ValueError(f"packets of {self.mtu} bytes do not fit {kind.name}; {limits} bytes")

    def packets(self, payload_bytes: int) -> int:
        """Return how many packets a tensor of so many bytes needs."""
        full, rest = self._cut(payload_bytes)
        return full + (rest > 0)

    def clocks(self, payload_bytes: int) -> int:
        """Return how many clock periods a tensor of so many bytes keeps a wire busy."""
        full, rest = self._cut(payload_bytes)
        last = self.kind.clocks(self.kind.header_bytes + rest) if rest else 0
        return full * self.kind.clocks(self.mtu) + last

    def wire_ns(self, payload_bytes: int) -> int:
        """Return how long a tensor of so many bytes keeps a wire busy, in ns, rounded up."""
        return -(-self.clocks(payload_bytes) * _SECOND_NS * self.rate.denominator // self.rate.numerator)

    def _cut(self, payload_bytes: int) -> tuple[int, int]:
        """Return the number of full packets, and the bytes in a last one that is not full."""
        return divmod(MESSAGE_HEADER_BYTES + payload_bytes, self.mtu - self.kind.header_bytes)
