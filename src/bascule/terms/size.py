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


def grouped(number: int) -> str:
    """``12 408``, with a narrow space that does not break."""
    return f"{number:,}".replace(",", NARROW_SPACE)
