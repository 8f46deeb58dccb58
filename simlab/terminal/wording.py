"""Numbers as a reader wants them: 1e6 for a million draws, 0.2003 ± 0.0004 for a mean and its error."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from decimal import Decimal


def number(value: object) -> str:
    """A setting or a count: whole numbers with four zeros as ``1e4``, others with commas, floats to 4 digits.

    Of a float from 1e16 on no digit of the integer that it stands for is shown beyond those four.
    """
    if isinstance(value, bool) or not isinstance(value, (int, float)):
        return "none" if value is None else str(value)
    if isinstance(value, float):
        if not value.is_integer() or abs(value) < 10_000:
            return f"{value:.4g}"
        value = int(value) if abs(value) < 1e16 else int(Decimal(f"{value:.3e}"))
    figures = str(abs(value))
    digits = figures.rstrip("0")
    if len(figures) - len(digits) < 4 or len(digits) > 4:
        return f"{value:,}"
    mantissa = digits[0] + ("." + digits[1:] if digits[1:] else "")
    return f"{'-' if value < 0 else ''}{mantissa}e{len(figures) - 1}"


def plus_minus(mean: float, mcse: float, *, short: bool = False) -> str:
    """A mean and its Monte Carlo standard error, to the error's first digit; the mean alone where it has none.

    ``short`` writes 0.2003(4) for 0.2003 ± 0.0004, the error in units of the last digit. Where that would take more
    than six decimals (four digits of a small mean) the mean is cut there, and a short error rounded up to 1.
    """
    if math.isnan(mean):
        return "-"
    if not math.isfinite(mean) or math.isnan(mcse) or mcse <= 1e-12 * abs(mean):
        return f"{mean:.4g}"
    error = f"{mcse:.0e}"
    place = int(error.split("e")[1])  # of the error's first digit, after rounding
    if place > 0 and abs(mean) < 1e6:
        return f"{mean:.0f} ± {mcse:.0f}"
    if -6 <= place <= 0:
        value = f"{mean:.{-place}f}"
        return f"{value}({error[0]})" if short else f"{value} ± {mcse:.{-place}f}"
    if place < 0 and abs(mean) >= 1e-3:
        return f"{mean:.6f}(1)" if short else f"{mean:.6f} ± {error}"
    if not mean:
        return f"0 ± {error}"
    digits = int(f"{mean:e}".split("e")[1]) - place
    mantissa, exponent = f"{mean:.{min(max(digits, 0), 3)}e}".split("e")
    if short and digits >= 0:
        return f"{mantissa}({error[0] if digits <= 3 else 1})e{exponent}"
    return f"{mantissa}e{exponent} ± {error}"


def exactly(value: object) -> str:
    """A setting, short where four digits are all that it has: 0.3, but 0.30001."""
    short = number(value)
    if isinstance(value, float) and math.isfinite(value) and float(short.replace(",", "")) != value:
        return repr(value)
    return short


INK = {"±": "+-", "─": "-", "−": "-", "≥": ">=", "≤": "<=", "…": "...", "—": "--", "’": "'"}


def writable(text: str, encoding: str | None) -> str:
    """The text as an output of that encoding can take it: as it is, else in ASCII, else with escapes."""
    encoding = encoding or "utf-8"
    try:
        text.encode(encoding)
    except UnicodeEncodeError:
        text = "".join(INK.get(sign, sign) for sign in text)
        text = text.encode(encoding, "backslashreplace").decode(encoding)
    except LookupError:
        pass
    return text


def printable(text: str) -> str:
    """The text on one line that no terminal takes for an order: what cannot be printed is escaped."""
    return "".join(sign if sign.isprintable() else sign.encode("unicode_escape").decode() for sign in text)


def plural(count: int, noun: str) -> str:
    """A count and its noun: ``1 block``, ``2 blocks``."""
    return f"{count:,} {noun}{'' if count == 1 else 's'}"


def duration(seconds: float) -> str:
    """A time as a reader wants it: ``0.3 s``, ``42 s``, ``7 min``, ``3.5 h``, ``12 days``."""
    for unit, size, below in (("s", 1, 100), ("min", 60, 100), ("h", 3600, 48)):
        if seconds / size < below:
            return f"{seconds / size:.1f} {unit}" if seconds / size < 9.95 else f"{seconds / size:.0f} {unit}"
    return f"{seconds / 86400:,.0f} days"


def storage(size: float) -> str:
    """Bytes as a reader wants them: ``800 kB``, ``1.2 GB``, in thousands."""
    for unit in ("bytes", "kB", "MB", "GB"):
        if size < 999.5:
            return f"{size:.3g} {unit}"
        size /= 1000
    return f"{size:.3g} TB" if size < 999.5 else f"{size:,.0f} TB"


def settings_text(settings: Mapping[str, object], names: Sequence[str]) -> str:
    """Some settings as ``draws = 1e6, answers = 3``."""
    return ", ".join(f"{name} = {exactly(settings[name])}" for name in names)
