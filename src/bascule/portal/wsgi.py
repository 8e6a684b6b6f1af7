"""The portal as a WSGI application; ``BASCULE_CONFIG`` names the installation."""

import os
from pathlib import Path

from django.core.wsgi import get_wsgi_application

from bascule.portal.start import start

start(Path(os.environ["BASCULE_CONFIG"]))
application = get_wsgi_application()
