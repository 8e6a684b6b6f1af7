"""The demo: a university in small, its mail, and the two platforms between which it moves.

In: a folder that is its alone. Out: servers on loopback, and messages. Always true: everything lies below that folder, every port is on
127.0.0.1, no mail leaves the machine, and what was started is stopped.
"""

from bascule.demo.members import MEMBERS, Member
from bascule.demo.new_platform import NewPlatform
from bascule.demo.platform import PASSWORD, DemoPlatform, write_endpoints
from bascule.demo.sample import sample_mail

__all__ = ["MEMBERS", "PASSWORD", "DemoPlatform", "Member", "NewPlatform", "sample_mail", "write_endpoints"]
