"""Sessions in the database, as Django keeps them; but every page asks for one, so that query is prepared. Named in the settings (SESSION_ENGINE)."""

from django.contrib.sessions.backends import db
from django.contrib.sessions.models import Session
from django.utils import timezone

from bascule.portal.prepared import Prepared

_of_key: Prepared[Session] = Prepared(lambda key: Session.objects.filter(session_key=key), "a key")


class SessionStore(db.SessionStore):
    def _get_session_from_db(self) -> Session | None:
        """None where there is none, or it has ended: its key is forgotten then, as Django does."""
        found = next(iter(_of_key(self.session_key)), None)
        if found is None or found.expire_date <= timezone.now():
            self._session_key = None
            return None
        return found
