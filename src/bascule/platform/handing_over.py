"""A mailbox moves to another node: copied while it is in use, then, in a moment in which it is closed to all, brought up to date and retired.

What is handed over is a folder: ``mailbox`` (a copy, see `bascule.mailbox.copying`) and ``account.json``. It is carried by whatever carries files, and
taken over there. Until then mail for the account is refused for a while (451), so that it waits where it is; nothing is lost, and nothing is in two
places: the mailbox that was left says so to whoever opens it. `take_back` undoes it.

Each step may be the last one before a crash; the same command done again goes on from there.

* Handing over: the copy is synced, and ``account.json`` beside it, before the mailbox is marked as left, and that before the accounts are told.
* Taking over: the mailbox is complete beside its place before it goes there. Where one lies there that had left, it makes way for a moment
  (``ID.left``), in which no server process makes a new one (`bascule.platform.mailboxes`). The mailbox bears the parcel's mark
  (``meta.arriving``) until the accounts know of it, so that a taking over that was cut off between the two is not done again over mail that came
  since. One at a time in an installation.
"""

import hashlib
import json
import os
import re
import shutil
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any

from bascule.mailbox import Mailbox, check
from bascule.mailbox.copying import STAMP, copy_mailbox
from bascule.mailbox.database import sync_file
from bascule.mailbox.format import CATALOGUE, MailboxError
from bascule.mailbox.live import HANDED_OVER, LiveMailbox
from bascule.mailbox.lock import alone
from bascule.mailbox.mailbox import open_alone
from bascule.platform.accounts import Account, AccountStore, require_here
from bascule.platform.mailboxes import LEFT
from bascule.platform.wakeups import RELEASE, send_to_all
from bascule.terms.errors import BasculeError, ExitStatus

MAILBOX, ACCOUNT = "mailbox", "account.json"
_ID = re.compile(r"[0-9a-f]{32}")
"""It becomes the name of a folder here, and comes from elsewhere."""
CLOSING_SECONDS = 30.0
"""To wait for the server processes to close the mailbox."""
_ARRIVING = ".arriving"
_MARK = "arriving"
"""Of ``meta``: see above."""


def hand_over(data: Path, accounts: AccountStore, account: Account, folder: Path, tell: Callable[[str], None]) -> None:
    """Bring ``folder`` up to date, and retire the mailbox here. Cut off, or refused, the mailbox goes on here; do it again. Raises BasculeError."""
    require_here(account)
    place = data / "mailboxes" / f"{account.id}.mailbox"
    try:
        folder.mkdir(parents=True, exist_ok=True, mode=0o700)
    except OSError as error:
        raise BasculeError(f"{folder} can't be made: {error.strerror}.", "Name a folder that this user may write to.", ExitStatus.USAGE) from error  # fmt: skip
    if any(each.name not in (MAILBOX, ACCOUNT) for each in folder.iterdir()):
        raise BasculeError(f"{folder} holds something else.", "Name an empty folder.", ExitStatus.USAGE)
    tell("Copying, while it is in use …")
    for _ in range(2):  # the second time what came during the first
        copy_mailbox(place, folder / MAILBOX)
    tell("Closing it …")
    ask_for_way = partial(send_to_all, data / "run", RELEASE + account.id)
    with open_alone(place, ask_for_way, CLOSING_SECONDS) as mailbox:
        copy_mailbox(place, folder / MAILBOX, is_alone=True)
        told = accounts.exported(account.login)
        _write(folder / ACCOUNT, json.dumps(told, indent=1))
        mailbox.set_meta("live", HANDED_OVER)
    accounts.handed_over(told)  # last: nobody takes over what is still in use


def _write(path: Path, text: str) -> None:
    """Whole and synced, or as it was; for its owner alone, since it holds the password's hash."""
    partial = (
        path.parent / MAILBOX / f"{path.name}.partial"
    )  # the folder beside it holds nothing but what is handed over
    partial.unlink(missing_ok=True)
    partial.touch(mode=0o600)
    partial.write_text(text, "utf-8")
    sync_file(partial)
    os.replace(partial, path)
    sync_file(path.parent)


def is_handed_over(data: Path, account: Account) -> bool:
    """Whether its mailbox is closed here, for another node to take over. One that was never used, or can't be read, is not."""
    try:
        return _meta(data / "mailboxes" / f"{account.id}.mailbox", "live") == HANDED_OVER
    except MailboxError:
        return False


def require_handed_over(data: Path, account: Account) -> None:
    """Raises BasculeError."""
    require_here(account)
    if not is_handed_over(data, account):
        raise BasculeError(f"The mailbox of {account.login} was not handed over.", "It is in use here.", ExitStatus.USAGE)  # fmt: skip


def take_back(data: Path, accounts: AccountStore, account: Account) -> None:
    """Use a mailbox here again that was handed over. Where no portal knows better, whoever calls must know that it was taken over nowhere. Raises BasculeError."""
    require_handed_over(data, account)
    with Mailbox.open(data / "mailboxes" / f"{account.id}.mailbox", shared=True) as mailbox:
        if mailbox.meta("live") != HANDED_OVER:
            raise BasculeError(
                f"The mailbox of {account.login} was not handed over.", "It is in use here.", ExitStatus.USAGE
            )
        accounts.taken_back(account)
        mailbox.set_meta("live", "1")


def take_over(data: Path, accounts: AccountStore, folder: Path) -> str:
    """Verify what was handed over, and use it here, also where it once left from: the account's login. The folder stays as it is. Raises BasculeError; then nothing is in use."""
    told, mark = _read(folder)
    login: str = told["login"]
    mailboxes = data / "mailboxes"
    mailboxes.mkdir(parents=True, exist_ok=True, mode=0o700)
    with alone(mailboxes):
        place = mailboxes / f"{told['id']}.mailbox"
        left = place.with_suffix(LEFT)
        if left.exists() and not place.exists():  # cut off in the moment between
            left.rename(place)
        accounts.require_takeable(told)
        if _meta(place, "live") != "1" or _meta(place, _MARK) != mark:
            _require_whole(folder)
            _require_coming(accounts, told, place)
            _put(folder / MAILBOX, place, mark, lambda: _require_coming(accounts, told, place))
        with LiveMailbox.open(place) as box:
            owner = accounts.take(told)  # last: an account without its mailbox would be given an empty one
            for identifier in box.sharing.identifiers():
                accounts.share(owner, identifier)
            box.mailbox.forget_meta(_MARK)
    return login


def _read(folder: Path) -> tuple[dict[str, Any], str]:
    """What ``account.json`` says, and the parcel's mark. It comes from elsewhere: its id becomes a name here. Raises BasculeError."""
    try:
        octets = (folder / ACCOUNT).read_bytes()
        told = json.loads(octets)
        if not (_ID.fullmatch(told["id"]) and isinstance(told["login"], str)):
            raise ValueError("not an account")
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise BasculeError(
            f"{folder} is not what “bascule account hand-over” made.", "Name that folder.", ExitStatus.USAGE
        ) from error
    return told, hashlib.sha256(octets).hexdigest()


def _require_whole(folder: Path) -> None:
    findings = check(folder / MAILBOX)
    if findings:
        raise BasculeError(
            f"The mailbox in {folder} is damaged: {findings[0].what}.", "Copy it here again.", ExitStatus.MISSING
        )


def _require_coming(accounts: AccountStore, told: dict[str, Any], place: Path) -> None:
    """Raises BasculeError where the account is in use here."""
    there = accounts.find(told["login"])
    if there is None:
        return
    if there.id != told["id"] or (there.is_here and _meta(place, "live") != HANDED_OVER):
        raise BasculeError(
            f"There is an account {told['login']} here.",
            "It was taken over already, or it is another's.",
            ExitStatus.USAGE,
        )


def _meta(place: Path, key: str) -> str | None:
    """None too where there is no mailbox."""
    if not (place / CATALOGUE).exists():
        return None
    with Mailbox.open(place, read_only=True) as mailbox:
        return mailbox.meta(key)


def _put(source: Path, place: Path, mark: str, require_coming: Callable[[], None]) -> None:
    """A copy of ``source`` at ``place``, ready to be used; what is there, and had left, goes. Raises BasculeError, OSError."""
    arriving, left = place.with_suffix(_ARRIVING), place.with_suffix(LEFT)
    for leftover in (arriving, left):
        shutil.rmtree(leftover, ignore_errors=True)
    copy_mailbox(source, arriving)
    (arriving / STAMP).unlink(missing_ok=True)
    with Mailbox.open(arriving) as mailbox:
        mailbox.set_meta(_MARK, mark)
        mailbox.set_meta("live", "1")  # where a hand-over was done again, it was copied as one that had left
    if place.exists():
        with alone(place, wait_seconds=CLOSING_SECONDS):  # each program that asks for it opens it, to be refused
            require_coming()  # nobody took it back meanwhile
            place.rename(left)
            arriving.rename(place)
    else:
        arriving.rename(place)
    sync_file(place.parent)
    shutil.rmtree(left, ignore_errors=True)
