"""Sizes and numbers as people write them: ``500k``, ``25 MB``, ``2 Go``, ``100 MiB``; ``12 408``."""

import re

NARROW_SPACE = "\u202f"
_SIZE = re.compile(r"(\d+(?:\.\d+)?)\s*([kmgt]?)(i?)[bo]?", re.IGNORECASE)


def parse_size(text: str) -> int:
    """Octets; a thousand k's to an M, 1,024 with an ``i``. Raises ValueError for what is no size."""
    found = _SIZE.fullmatch(text.strip())
    if found is None or (found[3] and not found[2]):
        raise ValueError(f"not a size: {text}")
    return int(float(found[1]) * (1024 if found[3] else 1000) ** ("", "k", "m", "g", "t").index(found[2].lower()))


def size_of(octets: int) -> str:
    """As `parse_size` reads it: ``5 GB``, ``1.5 MB``; in the largest unit that it is not below, to a thousandth."""
    for power, unit in ((4, "TB"), (3, "GB"), (2, "MB"), (1, "kB")):
        if octets >= 1000**power:
            text = f"{octets / 1000**power:.3f}".rstrip("0").rstrip(".")
            return f"{text} {unit}"
    return f"{octets} B"


def grouped(number: int) -> str:
    """``12 408``, with a narrow space that does not break."""
    return f"{number:,}".replace(",", NARROW_SPACE)
