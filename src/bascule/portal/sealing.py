"""Everything that the portal keeps sealed, named in one place: after `bascule campaign keys` all of it is under the newest key."""

from allauth.mfa.models import Authenticator
from django.db import models, transaction

from bascule.portal.directory.models import Mailbox, MemberList
from bascule.portal.keys import Keys

_COLUMNS: dict[type[models.Model], tuple[str, ...]] = {Mailbox: ("shown", "old_secret"), MemberList: ("sealed",)}
_SECOND_FACTOR = ("secret", "seed")
"""Of an authenticator's data: the secret of an app that makes codes; the seed of recovery codes."""


def seal_anew(keys: Keys) -> int:
    """How many rows. Run again, it goes on. Raises ValueError where something was sealed with a key that is not there."""
    count = 0
    for model, names in _COLUMNS.items():
        something = models.Q(*(~models.Q(**{name: ""}) for name in names), _connector=models.Q.OR)
        for number in list(model._base_manager.filter(something).values_list("pk", flat=True)):
            with transaction.atomic():
                row = model._base_manager.select_for_update().get(pk=number)
                for name in names:
                    sealed = getattr(row, name)
                    setattr(row, name, keys.seal_anew(sealed) if sealed else "")
                row.save(update_fields=names)
            count += 1
    for number in list(Authenticator.objects.values_list("pk", flat=True)):
        with transaction.atomic():
            row = Authenticator.objects.select_for_update().get(pk=number)
            for name in _SECOND_FACTOR:
                if name in row.data:
                    row.data[name] = keys.seal_anew(row.data[name])
            row.save(update_fields=["data"])
        count += 1
    return count
