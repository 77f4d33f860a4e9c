"""What metric sources that are asked over HTTP have in common: settings, credentials, limits, and the way out."""

from controller.sources.web.auth import Auth, Unsigned
from controller.sources.web.entered import Entered
from controller.sources.web.web import TIMING, WEB_SETTINGS, Said, Web, gate_from, secrets_in, web_from

__all__ = [
    "TIMING",
    "WEB_SETTINGS",
    "Auth",
    "Entered",
    "Said",
    "Unsigned",
    "Web",
    "gate_from",
    "secrets_in",
    "web_from",
]
