"""Notices to the sender: late, or never. RFC 3464 in RFC 6522's form; in French and English, for a person and not for an expert."""

import re
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, tzinfo
from email.message import EmailMessage, Message
from email.policy import SMTP
from email.utils import format_datetime

from bascule.protocols.mime.header import written
from bascule.terms.french import DAYS, MONTHS
from bascule.terms.printable import printable


@dataclass(frozen=True, slots=True)
class Failing:
    """``reply``: what the last attempt ended with; ``status``: RFC 3463."""

    address: str
    status: str
    reply: str


_UNPRINTABLE = re.compile(r"[^\n\r\t -~]|\r(?!\n)")
"""Of a header that goes back to its sender, in a part that says it has seven bits."""


LINE_CHARACTERS = 900
"""Of a line of the returned header: RFC 5322 §2.1.1 forbids more than 998, and some servers refuse them."""


def french_date(at: datetime) -> str:
    return f"{DAYS[at.weekday()]} {at.day} {MONTHS[at.month - 1]} {at.year} à {at.hour} h {at.minute:02d}"


def english_date(at: datetime) -> str:
    return at.strftime(f"%A {at.day} %B %Y at %H:%M")


def notice(
    *, hostname: str, message: str, sender: str, subject: str, failing: Sequence[Failing], header: bytes, is_final: bool,
    arrived_utc: float, now_utc: float, until_utc: float, zone: tzinfo,
) -> bytes:  # fmt: skip
    """A message to ``sender`` about ``message`` (the queue's number). ``header``: of the message, returned with the notice.

    It is ASCII, but for an address of its recipient that is not (RFC 6532 §3.2), which an encoded word must not stand in for (RFC 2047 §5).
    """
    built = EmailMessage(policy=SMTP.clone(cte_type="7bit"))
    built["From"] = f"Mail delivery <MAILER-DAEMON@{hostname}>"
    about = printable(" ".join(subject.split()), 150)
    if is_final:
        built["Subject"] = f"Message non remis : {about} / Not delivered: {about}"
    else:
        built["Subject"] = f"Message en attente : {about} / Delayed: {about}"
    built["Date"] = format_datetime(datetime.fromtimestamp(int(now_utc), UTC))
    built["Message-ID"] = f"<{message}.{'failed' if is_final else 'delayed'}.{int(now_utc)}@{hostname}>"
    built["Auto-Submitted"] = "auto-replied"
    built["MIME-Version"] = "1.0"
    built["Content-Type"] = "multipart/report"
    built.set_param("report-type", "delivery-status")
    text = _final_text(failing, about) if is_final else _late_text(failing, about, until_utc, zone)
    words = EmailMessage(policy=SMTP)
    words.set_content(text, cte="quoted-printable")
    built.attach(words)
    status = _status(hostname, message, failing, arrived_utc, is_final=is_final, until_utc=until_utc)
    built.attach(status)  # type: ignore[arg-type]
    returned = EmailMessage(policy=SMTP)
    returned["Content-Type"] = "text/rfc822-headers; charset=utf-8"
    returned["Content-Transfer-Encoding"] = "7bit"
    returned.set_payload(_returned(header))
    built.attach(returned)
    return written("To", sender).octets + built.as_bytes()


def _returned(header: bytes) -> str:
    """What seven bits can hold of it, in lines that every server takes: one that refused a notice would end it, since none follows."""
    text = _UNPRINTABLE.sub("?", header.decode("utf-8", "replace"))
    return "\n".join(line[:LINE_CHARACTERS] for line in text.splitlines())


def _listed(failing: Sequence[Failing]) -> str:
    return "\n".join(f"  {printable(each.address)}\n    {printable(each.reply)}" for each in failing)


def _final_text(failing: Sequence[Failing], subject: str) -> str:
    return (
        f"Votre message « {subject} » n'a pas pu être remis à :\n\n{_listed(failing)}\n\n"
        "Vérifiez l'adresse, puis envoyez le message de nouveau. Il n'y aura pas d'autre tentative.\n"
        "Si l'adresse est juste, transmettez cet avis à votre assistance : la dernière ligne dit ce que l'autre serveur a répondu.\n\n"
        "----\n\n"
        f"Your message “{subject}” could not be delivered to:\n\n{_listed(failing)}\n\n"
        "Check the address, then send the message again. There will be no other attempt.\n"
        "If the address is right, pass this notice on to your help desk: the last line says what the other server answered.\n"
    )


def _late_text(failing: Sequence[Failing], subject: str, until_utc: float, zone: tzinfo) -> str:
    until = datetime.fromtimestamp(until_utc, zone)
    return (
        f"Votre message « {subject} » n'a pas encore pu être remis à :\n\n{_listed(failing)}\n\n"
        f"Vous n'avez rien à faire : les tentatives continuent jusqu'au {french_date(until)} ({until.tzname()}).\n"
        "S'il n'est toujours pas remis alors, vous recevrez un autre avis.\n\n"
        "----\n\n"
        f"Your message “{subject}” could not be delivered yet to:\n\n{_listed(failing)}\n\n"
        f"You need not do anything: it is tried again until {english_date(until)} ({until.tzname()}).\n"
        "If it is not delivered by then, another notice will tell you.\n"
    )


def _status(
    hostname: str, message: str, failing: Sequence[Failing], arrived_utc: float, *, is_final: bool, until_utc: float
) -> Message:
    """RFC 3464 §2.2 (of the message) and §2.3 (of each recipient)."""
    groups: list[Message | str] = [
        _fields(
            {
                "Reporting-MTA": f"dns; {hostname}",
                "X-Bascule-Queue-ID": message,
                "Arrival-Date": format_datetime(datetime.fromtimestamp(int(arrived_utc), UTC)),
            }
        )
    ]
    for each in failing:
        told = {
            "Final-Recipient": f"{'rfc822' if each.address.isascii() else 'utf-8'}; {_ascii(each.address)}",
            "Action": "failed" if is_final else "delayed",
            "Status": each.status,
            "Diagnostic-Code": f"smtp; {_ascii(each.reply)[:400]}",
        }
        if not is_final:
            told["Will-Retry-Until"] = format_datetime(datetime.fromtimestamp(int(until_utc), UTC))
        groups.append(_fields(told))
    part = Message()
    part["Content-Type"] = "message/delivery-status"
    part.set_payload(groups)
    return part


def _fields(told: dict[str, str]) -> Message:
    group = Message()
    for name, value in told.items():
        group[name] = value
    return group


def _ascii(text: str) -> str:
    """RFC 6533 §3: what is beyond ASCII is written \\x{…}."""
    return "".join(c if " " <= c <= "~" else f"\\x{{{ord(c):X}}}" for c in " ".join(text.split()))
