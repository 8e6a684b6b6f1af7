"""A small, correct IMAP4rev1 server for tests, which can be told one oddity of some real server.

In: a `Quirk` (the plain one changes nothing) and messages put straight into `Store`. Out: an IMAP server on loopback, in a thread of
the test's own process. Always true: it shares no code with Bascule, so that neither can hide the other's mistake; its state is
plain objects that a test reads and changes without IMAP; every command that it got is in ``commands``, in order.

`catalogue` names every quirk. A quirk is a class that overrides one or a few of the steps in `Quirk`.
"""

from support.quirks.quirk import EXACT, NAMED, Allowed, Ends, Quirk
from support.quirks.server import QuirkServer
from support.quirks.store import Folder, Message, Store

__all__ = ["EXACT", "NAMED", "Allowed", "Ends", "Folder", "Message", "Quirk", "QuirkServer", "Store"]
