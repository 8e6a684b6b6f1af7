"""What follows when somebody's password is made anew or their account is closed, in words, before it is done."""

from django.urls import reverse
from django.utils.translation import gettext as _

from bascule.portal.control.sure import Act
from bascule.portal.directory.models import Mailbox, Member, MemberState

CLOSES = ("locked", MemberState.COMPROMISED, MemberState.LEFT)
"""States in which nobody signs in to the mailbox."""


def _sessions_end() -> str:
    return _("Nobody can sign in to the mailbox any more; open sessions end at once. It still takes mail.")


def _signs_on_no_more() -> str:
    return _("The member can no longer sign on to the portal.")


def of_renewing(person: Member) -> Act:
    return Act(
        _("A new password for %(name)s?") % {"name": person.name},
        [
            _("The present password is refused at once, and open sessions end: phone and computer ask for the new one."),
            _("A sheet that was printed, or a note of it, is void. The member is told so on their page, and finds the new one there."),
        ],
        _("This can't be undone: the present password does not come back."),
        _("Make a new password"), reverse("member", args=[person.pk]),
    )  # fmt: skip


def of_closing(person: Member, wanted: str, *, is_self: bool) -> Act:
    titles = {
        "locked": _("Lock the mailbox of %(name)s?"),
        MemberState.COMPROMISED: _("Is the account of %(name)s compromised?"),
        MemberState.LEFT: _("Has %(name)s left?"),
    }
    buttons = {
        "locked": _("Lock the mailbox"),
        MemberState.COMPROMISED: _("Close the account, with a new password"),
        MemberState.LEFT: _("The member left"),
    }
    follows = [_sessions_end()]
    if wanted != "locked":
        follows.append(_signs_on_no_more())
    if wanted == MemberState.COMPROMISED:
        follows.append(_("A new password is made; the present one is refused for ever. The member finds it on their page once you open the account again."))  # fmt: skip
    if is_self and wanted != "locked":
        follows.append(_("This is you: you are signed out at once."))
    return Act(
        titles[wanted] % {"name": person.name}, follows,
        _("“Open it again”, on the same page, undoes it.") if wanted != MemberState.COMPROMISED else _("“Open it again”, on the same page, undoes it; the former password does not come back."),
        buttons[wanted], reverse("member", args=[person.pk]), fields={"state": wanted},
    )  # fmt: skip


def of_mailbox(box: Mailbox, what: str) -> Act:
    """``what``: renew or lock, of a mailbox of no one person."""
    name = {"name": box.name or box.login}
    common = {"back": reverse("mailbox", args=[box.pk]), "tab": "mailboxes", "fields": {"what": what}}
    if what == "lock":
        return Act(
            _("Lock the mailbox of %(name)s?") % name, [_sessions_end()], _("“Open it again”, on the same page, undoes it."),
            _("Lock the mailbox"), **common,
        )  # fmt: skip
    return Act(
        _("A new password for %(name)s?") % name,
        [
            _("The present password is refused at once: the application, scanner or list that uses it stops until it has the new one."),
            _("Whoever looks after it is told so on their page, and finds the new one there."),
        ],
        _("This can't be undone: the present password does not come back."), _("Make a new password"), **common,
    )  # fmt: skip


def of_wave(name: str, title: str) -> Act:
    return Act(
        _("Remove the wave “%(name)s”?") % {"name": title},
        [_("Nobody is in it, so nothing changes for anybody. Its dates are forgotten.")],
        _("It can be made again, with its dates; the record says what they were."),
        _("Remove the wave"), reverse("wave", args=[name]), tab="overview",
    )  # fmt: skip
