"""Words of differences and of the record, in the reader's language."""

from dataclasses import dataclass

from django.utils.translation import gettext
from django.utils.translation import gettext_lazy as _

from bascule.campaign.difference import Change, Difference
from bascule.campaign.wrong import RowError
from bascule.portal.directory.models import ROLE_NAMES, Mailbox

CHANGE_NAMES = {
    Change.NEW: _("new"),
    Change.CHANGED: _("changed"),
    Change.LEAVING: _("leaves"),
    Change.SAME: _("the same"),
}
FIELD_NAMES = {
    "sign_on": _("sign-on name"),
    "name": _("name"),
    "address": _("address"),
    "aliases": _("other addresses"),
    "wave": _("wave"),
    "office": _("office"),
    "site": _("site"),
    "language": _("language"),
    "role": _("role"),
    "owners": _("owners"),
    "quota": _("quota"),
    "old_url": _("old mailbox"),
    "old_way": _("way into the old mailbox"),
    "old_secret": _("password of the old mailbox"),
    "state": _("state"),
}

INSTANT_NAMES = {
    "credentials_open": _("credentials open"),
    "switch": _("switch"),
    "all_assistance": _("full assistance"),
    "archive_closes": _("archive closes"),
    "backup_destroyed": _("backup is destroyed"),
}


@dataclass(frozen=True, slots=True)
class DifferenceInWords:
    line: int
    change: str
    """Of `Change`."""
    change_name: str
    who: str
    address: str
    fields: tuple[tuple[str, str, str], ...]
    """Name, before, after."""


def difference_in_words(each: Difference) -> DifferenceInWords:
    who = each.row.name if each.row else each.present.name if each.present else ""
    fields = tuple((str(FIELD_NAMES[name]), before, after) for name, before, after in each.fields)
    return DifferenceInWords(each.line, each.change.value, str(CHANGE_NAMES[each.change]), who, each.address, fields)


_VALUE_NAMES = {
    **{kind.value: name for kind, name in Mailbox.KIND_NAMES.items()},
    **{role.value: name for role, name in ROLE_NAMES.items()},
    "password": _("password"),
    "administrator": _("administrator"),
    "token": _("token"),
}
"""What columns of a list may say. A list may say it in French, too."""


def error_in_words(error: RowError) -> str:
    """What is wrong with a line: columns and what they may say are named as the reader's language does."""
    values = dict(error.values)
    for name in {"column", "kind", "was"} & values.keys():
        values[name] = str(FIELD_NAMES.get(values[name]) or _VALUE_NAMES.get(values[name], values[name]))
    if "choices" in values:
        values["choices"] = ", ".join(str(_VALUE_NAMES.get(each, each)) for each in values["choices"].split(", "))
    return gettext(error.sentence) % values


RECORD_NAMES = {
    "import-new": _("brought in, new"),
    "import-changed": _("changed by the list"),
    "import-leaving": _("left, by the list"),
    "list-brought-in": _("a list was brought in"),
    "provisioned": _("mailboxes were made ready"),
    "work-stopped": _("work was stopped"),
    "work-gone-on": _("work goes on"),
    "password-renewed": _("a new password was made"),
    "password-set": _("a password was set"),
    "password-shown": _("a password was shown"),
    "locked": _("the mailbox was locked"),
    "unlocked": _("the mailbox was opened again"),
    "taken-from-before": _("taken over from before the portal"),
    "wait-lifted": _("let in again after wrong passwords"),
    "quota-set": _("the quota was set"),
    "handed-over": _("the mailbox is on its way to another machine"),
    "taken-over": _("the mailbox moved to another machine"),
    "state-present": _("the member is back"),
    "state-left": _("the member left"),
    "state-compromised": _("the account is compromised"),
    "state-locked": _("the mailbox was locked"),
    "state-unlocked": _("the mailbox was opened again"),
    "wave-changed": _("moved to another wave"),
    "wave-made": _("a wave was made"),
    "wave-named": _("a wave was renamed"),
    "wave-removed": _("an empty wave was removed"),
    "calendar-changed": _("the calendar was changed"),
    "banner-set": _("a banner was shown"),
    "banner-removed": _("the banner was taken away"),
}
"""Of `Note.what`."""
