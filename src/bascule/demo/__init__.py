"""What the demo and the tests start: a private Dovecot, and a sample mailbox.

In: a folder that is theirs alone. Out: servers on loopback, and messages. Always true: everything lies below that folder, every port is on
127.0.0.1, and what was started is stopped by its own process id.
"""

from bascule.demo.dovecot import PrivateDovecot, find_dovecot
from bascule.demo.sample import write_sample

__all__ = ["PrivateDovecot", "find_dovecot", "write_sample"]
