"""Numbers in words: the one place that decides how many digits a reader sees."""

from __future__ import annotations

import math

__all__ = ["interval_text", "measurement_text", "number_text", "p_text"]


def number_text(value: float | None, digits: int = 3, *, signed: bool = False) -> str:
    """Return a number with so many significant digits, or a dash for None.

    >>> number_text(0.012345), number_text(-12.5), number_text(None)
    ('0.0123', '−12.5', '–')
    """
    if value is None:
        return "–"
    magnitude = abs(value)
    if magnitude and not 1e-4 <= magnitude < 1e6:
        text = f"{magnitude:.{digits - 1}e}"
    else:
        exponent = math.floor(math.log10(magnitude)) if magnitude else 0
        text = f"{magnitude:.{max(0, digits - 1 - exponent)}f}" if magnitude else "0"
    return ("−" if value < 0 else "+" if signed and value > 0 else "") + text


def measurement_text(mean: float | None, standard_error: float | None) -> str:
    """Return mean ± standard error, both to the error's last digit worth telling.

    One digit of the error, two if it starts with 1, as in tables of particle physics.

    >>> measurement_text(0.036123, 0.00119), measurement_text(2522.4, 65.2)
    ('0.0361 ± 0.0012', '2522 ± 65')
    """
    if mean is None or not standard_error:
        return number_text(mean)
    exponent = math.floor(math.log10(standard_error))
    decimals = -exponent + (standard_error < 1.95 * 10.0**exponent)
    if decimals > 7 or abs(mean) >= 1e7:
        return f"{number_text(mean)} ± {number_text(standard_error, 2)}"
    decimals = max(0, decimals)
    sign = "−" if mean < 0 else ""
    return f"{sign}{abs(mean):.{decimals}f} ± {standard_error:.{decimals}f}"


def interval_text(interval: tuple[float, float] | None) -> str:
    """Return an interval in brackets, or a dash for None.

    >>> interval_text((-0.01, 0.025))
    '[−0.0100, 0.0250]'
    """
    if interval is None:
        return "–"
    low, high = interval
    return f"[{number_text(low)}, {number_text(high)}]"


def p_text(p_value: float | None) -> str:
    """Return a p-value with two significant digits, or a dash for None.

    >>> p_text(0.00586), p_text(1.0)
    ('0.0059', '1.0')
    """
    return number_text(p_value, 2)
