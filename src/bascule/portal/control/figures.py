"""How far each wave is: counted in the database, in a few queries however many members there are."""

from dataclasses import dataclass

from django.db.models import Count, Exists, F, OuterRef, Q, QuerySet

from bascule.portal.directory.kinds import SEEN, What
from bascule.portal.directory.models import Mailbox, Member, MemberState, View, Wave


@dataclass(frozen=True, slots=True)
class WaveFigures:
    wave: Wave
    members: int
    ready: int
    seen: int
    practised: int


def did(*what: What) -> Exists:
    """Of a member: whether any of ``what`` is recorded for their mailbox, with its present password."""
    views = View.objects.filter(mailbox=OuterRef("mailbox"), what__in=what)
    return Exists(views.filter(Q(mailbox__renewed_at=None) | Q(at__gte=F("mailbox__renewed_at"))))


def counted(members: QuerySet[Member]) -> dict[int, int]:
    """Wave → how many."""
    rows = members.values_list("mailbox__wave").annotate(Count("pk")).order_by()
    return {wave: count for wave, count in rows if wave is not None}


def figures() -> list[WaveFigures]:
    present = Member.objects.filter(state=MemberState.PRESENT, mailbox__is_gone=False)
    members = counted(present)
    ready = counted(present.exclude(mailbox__password=""))
    seen = counted(present.filter(did(*SEEN)))
    practised = counted(present.filter(did(What.PRACTISED)))
    return [
        WaveFigures(
            wave, members.get(wave.pk, 0), ready.get(wave.pk, 0), seen.get(wave.pk, 0), practised.get(wave.pk, 0)
        )
        for wave in Wave.objects.all()
    ]


def others() -> dict[str, int]:
    """Mailboxes of no one person, by kind."""
    rows = Mailbox.objects.filter(is_gone=False).exclude(kind=Mailbox.Kind.PERSONAL).values_list("kind").annotate(Count("pk")).order_by()  # fmt: skip
    return dict(rows)


def not_yet_seen() -> QuerySet[Member]:
    """Who has not looked at their credentials."""
    return Member.objects.filter(state=MemberState.PRESENT, mailbox__is_gone=False).exclude(did(*SEEN))
