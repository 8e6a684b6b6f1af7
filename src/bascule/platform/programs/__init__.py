"""What people's mail programs, and the DNS that they ask, are told about an installation.

In: its settings. Out: text and files, made anew each time; nothing is kept. Microsoft's autodiscover comes with ActiveSync.
"""

from bascule.platform.programs.autoconfig import autoconfig
from bascule.platform.programs.mobileconfig import mobileconfig, sign
from bascule.platform.programs.offers import Offer, Use, offers
from bascule.platform.programs.zone import zone_records

__all__ = ["Offer", "Use", "autoconfig", "mobileconfig", "offers", "sign", "zone_records"]
