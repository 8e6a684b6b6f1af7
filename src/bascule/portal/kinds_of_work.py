"""Which function does which kind of long work (`bascule.portal.jobs`). As `urls` does for pages, this names rooms that know nothing of one another."""

from collections.abc import Mapping

from bascule.portal.directory import long_work
from bascule.portal.jobs.models import Kind
from bascule.portal.jobs.working import Doing

KINDS: Mapping[str, Doing] = {Kind.IMPORT: long_work.import_members, Kind.PROVISION: long_work.make_ready}
