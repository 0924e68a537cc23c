"""Django settings. Every value comes from the environment as `DARKROOM_*` through the typed readers of `env`."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

from django.utils.translation import gettext_lazy as _

from config import env, social_login
from config.admin import theme
from config.api import description
from config.log_config import logging_config
from config.postgresql import database_url

BASE_DIR = env.BASE_DIR
DATA = env.data_folder()
DATA.mkdir(mode=0o700, parents=True, exist_ok=True)

SECRET_KEY = env.kept_secret("DARKROOM_SECRET_KEY", DATA / "secret_key")
# Older ones, whose sessions and signed addresses still count while a new one takes their place.
SECRET_KEY_FALLBACKS = env.secret("DARKROOM_SECRET_KEY_FALLBACKS").replace(",", " ").split()
# What the keys of upstreams are encrypted with, newest first; of a file, changes are seen at once.
VAULT_KEYS, VAULT_KEYS_FILE = env.vault_keys("DARKROOM_KEYS", DATA / "keys")
DEBUG = env.boolean("DARKROOM_DEBUG", False)
CONFORMANCE = env.boolean("DARKROOM_CONFORMANCE", False)
# Set by the processes themselves: "web" where requests are served, so that only they keep a connection pool; "work"
# below the supervisor of the work.
PROCESS_ROLE = os.environ.get("DARKROOM_PROCESS_ROLE", "")
# Whether the supervisor imports everything once and forks its parts, where the system allows it.
PRELOAD = env.boolean("DARKROOM_PRELOAD", True)

# -- Where it is reached -------------------------------------------------------------------------------------
PUBLIC_URL = env.public_address("DARKROOM_PUBLIC_URL")
EMAIL_URL = env.secret("DARKROOM_EMAIL_URL")
_hosts = [env.host_of(PUBLIC_URL), "127.0.0.1", "localhost", "[::1]"]
if not PUBLIC_URL:
    # Mails that leave this machine have links that lead somewhere: to the public address, or to this machine alone.
    _hosts = _hosts[1:] if EMAIL_URL else ["*"]
# Origin of links in mails where there is no request, or where a request could name any host.
ORIGIN = PUBLIC_URL or env.local_origin()
ALLOWED_HOSTS = env.hosts("DARKROOM_HOSTS", _hosts)
BEHIND_TLS = PUBLIC_URL.startswith("https://")
CSRF_TRUSTED_ORIGINS = [PUBLIC_URL] if BEHIND_TLS else []
TRUST_PROXY = env.boolean("DARKROOM_TRUST_PROXY", False)
if TRUST_PROXY:
    SECURE_PROXY_SSL_HEADER = ("HTTP_X_FORWARDED_PROTO", "https")
    USE_X_FORWARDED_HOST = True
HSTS = env.hsts("DARKROOM_HSTS_SECONDS", "DARKROOM_HSTS_SUBDOMAINS", behind_tls=BEHIND_TLS)
SESSION_COOKIE_SECURE = CSRF_COOKIE_SECURE = BEHIND_TLS
if BEHIND_TLS:
    # No host beside this one, such as another below the same domain, can set cookies of these names.
    SESSION_COOKIE_NAME, CSRF_COOKIE_NAME = "__Host-sessionid", "__Host-csrftoken"
SESSION_ENGINE = "accounts.sessions.session_store"
CSRF_FAILURE_VIEW = "config.middleware.error_pages.csrf_failure"
# No redirect may ever answer a POST: official clients raise on it or lose the body.
APPEND_SLASH = False

# -- Apps ----------------------------------------------------------------------------------------------------
INSTALLED_APPS = [
    "config.admin.sites.AdminSiteConfig",
    # A process without pages does not load the admin, which costs memory, and time at each start.
    "django.contrib.admin.apps.SimpleAdminConfig" if PROCESS_ROLE == "work" else "django.contrib.admin",
    "django.contrib.auth",
    "django.contrib.contenttypes",
    "django.contrib.sessions",
    "django.contrib.messages",
    "django.contrib.humanize",
    "whitenoise.runserver_nostatic",
    "django.contrib.staticfiles",
    "django_htmx",
    "rest_framework",
    "drf_spectacular",
    "drf_spectacular_sidecar",
    "allauth",
    "allauth.account",
    "allauth.mfa",
    "allauth.socialaccount",
    "allauth.usersessions",
    "django_q",
    "accounts",
    "predictions",
    "gallery",
    "studio",
    "operations",
    "config.apps.ConfigConfig",
]
MIDDLEWARE = [
    "config.middleware.response_headers.RequestIdMiddleware",
    "config.health.probes.ProbesMiddleware",
    "django.middleware.security.SecurityMiddleware",
    "whitenoise.middleware.WhiteNoiseMiddleware",
    "config.middleware.page_only.SessionMiddleware",
    "config.middleware.page_only.LocaleMiddleware",
    "config.middleware.restrictions.NetworksMiddleware",
    "django.middleware.common.CommonMiddleware",
    "config.middleware.page_only.CsrfViewMiddleware",
    "config.middleware.page_only.AuthenticationMiddleware",
    "config.middleware.page_only.MessageMiddleware",
    "config.middleware.page_only.XFrameOptionsMiddleware",
    "config.middleware.response_headers.PagePolicyMiddleware",
    "config.middleware.response_headers.AddressMiddleware",
    "allauth.account.middleware.AccountMiddleware",
    "accounts.auth.login_middleware.LoginMiddleware",
    "django_htmx.middleware.HtmxMiddleware",
    "config.middleware.restrictions.ClosedFeaturesMiddleware",
]
# One cookie fewer to sign and check on every page.
MESSAGE_STORAGE = "django.contrib.messages.storage.session.SessionStorage"
ROOT_URLCONF = "config.urls"
ASGI_APPLICATION = "config.asgi.application"
TEMPLATES: list[dict[str, Any]] = [
    {
        "BACKEND": "django.template.backends.django.DjangoTemplates",
        "DIRS": [BASE_DIR / "templates"],
        "APP_DIRS": True,
        "OPTIONS": {
            "context_processors": [
                "django.template.context_processors.request",
                "django.template.context_processors.i18n",
                "django.contrib.auth.context_processors.auth",
                "django.contrib.messages.context_processors.messages",
                "accounts.context_processors.account",
                "accounts.site.banner.context",
            ],
        },
    }
]

# -- Database and cache --------------------------------------------------------------------------------------
DATABASES: dict[str, dict[str, Any]] = {
    "default": database_url.database(env.secret("DARKROOM_DATABASE_URL"), DATA / "darkroom.sqlite3")
}
ON_POSTGRES = DATABASES["default"]["ENGINE"].endswith("postgresql")
# psycopg's default is 4 in all. Only of a web process: others are forked, and a pool is one process's.
DATABASE_POOL = {
    "min_size": 2,
    "max_size": env.integer("DARKROOM_DATABASE_POOL", 10, minimum=2, maximum=200),
    "timeout": 10,
    # After each try in vain a pool pauses longer, up to minutes. Begun anew, it tries while a request waits for it.
    "reconnect_timeout": 4,
}
if ON_POSTGRES and PROCESS_ROLE == "web":
    DATABASES["default"]["OPTIONS"]["pool"] = DATABASE_POOL
elif ON_POSTGRES:
    DATABASES["default"]["CONN_MAX_AGE"] = None
    DATABASES["default"]["CONN_HEALTH_CHECKS"] = True
DEFAULT_AUTO_FIELD = "django.db.models.BigAutoField"

REDIS_URL = env.cache_address("DARKROOM_REDIS_URL")
_MEMORY = "django.core.cache.backends.locmem.LocMemCache"
_REDIS = {"BACKEND": "core.cache.redis_fallback.FallbackRedisCache", "LOCATION": REDIS_URL}
CACHES: dict[str, dict[str, Any]] = {
    # Visitors make keys in it, one for each public picture that they open.
    "default": _REDIS if REDIS_URL else {"BACKEND": _MEMORY, "OPTIONS": {"MAX_ENTRIES": 10_000}},
    # Counters alone, so that no other keys evict them: `core.cache.counters`.
    "counters": {**_REDIS, "KEY_PREFIX": "counters"}
    if REDIS_URL
    else {"BACKEND": _MEMORY, "LOCATION": "counters", "OPTIONS": {"MAX_ENTRIES": 100_000}},
}

# -- Files ---------------------------------------------------------------------------------------------------
STATIC_URL = "/static/"
STATIC_ROOT = DATA / "static"
STATICFILES_DIRS = [BASE_DIR / "static"]
MEDIA_ROOT = DATA / "media"
STORAGES: dict[str, dict[str, Any]] = {
    "default": {
        "BACKEND": "django.core.files.storage.FileSystemStorage",
        "OPTIONS": {"location": str(DATA / "uploads")},
    },
    "outputs": {
        "BACKEND": "django.core.files.storage.FileSystemStorage",
        # No base_url: a file is reached through the view that checks its row, never by its place on the disk.
        "OPTIONS": {"location": str(MEDIA_ROOT), "base_url": None, "allow_overwrite": True},
    },
    "staticfiles": {"BACKEND": "config.staticfiles.HashedStaticFiles"},
}  # fmt: skip
WHITENOISE_MAX_AGE = 3600
# A hash of Django's, found by its form: WhiteNoise would ask for every name without what stands before its ending
# (`jquery.js` for `jquery.min.js`), and each that was never collected would be logged as missing.
WHITENOISE_IMMUTABLE_FILE_TEST = r"\.[0-9a-f]{12}\.[^/]+$"
TEMPORARY = DATA / "tmp"
TEMPORARY.mkdir(exist_ok=True)
# Shared by the processes of this machine: the request rate of each upstream's key, and the workers that wait for one.
UPSTREAM_PACES, UPSTREAM_TURNS = DATA / "paces", DATA / "turns"
# Days that a deleted picture can be brought back; bytes that an account's pictures may take, 0: as many as fit.
TRASH_DAYS = env.integer("DARKROOM_TRASH_DAYS", 30, minimum=1, maximum=3650)
STORAGE_QUOTA = env.integer("DARKROOM_STORAGE_QUOTA", 0, minimum=0)
# Bytes that an account's uploads may take, which cost nothing and go after a day; 0: as many as fit.
UPLOAD_QUOTA = env.integer("DARKROOM_UPLOAD_QUOTA", 5 * 1024**3, minimum=0)
# Below this much free space new work is refused with a clear sentence, before anything is held.
FREE_DISK_MINIMUM = env.integer("DARKROOM_FREE_DISK_MB", 512, minimum=0) * 1024 * 1024
# A JSON body may carry a picture as a data URI.
DATA_UPLOAD_MAX_MEMORY_SIZE = 16 * 1024 * 1024
FILE_UPLOAD_TEMP_DIR = TEMPORARY
# Django's own default would give everybody on the machine the right to read, whatever the umask.
FILE_UPLOAD_PERMISSIONS, FILE_UPLOAD_DIRECTORY_PERMISSIONS = 0o600, 0o700
# Bytes that the request bodies of one web process take, of which one member has a quarter: more than one file.
BODY_SPOOL = env.integer("DARKROOM_BODY_SPOOL_MB", 2048, minimum=512) * 1024 * 1024

# -- Language and time ---------------------------------------------------------------------------------------
LANGUAGE_CODE = "en"
LANGUAGES = [("en", _("English")), ("zh-hans", _("Simplified Chinese"))]
LOCALE_PATHS = [BASE_DIR / "locale"]
TIME_ZONE = "UTC"

# -- Accounts ------------------------------------------------------------------------------------------------
AUTH_USER_MODEL = "accounts.User"
AUTHENTICATION_BACKENDS = ["allauth.account.auth_backends.AuthenticationBackend"]
# Django's own with a bound on its work; no other has ever been used.
PASSWORD_HASHERS = ["accounts.auth.passwords.Hasher"]
AUTH_PASSWORD_VALIDATORS = [
    {"NAME": "django.contrib.auth.password_validation.UserAttributeSimilarityValidator"},
    {"NAME": "accounts.auth.passwords.TranslatedMinimumLength"},
    {"NAME": "django.contrib.auth.password_validation.CommonPasswordValidator"},
    {"NAME": "django.contrib.auth.password_validation.NumericPasswordValidator"},
]
EMAIL_BACKEND = "django.core.mail.backends.filebased.EmailBackend"
EMAIL_FILE_PATH = str(DATA / "mail")
if EMAIL_URL:
    _mail = env.mail_server("DARKROOM_EMAIL_URL", EMAIL_URL)
    EMAIL_BACKEND = "django.core.mail.backends.smtp.EmailBackend"
    EMAIL_HOST, EMAIL_PORT = _mail.host, _mail.port
    EMAIL_HOST_USER, EMAIL_HOST_PASSWORD = _mail.user, _mail.password
    EMAIL_USE_SSL, EMAIL_USE_TLS = _mail.ssl, _mail.starttls
    EMAIL_TIMEOUT = 20
DEFAULT_FROM_EMAIL = env.mail_address("DARKROOM_EMAIL_FROM", "Darkroom <darkroom@localhost>")
ACCOUNT_LOGIN_METHODS = {"username", "email"}
ACCOUNT_SIGNUP_FIELDS = ["username*", "email*", "password1*", "password2*"]
# Where no mail server is set, mails go to the folder `mail` of the data folder and nobody is locked out.
ACCOUNT_EMAIL_VERIFICATION = env.choice(
    "DARKROOM_EMAIL_VERIFICATION", "mandatory" if EMAIL_URL else "optional", ("mandatory", "optional", "none")
)
# Sign-up and reset say the same of addresses that are known and of others. Where none is confirmed, sign-up then has to
# let one address stand at several accounts: it opens none of them, and at most one can ever confirm it.
ACCOUNT_PREVENT_ENUMERATION = "strict"
ACCOUNT_USERNAME_MIN_LENGTH = 2
ACCOUNT_USERNAME_BLACKLIST = ["admin", "api", "darkroom", "moderator", "root", "system"]
ACCOUNT_ADAPTER = "accounts.auth.adapter.AccountAdapter"
ACCOUNT_FORMS = {
    "login": "accounts.auth.forms.LoginForm",
    "signup": "accounts.auth.forms.SignupForm",
    "add_email": "accounts.auth.forms.AddEmailForm",
    "change_password": "accounts.auth.forms.ChangePasswordForm",
}
# Passwords and codes are counted by `accounts.auth.login_attempts`; a passkey cannot be guessed.
ACCOUNT_RATE_LIMITS: Any = dict.fromkeys(("login", "login_failed", "change_password", "reauthenticate"))
MFA_RATE_LIMITS: Any = {"webauthn_login": None}
ACCOUNT_CHANGE_EMAIL = True
ACCOUNT_EMAIL_NOTIFICATIONS = True
ACCOUNT_LOGIN_ON_EMAIL_CONFIRMATION = True
# A change of how to sign in asks for the password, a code or a passkey again.
ACCOUNT_REAUTHENTICATION_REQUIRED = True
ACCOUNT_EMAIL_SUBJECT_PREFIX = "Darkroom: "
LOGIN_URL = "account_login"
LOGIN_REDIRECT_URL = "/studio/"
REGISTRATION = env.registration("DARKROOM_REGISTRATION")
# Domains of addresses that sign up all the same, or never, beside those that are known to be thrown away.
EMAIL_DOMAINS_ALLOWED = [name.lower() for name in env.items("DARKROOM_EMAIL_DOMAINS_ALLOWED")]
EMAIL_DOMAINS_REFUSED = [name.lower() for name in env.items("DARKROOM_EMAIL_DOMAINS_REFUSED")]
MFA_ADAPTER = "accounts.auth.second_factor.MfaAdapter"
MFA_FORMS = {
    "authenticate": "accounts.auth.forms.CodeForm",
    "reauthenticate": "accounts.auth.forms.ReauthenticateCodeForm",
    "login_webauthn": "accounts.auth.forms.PasskeyForm",
    "authenticate_webauthn": "accounts.auth.forms.PasskeyStepForm",
    "add_webauthn": "accounts.auth.forms.AddPasskeyForm",
    "reauthenticate_webauthn": "accounts.auth.forms.ReauthenticatePasskeyForm",
}
MFA_SUPPORTED_TYPES = ["totp", "webauthn", "recovery_codes"]
MFA_PASSKEY_LOGIN_ENABLED = True
MFA_TOTP_TOLERANCE = 1
# Where an address need not be checked, asking for a checked one would leave everybody without a second factor.
MFA_ALLOW_UNVERIFIED_EMAIL = ACCOUNT_EMAIL_VERIFICATION != "mandatory"
# Browsers have passkeys for https and for localhost alone.
MFA_WEBAUTHN_ALLOW_INSECURE_ORIGIN = not BEHIND_TLS
# Staff without a second factor must set one up before they can open the admin.
STAFF_TWO_FACTOR = env.boolean("DARKROOM_STAFF_TWO_FACTOR", False)
SOCIALACCOUNT_ADAPTER = "accounts.auth.social_adapter.SocialAdapter"
SOCIALACCOUNT_FORMS = {"signup": "accounts.auth.forms.SocialSignupForm"}
SOCIALACCOUNT_EMAIL_AUTHENTICATION_AUTO_CONNECT = True
SOCIALACCOUNT_PROVIDERS = social_login.services("DARKROOM_SOCIAL")
INSTALLED_APPS += [f"allauth.socialaccount.providers.{name}" for name in SOCIALACCOUNT_PROVIDERS]
WELCOME_CREDITS = env.integer("DARKROOM_WELCOME_CREDITS", 50, minimum=0, maximum=1_000_000)
CREDIT_NAME = env.text("DARKROOM_CREDIT_NAME")
# Payment providers. `api_base` is the address of a fake Stripe in tests.
PAYMENTS = {
    "stripe": {
        "key": env.secret("DARKROOM_STRIPE_KEY"),
        "webhook_secret": env.secret("DARKROOM_STRIPE_WEBHOOK_SECRET"),
        "api_base": env.loopback("DARKROOM_STRIPE_API_BASE"),
    },
}

# -- Work ----------------------------------------------------------------------------------------------------
_engine_slots = env.integer("DARKROOM_ENGINE_SLOTS", min(os.cpu_count() or 1, 8), minimum=1, maximum=64)
ENGINE: dict[str, Any] = {
    "enabled": env.boolean("DARKROOM_ENGINE", True),
    # Conformance suites run four jobs side by side, however small the machine.
    "slots": max(_engine_slots, 4 if CONFORMANCE else 1),
    "folder": DATA / "engine",
}
# Local models: the file that names their weights, and the folder of the service that runs them.
_local_models = env.text("DARKROOM_LOCAL_MODELS")
LOCAL: dict[str, Any] = {
    "models": Path(_local_models).expanduser().resolve() if _local_models else None,
    "folder": DATA / "local",
}
IN_FLIGHT_PER_ACCOUNT = env.integer("DARKROOM_IN_FLIGHT_PER_ACCOUNT", 4, minimum=1, maximum=10_000)
WORK_LIMIT = env.duration("DARKROOM_WORK_LIMIT", 600)
QUEUE_LIMIT = env.duration("DARKROOM_QUEUE_LIMIT", 24 * 3600)
# Predictions of one account that wait or are under way, and bytes of their inputs; 0: as many as come.
WAITING_LIMIT = env.integer("DARKROOM_WAITING_LIMIT", 5_000, minimum=0)
WAITING_BYTES = env.integer("DARKROOM_WAITING_BYTES", 256 * 1024**2, minimum=0)
# Threads of one web process in which requests run; on PostgreSQL each may take one connection of the pool.
WEB_THREADS = env.integer("DARKROOM_WEB_THREADS", 8, minimum=1, maximum=200)
OUTBOUND_ALLOW = env.networks("DARKROOM_OUTBOUND_ALLOW")
# Dotted paths of Python functions that a classifier configured in the admin may call.
CLASSIFIERS = env.items("DARKROOM_CLASSIFIERS")
# Private host names, addresses and networks that upstreams may have.
UPSTREAM_PRIVATE = env.networks("DARKROOM_UPSTREAM_PRIVATE", names=True)
ALERT_EMAILS = env.mail_addresses("DARKROOM_ALERT_EMAILS")
# Seconds in which a receiver of a webhook must answer, less than the lease of a delivery; days that the log is kept.
WEBHOOK_TIMEOUT = env.integer("DARKROOM_WEBHOOK_TIMEOUT", 10, minimum=1, maximum=20)
DELIVERIES_KEPT = env.integer("DARKROOM_DELIVERIES_KEPT", 30, minimum=1, maximum=3650)
# Connections of one web process in all, and from one address; 0: see docs/operating.md.
CONNECTIONS = env.integer("DARKROOM_CONNECTIONS", 0, minimum=0)
CONNECTIONS_PER_ADDRESS = env.integer("DARKROOM_CONNECTIONS_PER_ADDRESS", 0, minimum=0)
HOLD_LIMIT = env.integer("DARKROOM_HELD_REQUESTS", 10_000, minimum=0)
# Open pages that one web process keeps up to date over a stream; the others poll.
LIVE_STREAMS = env.integer("DARKROOM_LIVE_STREAMS", 2_000, minimum=0, maximum=50_000)
WORKERS = env.integer("DARKROOM_WORKERS", 4, minimum=1, maximum=64)
Q_CLUSTER: dict[str, Any] = {
    "name": "work",
    "orm": "default",
    # A round with its longest fetch (52 s), and as long as a database may be away (`database_retry`).
    "timeout": 75,
    # More than a worker may be silent: a task must never be handed out again while it still runs.
    "retry": 180,
    "save_limit": -1,
    "recycle": 100_000,
    "log_level": "WARNING",
    "label": "Queue",
}

# Content credentials in published pictures: a certificate chain in PEM by its path, its key as a secret.
C2PA = {
    "certificate": env.text("DARKROOM_C2PA_CERTIFICATE"),
    "key": env.secret("DARKROOM_C2PA_KEY"),
    "timestamps": env.text("DARKROOM_C2PA_TIMESTAMPS"),
}
# Names of OpenAI's models and ours that they stand for; `default` for requests that name none.
OPENAI_ALIASES = env.pairs("DARKROOM_OPENAI_ALIASES")

# Requests a minute and account; 0: no limit. Polling is counted per prediction. Conformance suites send many.
_PATIENCE = 100 if CONFORMANCE else 1
RATE_LIMITS = {
    "create": env.integer("DARKROOM_RATE_CREATE", 600, minimum=0) * _PATIENCE,
    "poll": env.integer("DARKROOM_RATE_POLL", 1200, minimum=0) * _PATIENCE,
    "other": env.integer("DARKROOM_RATE_OTHER", 3000, minimum=0) * _PATIENCE,
}

# -- API -----------------------------------------------------------------------------------------------------
REST_FRAMEWORK = {
    "DEFAULT_AUTHENTICATION_CLASSES": [
        "accounts.tokens.authentication.TokenAuthentication",
        "rest_framework.authentication.SessionAuthentication",
    ],
    "DEFAULT_PERMISSION_CLASSES": ["rest_framework.permissions.IsAuthenticated"],
    "DEFAULT_THROTTLE_CLASSES": ["predictions.api_dialects.common.drf_throttle.RateThrottle"],
    "DEFAULT_RENDERER_CLASSES": ["rest_framework.renderers.JSONRenderer"],
    "DEFAULT_PARSER_CLASSES": ["rest_framework.parsers.JSONParser"],
    "DEFAULT_SCHEMA_CLASS": "drf_spectacular.openapi.AutoSchema",
}
SPECTACULAR_SETTINGS = description.SPECTACULAR

# Pages of other origins may call the APIs only where the operator names them, and never with this one's cookies.
CORS_ORIGINS = env.origins("DARKROOM_CORS_ORIGINS")
if CORS_ORIGINS:
    # Left out where it is not used: it would cost every answer a little. Behind the request id, so that the answers
    # to preflights have theirs.
    MIDDLEWARE.insert(1, "corsheaders.middleware.CorsMiddleware")
    CORS_ALLOW_ALL_ORIGINS = CORS_ORIGINS == ["*"]
    CORS_ALLOWED_ORIGINS = [] if CORS_ALLOW_ALL_ORIGINS else CORS_ORIGINS
    CORS_URLS_REGEX = r"^/(v1|replicate/v1|openai/v1|api)(/|$)"
    CORS_ALLOW_METHODS = ("DELETE", "GET", "OPTIONS", "PATCH", "POST", "PUT", "QUERY")
    CORS_ALLOW_HEADERS = description.CORS_HEADERS
    CORS_EXPOSE_HEADERS = description.CORS_SHOWN

UNFOLD = theme.UNFOLD

_level = env.choice("DARKROOM_LOG_LEVEL", "INFO", ("DEBUG", "INFO", "WARNING", "ERROR", "CRITICAL"))
# A line for every request, but for probes that find all well.
ACCESS_LOG = env.boolean("DARKROOM_ACCESS_LOG", True)
LOGGING = logging_config(_level, json=env.boolean("DARKROOM_LOG_JSON", False))
