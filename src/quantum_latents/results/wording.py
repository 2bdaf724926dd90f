"""Numbers in words: the one place that decides how many digits a reader sees."""

from __future__ import annotations

import math

__all__ = [
    "COUNT_UNITS",
    "interval_text",
    "is_count",
    "measurement_text",
    "number_text",
    "p_text",
    "sizes_text",
]

COUNT_UNITS = frozenset({"molecules"})
"""Units of metrics that count things: told in whole numbers with thousands separators."""


def is_count(unit: str) -> bool:
    """Whether a metric of this unit counts things.

    >>> is_count("molecules"), is_count("photons")
    (True, False)
    """
    return unit in COUNT_UNITS


def number_text(
    value: float | None, digits: int = 3, *, signed: bool = False, count: bool = False
) -> str:
    """Return a number with so many significant digits, or a dash for None.

    With `count` it is a whole number with thousands separators, whatever its digits.

    >>> number_text(0.012345), number_text(-12.5), number_text(None)
    ('0.0123', '−12.5', '–')
    >>> number_text(2522.4, count=True), number_text(-1312.0, count=True)
    ('2,522', '−1,312')
    """
    if value is None:
        return "–"
    magnitude = abs(value)
    if count:
        text = f"{magnitude:,.0f}"
        value = value if text != "0" else 0  # no sign that the digits do not show
    elif magnitude and not 1e-4 <= magnitude < 1e6:
        text = f"{magnitude:.{digits - 1}e}"
    else:
        exponent = math.floor(math.log10(magnitude)) if magnitude else 0
        text = f"{magnitude:.{max(0, digits - 1 - exponent)}f}" if magnitude else "0"
    return ("−" if value < 0 else "+" if signed and value > 0 else "") + text


def measurement_text(
    mean: float | None, standard_error: float | None, *, count: bool = False
) -> str:
    """Return mean ± standard error, both to the error's last digit worth telling.

    One digit of the error, two if it starts with 1, as in tables of particle physics. With
    `count` both are whole numbers, the error rounded up.

    >>> measurement_text(0.036123, 0.00119), measurement_text(2522.4, 65.2)
    ('0.0361 ± 0.0012', '2522 ± 65')
    >>> measurement_text(2522.4, 65.2, count=True)
    '2,522 ± 66'
    """
    if mean is None or not standard_error:
        return number_text(mean, count=count)
    if count:
        return f"{number_text(mean, count=True)} ± {math.ceil(standard_error):,}"
    exponent = math.floor(math.log10(standard_error))
    decimals = -exponent + (standard_error < 1.95 * 10.0**exponent)
    if decimals > 7 or abs(mean) >= 1e7:
        return f"{number_text(mean)} ± {number_text(standard_error, 2)}"
    decimals = max(0, decimals)
    sign = "−" if mean < 0 else ""
    return f"{sign}{abs(mean):.{decimals}f} ± {standard_error:.{decimals}f}"


def interval_text(interval: tuple[float, float] | None, *, count: bool = False) -> str:
    """Return an interval in brackets, or a dash for None; whole numbers with `count`.

    >>> interval_text((-0.01, 0.025))
    '[−0.0100, 0.0250]'
    """
    if interval is None:
        return "–"
    low, high = interval
    if count:  # outwards, so that what is told holds what was found
        low, high = math.floor(low), math.ceil(high)
    return f"[{number_text(low, count=count)}, {number_text(high, count=count)}]"


def sizes_text(sizes: tuple[int, int] | None) -> str:
    """Return from how many samples a metric was computed, least to most; "" if unknown.

    >>> sizes_text((2522, 2522)), sizes_text((987, 3894)), sizes_text(None)
    ('n = 2,522', 'n = 987 to 3,894', '')
    """
    if sizes is None:
        return ""
    least, most = sizes
    return f"n = {least:,}" if least == most else f"n = {least:,} to {most:,}"


def p_text(p_value: float | None) -> str:
    """Return a p-value with two significant digits, or a dash for None.

    >>> p_text(0.00586), p_text(1.0)
    ('0.0059', '1.0')
    """
    return number_text(p_value, 2)
