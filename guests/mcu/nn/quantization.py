"""Quantisation arithmetic, equal to LiteRT's bit for bit: the LiteRT 8-bit quantisation specification and gemmlowp."""

from __future__ import annotations

import math

import numpy as np

from guests.mcu.nn.model import INT8_MAX, INT8_MIN

INT32_MIN, INT32_MAX = -(1 << 31), (1 << 31) - 1

SUM_LIMIT = 1 << 30
"""What the magnitude of a sum must stay below to be rescaled by `nn_requantize`."""


def quantize_multiplier(factor: float) -> tuple[int, int]:
    """Return multiplier and shift with ``factor = multiplier * 2^(shift - 31)``, as LiteRT's QuantizeMultiplier.

    Parameters:
        factor: not below 0, finite.

    Returns:
        Multiplier 0 or 2^30 to 2^31 - 1, shift -31 to 30.
    """
    if factor == 0:
        return 0, 0
    fraction, shift = math.frexp(factor)
    multiplier = math.floor(fraction * (1 << 31) + 0.5)
    if multiplier == 1 << 31:
        multiplier, shift = multiplier // 2, shift + 1
    if shift < -31:
        return 0, 0
    if shift > 30:
        return INT32_MAX, 30
    return multiplier, shift


def high_product(a: int, b: int) -> int:
    """Return a * b / 2^31, rounded and saturated: gemmlowp's SaturatingRoundingDoublingHighMul."""
    return INT32_MAX if a == b == INT32_MIN else (a * b + (1 << 30)) >> 31


def divide_by_power(x: int, exponent: int) -> int:
    """Return x / 2^exponent, halves away from zero: gemmlowp's RoundingDivideByPOT."""
    mask = (1 << exponent) - 1
    return (x >> exponent) + ((x & mask) > (mask >> 1) + (x < 0))


def requantize(x: int, multiplier: int, shift: int) -> int:
    """Return x times the factor of `quantize_multiplier`: LiteRT's MultiplyByQuantizedMultiplier."""
    if shift > 0:
        return high_product(_wrap(x << shift), multiplier)
    return divide_by_power(high_product(x, multiplier), -shift)


def _wrap(x: int) -> int:
    return (x + (1 << 31)) % (1 << 32) - (1 << 31)


def _saturate(x: int) -> int:
    return min(max(x, INT32_MIN), INT32_MAX)


def round_half_away(x: float) -> int:
    """Return the nearest whole number, halves away from zero, as C's round()."""
    return int(math.copysign(math.floor(abs(x) + 0.5), x))


def clamp(x: int, low: int = INT8_MIN, high: int = INT8_MAX) -> int:
    """Return x held within a range."""
    return min(max(x, low), high)


def quantize(real: float, scale: float, zero_point: int) -> int:
    """Return a real number as a stored value that may be out of range, in float32 as LiteRT does."""
    return zero_point + round_half_away(float(np.float32(real) / np.float32(scale)))


_EXP_CONSTANT_TERM = 1895147668  # e^(-1/8), Q0.31
_ONE_THIRD = 715827883
_EXP_POWERS = (  # bit, e^(-2^bit) as Q0.31
    (-2, 1672461947),
    (-1, 1302514674),
    (0, 790015084),
    (1, 290630308),
    (2, 39332535),
    (3, 720401),
    (4, 242),
)
_EXP_FRACTION_BITS = 26


def exponential(x: int) -> int:
    """Return e^x as Q0.31 for x not above 0 as Q5.26: gemmlowp's exp_on_negative_values."""
    if x == 0:
        return INT32_MAX
    quarter = 1 << (_EXP_FRACTION_BITS - 2)
    rest = (x & (quarter - 1)) - quarter
    result = _exponential_of_quarter(_saturate(rest << 5))
    remainder = _wrap(rest - x)
    for power, factor in _EXP_POWERS:
        if remainder & (1 << (_EXP_FRACTION_BITS + power)):
            result = high_product(result, factor)
    return result


def _exponential_of_quarter(a: int) -> int:
    """Return e^a for a from -1/4 to 0, both Q0.31: a Taylor polynomial around -1/8."""
    x = a + (1 << 28)
    x2 = high_product(x, x)
    x3 = high_product(x2, x)
    x4_over_4 = divide_by_power(high_product(x2, x2), 2)
    higher = divide_by_power(high_product(x4_over_4 + x3, _ONE_THIRD) + x2, 1)
    return _EXP_CONSTANT_TERM + high_product(_EXP_CONSTANT_TERM, x + higher)
