"""Bascule moves an institution's mail and calendars to a new platform, and proves that nothing was lost.

The packages are the rooms of ``docs/architecture.md``, in the order that data flows.
"""

__version__ = "0.1.0"
