"""Django's settings, made of ``bascule.toml`` (`bascule.portal.configuration`). The file's path comes in ``BASCULE_CONFIG``; `bascule.portal.start` sets it."""

import os
from pathlib import Path
from urllib.parse import unquote, urlsplit

from bascule.portal.configuration import PortalSettings, read_portal_settings
from bascule.portal.keys import Keys

BASCULE_CONFIG = Path(os.environ["BASCULE_CONFIG"])
BASCULE: PortalSettings = read_portal_settings(BASCULE_CONFIG)
_HERE = Path(__file__).parent
_IS_HTTPS = BASCULE.url.startswith("https://")
_HOST = urlsplit(BASCULE.url).hostname or "localhost"


def _database(settings: PortalSettings) -> dict[str, object]:
    if settings.database is None:
        return {
            "ENGINE": "django.db.backends.sqlite3",
            "CONN_MAX_AGE": None,
            "NAME": str(settings.platform.data / "portal.sqlite"),
            "OPTIONS": {
                "transaction_mode": "IMMEDIATE",  # a write begins as one: it waits its turn instead of failing half-way
                "timeout": 30,
                "init_command": "PRAGMA journal_mode = WAL; PRAGMA synchronous = FULL",
            },
        }
    parts = urlsplit(settings.database)
    password = unquote(parts.password or "")
    if settings.database_password_file is not None:
        password = settings.database_password_file.read_text("utf-8").strip()
    return {
        "ENGINE": "django.db.backends.postgresql",
        "NAME": parts.path.lstrip("/"),
        "USER": unquote(parts.username or ""),
        "PASSWORD": password,
        "HOST": parts.hostname or "",
        "PORT": str(parts.port or ""),
        "CONN_MAX_AGE": 60,
        "CONN_HEALTH_CHECKS": True,
        # A process that falls asleep within a transaction must not hold up everybody; a lease of `bascule.portal.jobs` lasts longer.
        "OPTIONS": {"connect_timeout": 5, "options": "-c idle_in_transaction_session_timeout=10s"},
    }


_keys = Keys.at(BASCULE.keys_file)
SECRET_KEY, *SECRET_KEY_FALLBACKS = _keys.signing
DEBUG = False
ALLOWED_HOSTS = [_HOST, "localhost", "127.0.0.1", "[::1]"]
ROOT_URLCONF = "bascule.portal.urls"
WSGI_APPLICATION = "bascule.portal.wsgi.application"
INSTALLED_APPS = [
    "bascule.portal.directory",
    "bascule.portal.jobs",
    "bascule.portal.shell",
    "bascule.portal.sign_on",
    "bascule.portal.home",
    "bascule.portal.credentials",
    "bascule.portal.control",
    "django.contrib.auth",
    "django.contrib.contenttypes",
    "django.contrib.sessions",
    "django.contrib.messages",
    "django.contrib.staticfiles",
    "allauth",
    "allauth.account",
    "allauth.socialaccount",
    "allauth.socialaccount.providers.openid_connect",
    "allauth.mfa",
]
MIDDLEWARE = [
    "django.middleware.security.SecurityMiddleware",
    "bascule.portal.shell.middleware.health",
    "whitenoise.middleware.WhiteNoiseMiddleware",
    "csp.middleware.CSPMiddleware",
    "django.contrib.sessions.middleware.SessionMiddleware",
    "bascule.portal.shell.middleware.language",
    "django.middleware.common.CommonMiddleware",
    "django.middleware.csrf.CsrfViewMiddleware",
    "bascule.portal.shell.middleware.signed_on",
    "bascule.portal.shell.middleware.mailbox_session",
    "django.contrib.messages.middleware.MessageMiddleware",
    "django.middleware.clickjacking.XFrameOptionsMiddleware",
    "allauth.account.middleware.AccountMiddleware",
]
TEMPLATES = [
    {
        "BACKEND": "django.template.backends.django.DjangoTemplates",
        "APP_DIRS": True,
        "OPTIONS": {
            "builtins": ["bascule.portal.shell.tags"],
            "context_processors": [
                "django.template.context_processors.request",
                "django.contrib.auth.context_processors.auth",
                "django.contrib.messages.context_processors.messages",
                "django.template.context_processors.i18n",
                "bascule.portal.shell.context.shell",
            ],
        },
    }
]
DATABASES = {"default": _database(BASCULE)}
# Lists that operators bring may hold passwords: they stay in memory, and lie in no temporary file.
FILE_UPLOAD_HANDLERS = ["django.core.files.uploadhandler.MemoryFileUploadHandler"]
FILE_UPLOAD_MAX_MEMORY_SIZE = 20_000_000
DEFAULT_AUTO_FIELD = "django.db.models.BigAutoField"

# -- who signs on -----------------------------------------------------------------------------------------------------
AUTH_USER_MODEL = "directory.Member"
AUTHENTICATION_BACKENDS = [
    *(["bascule.portal.sign_on.local.LocalBackend"] if "local" in BASCULE.sign_on else []),
    "bascule.portal.sign_on.mailbox.MailboxBackend",
    "bascule.portal.sign_on.outside.OutsideBackend",
    *(["bascule.portal.sign_on.ldap.LdapBackend"] if "ldap" in BASCULE.sign_on else []),
]
PASSWORD_HASHERS = [
    "bascule.portal.sign_on.hashers.Argon2id",
    "django.contrib.auth.hashers.ScryptPasswordHasher",
]
AUTH_PASSWORD_VALIDATORS = [
    {"NAME": "django.contrib.auth.password_validation.MinimumLengthValidator", "OPTIONS": {"min_length": 12}},
    {"NAME": "django.contrib.auth.password_validation.CommonPasswordValidator"},
    {"NAME": "django.contrib.auth.password_validation.NumericPasswordValidator"},
]
LOGIN_URL = "sign-on"
LOGIN_REDIRECT_URL = "home"
LOGOUT_REDIRECT_URL = "home"
SESSION_ENGINE = "bascule.portal.shell.sessions"
SESSION_COOKIE_AGE = 8 * 3600
SESSION_COOKIE_SECURE = CSRF_COOKIE_SECURE = LANGUAGE_COOKIE_SECURE = _IS_HTTPS
SESSION_COOKIE_NAME = "__Host-session" if _IS_HTTPS else "bascule-session"
CSRF_COOKIE_NAME = "__Host-csrf" if _IS_HTTPS else "bascule-csrf"
SESSION_COOKIE_SAMESITE = LANGUAGE_COOKIE_SAMESITE = "Lax"
CSRF_COOKIE_HTTPONLY = LANGUAGE_COOKIE_HTTPONLY = True
CSRF_FAILURE_VIEW = "bascule.portal.shell.views.csrf_failed"
CSRF_TRUSTED_ORIGINS = [f"{urlsplit(BASCULE.url).scheme}://{urlsplit(BASCULE.url).netloc}"]
SECURE_HSTS_SECONDS = 365 * 24 * 3600 if _IS_HTTPS else 0
SECURE_PROXY_SSL_HEADER = ("HTTP_X_FORWARDED_PROTO", "https") if BASCULE.proxies else None
SECURE_REFERRER_POLICY = "same-origin"
X_FRAME_OPTIONS = "DENY"

ACCOUNT_ADAPTER = "bascule.portal.sign_on.outside.NoSignUp"
ACCOUNT_EMAIL_VERIFICATION = "none"
ACCOUNT_LOGIN_METHODS = {"username"}
ACCOUNT_SIGNUP_FIELDS = ["username*"]
ACCOUNT_USER_MODEL_USERNAME_FIELD = "sign_on"
ACCOUNT_USER_MODEL_EMAIL_FIELD = None
SOCIALACCOUNT_ADAPTER = "bascule.portal.sign_on.outside.Provider"
SOCIALACCOUNT_PROVIDERS = {
    "openid_connect": {
        "OAUTH_PKCE_ENABLED": True,
        "APPS": [
            {
                "provider_id": "institution",
                "name": BASCULE.oidc_name or BASCULE.name,
                "client_id": BASCULE.oidc_client,
                "secret": BASCULE.oidc_secret_file.read_text("utf-8").strip() if BASCULE.oidc_secret_file else "",
                "settings": {"server_url": BASCULE.oidc_issuer, "uid_field": BASCULE.oidc_claim},
            }
        ]
        if "oidc" in BASCULE.sign_on
        else [],
    }
}
MFA_ADAPTER = "bascule.portal.sign_on.second_factor.SecondFactor"
MFA_TOTP_ISSUER = BASCULE.short_name or BASCULE.name
MFA_SUPPORTED_TYPES = ["totp", "recovery_codes"]

# -- how pages look ---------------------------------------------------------------------------------------------------
LANGUAGE_CODE = "fr"
LANGUAGES = [("fr", "Français"), ("en", "English")]
LOCALE_PATHS = [_HERE / "locale"]
LANGUAGE_COOKIE_NAME = "bascule-language"
USE_I18N = True
USE_TZ = True
TIME_ZONE = BASCULE.zone
STATIC_URL = "static/"
WHITENOISE_USE_FINDERS = True
WHITENOISE_MAX_AGE = 3600
MESSAGE_STORAGE = "django.contrib.messages.storage.session.SessionStorage"
_providers = [
    f"{urlsplit(url).scheme}://{urlsplit(url).netloc}" for url in (BASCULE.oidc_issuer, BASCULE.cas_url) if url
]
CONTENT_SECURITY_POLICY = {
    "DIRECTIVES": {
        "default-src": ["'none'"],
        "script-src": ["'self'"],
        "style-src": ["'self'"],
        "img-src": ["'self'", "data:"],
        "font-src": ["'self'"],
        "connect-src": ["'self'"],
        "manifest-src": ["'self'"],
        "form-action": ["'self'", *_forms_go_to]
        if (_forms_go_to := [url for url in (BASCULE.oidc_issuer,) if url])
        else ["'self'"],
        "frame-ancestors": ["'none'"],
        "base-uri": ["'none'"],
    }
}
LOGGING = {
    "version": 1,
    "disable_existing_loggers": False,
    "filters": {"quiet": {"()": "bascule.portal.shell.logs.WithoutSecrets"}},
    "handlers": {"lines": {"class": "bascule.portal.shell.logs.Lines", "filters": ["quiet"]}},
    "root": {"handlers": ["lines"], "level": "WARNING"},
}
