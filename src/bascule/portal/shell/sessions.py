"""Sessions in the database, as Django keeps them, but for two things. Named in the settings (SESSION_ENGINE).

Every page asks for one: that query is prepared. And the key in the cookie is kept as its hash: who reads the database, or a backup of it, can't
go on with anybody's session.
"""

import hashlib
from typing import Any

from django.contrib.sessions.backends import db
from django.contrib.sessions.models import Session
from django.utils import timezone

from bascule.portal.prepared import Prepared

_of_key: Prepared[Session] = Prepared(lambda key: Session.objects.filter(session_key=key), "a key")
_COLUMN = 40
"""Of Django's table. 160 bits of a hash of a random key are enough."""


def kept(key: str) -> str:
    """A session's key, as its row has it."""
    return hashlib.sha256(key.encode()).hexdigest()[:_COLUMN]


class SessionStore(db.SessionStore):
    """In the methods of Django that we go by: those of asynchronous views would keep the key itself, and are refused."""

    def _get_session_from_db(self) -> Session | None:
        """None where there is none, or it has ended: its key is forgotten then, as Django does."""
        found = next(iter(_of_key(kept(self.session_key))), None)
        if found is None or found.expire_date <= timezone.now():
            self._session_key = None
            return None
        return found

    def exists(self, session_key: str) -> bool:
        return bool(super().exists(kept(session_key)))

    def create_model_instance(self, data: dict[str, Any]) -> Session:
        made = super().create_model_instance(data)
        made.session_key = kept(made.session_key)
        return made

    async def acreate_model_instance(self, data: dict[str, Any]) -> Session:
        raise NotImplementedError("sessions are not used in asynchronous views here")

    def delete(self, session_key: str | None = None) -> None:
        key = session_key or self.session_key
        if key is not None:
            super().delete(kept(key))
