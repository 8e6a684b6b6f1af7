"""A mailbox moves to another node: copied while it is in use, then, in a moment in which it is closed to all, brought up to date and retired.

What is handed over is a folder: ``mailbox`` (a copy, see `bascule.mailbox.copying`) and ``account.json``. It is carried by whatever carries files, and
taken over there. Until then mail for the account is refused for a while (451), so that it waits where it is; nothing is lost, and nothing is in two
places: the mailbox that was left says so to whoever opens it. `take_back` undoes it.
"""

import json
import re
import shutil
import time
from collections.abc import Callable
from pathlib import Path

from bascule.mailbox import Mailbox, check
from bascule.mailbox.copying import STAMP, copy_mailbox
from bascule.mailbox.format import MailboxInUse
from bascule.mailbox.live import HANDED_OVER, LiveMailbox
from bascule.platform.accounts import Account, AccountStore, require_here
from bascule.platform.wakeups import RELEASE, send_to_all
from bascule.terms.errors import BasculeError, ExitStatus

MAILBOX, ACCOUNT = "mailbox", "account.json"
_ID = re.compile(r"[0-9a-f]{32}")
"""It becomes the name of a folder here, and comes from elsewhere."""
CLOSING_SECONDS = 30.0
"""To wait for the server processes to close the mailbox."""


def hand_over(data: Path, accounts: AccountStore, account: Account, folder: Path, tell: Callable[[str], None]) -> None:
    """Bring ``folder`` up to date, and retire the mailbox here. Cut off, or refused, the mailbox goes on here; do it again. Raises BasculeError."""
    require_here(account)
    place = data / "mailboxes" / f"{account.id}.mailbox"
    folder.mkdir(parents=True, exist_ok=True, mode=0o700)
    if any(each.name not in (MAILBOX, ACCOUNT) for each in folder.iterdir()):
        raise BasculeError(f"{folder} holds something else.", "Name an empty folder.", ExitStatus.USAGE)
    tell("Copying, while it is in use …")
    for _ in range(2):  # the second time what came during the first
        copy_mailbox(place, folder / MAILBOX)
    tell("Closing it …")
    with _alone(data, account.id, place) as mailbox:
        copy_mailbox(place, folder / MAILBOX, is_alone=True)
        (folder / ACCOUNT).touch(mode=0o600)  # it holds the password's hash
        told = accounts.exported(account.login)
        (folder / ACCOUNT).write_text(json.dumps(told, indent=1), "utf-8")
        mailbox.set_meta("live", HANDED_OVER)
    accounts.handed_over(told)  # last: nobody takes over what is still in use


def _alone(data: Path, account: str, place: Path) -> Mailbox:
    """The mailbox, which nobody else has open. Raises MailboxInUse."""
    deadline = time.monotonic() + CLOSING_SECONDS
    while True:
        send_to_all(data / "run", RELEASE + account)
        try:
            return Mailbox.open(place)
        except MailboxInUse:
            if time.monotonic() > deadline:
                raise
            time.sleep(0.1)


def take_back(data: Path, accounts: AccountStore, account: Account) -> None:
    """Use a mailbox here again that was handed over and not taken over. Raises BasculeError."""
    require_here(account)
    with Mailbox.open(data / "mailboxes" / f"{account.id}.mailbox", shared=True) as mailbox:
        if mailbox.meta("live") != HANDED_OVER:
            raise BasculeError(
                f"The mailbox of {account.login} was not handed over.", "It is in use here.", ExitStatus.USAGE
            )
        accounts.taken_back(account)
        mailbox.set_meta("live", "1")


def _was_handed_over(place: Path) -> bool:
    if not place.exists():
        return False
    with Mailbox.open(place, read_only=True) as mailbox:
        return mailbox.meta("live") == HANDED_OVER


def take_over(data: Path, accounts: AccountStore, folder: Path) -> str:
    """Verify what was handed over, and use it here, also where it once left from: the account's login. The folder stays as it is. Raises BasculeError; then nothing is in use."""
    try:
        told = json.loads((folder / ACCOUNT).read_text("utf-8"))
        place = data / "mailboxes" / f"{told['id']}.mailbox"
        login: str = told["login"]
        if not _ID.fullmatch(told["id"]):
            raise ValueError("not an account's id")
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise BasculeError(
            f"{folder} is not what “bascule account hand-over” made.", "Name that folder.", ExitStatus.USAGE
        ) from error
    accounts.require_takeable(told)
    findings = check(folder / MAILBOX)
    if findings:
        raise BasculeError(
            f"The mailbox in {folder} is damaged: {findings[0].what}.", "Copy it here again.", ExitStatus.MISSING
        )
    there = accounts.find(login)
    is_coming = there is not None and there.id == told["id"] and (not there.is_here or _was_handed_over(place))
    if there is not None and not is_coming:
        raise BasculeError(
            f"There is an account {login} here.", "It was taken over already, or it is another's.", ExitStatus.USAGE
        )
    arriving, left = place.with_suffix(".arriving"), place.with_suffix(".left")
    for leftover in (arriving, left):
        shutil.rmtree(leftover, ignore_errors=True)
    copy_mailbox(folder / MAILBOX, arriving)
    (arriving / STAMP).unlink()
    with Mailbox.open(
        arriving
    ) as mailbox:  # copied once it was closed there, it is marked so: where a hand-over was done again
        mailbox.set_meta("live", "1")
    if place.exists():
        place.rename(left)
    arriving.rename(place)
    shutil.rmtree(left, ignore_errors=True)
    with LiveMailbox.open(place) as box:
        owner = accounts.take(told)  # last: an account without its mailbox would be given an empty one
        for identifier in box.sharing.identifiers():
            accounts.share(owner, identifier)
    return login
