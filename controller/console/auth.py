"""Who is signed in. The guard of the console lets nobody else in, and no form that the console did not hand out."""

from __future__ import annotations

import hmac
import secrets
from datetime import timedelta
from typing import cast
from urllib.parse import urlsplit

from flask import Response, g, request

from controller.actors import Actor
from controller.api.auth import refuse_unless_allowed, rights, services
from controller.api.doors import FOLLOWING_THE_SWITCH, OF_ONESELF, STEPS, permission_for
from controller.api.parsing import MAX_FILE_BYTES
from controller.console.blueprint import STATIC, blueprint
from controller.console.form_tokens import masked, unmasked
from controller.console.role_words import why_not
from controller.errors import Forbidden
from controller.permissions import Permission, Rights
from controller.rights import rights_of_user, whom_to_ask
from controller.store.projects import Project
from controller.store.users import Session, close_session, find_session, open_session

COOKIE = "headgate_session"
LASTS = timedelta(hours=12)
"""How long somebody stays signed in."""

_FOR_ANYBODY = frozenset(
    {STATIC, "console.show_sign_in", "console.sign_in", "console.depart", "console.arrive"}
)


_WITH_FILES = frozenset(
    {
        "console.hand_in_report",
        "console.import_flags",
        "console.hand_in_evidence",
        "console.post_new_trigger",
        "console.post_trigger",
    }
)


class SignInNeeded(Exception):
    """Nobody is signed in."""


class PasswordChangeNeeded(Exception):
    """Somebody signed in with a password that was meant to be used once."""


def signed_in() -> None:
    """Let people in who are signed in and have a password of their own; check every form's token.

    Raises:
        SignInNeeded: Nobody is signed in.
        PasswordChangeNeeded: The one-time password has to be changed first.
        NotFound: There is no such project for them.
        Forbidden: They may not do this, or the form does not come from a page of this session.
    """
    if request.headers.get("Sec-Fetch-Site") == "cross-site" and request.method == "POST":
        raise Forbidden("foreign_form", "the form was sent by another site; nothing was done")
    if request.endpoint in _FOR_ANYBODY:
        return
    if request.endpoint in _WITH_FILES:
        request.max_content_length = MAX_FILE_BYTES
    g.console_session = found = _find()
    if found is None:
        raise SignInNeeded
    if request.method == "POST" and not _is_of(found, request.form.get("csrf", "")):
        raise Forbidden("stale_form", "the form is not of this session; go back, reload the page, try again")
    if request.endpoint in OF_ONESELF:
        return
    if found.user.must_change_password:
        raise PasswordChangeNeeded
    refuse_unless_allowed(permission_for(request.endpoint or ""), _project_asked_for())


@blueprint.context_processor
def _known_to_templates() -> dict[str, object]:
    found = session()
    token = masked(found.csrf) if found else ""
    return {"my_session": found, "form_token": token}


def session() -> Session | None:
    """The session of this request; None where nobody is signed in."""
    return cast("Session | None", g.get("console_session"))


def my_session() -> Session:
    """The session of this request, past the guard."""
    return cast("Session", g.console_session)


def actor() -> Actor:
    """Who is signed in, as the record of changes names people."""
    return Actor(f"user:{my_session().user.email}")


@blueprint.app_template_global()
def may(permission: str, project: Project | None) -> bool:
    """Whether who is signed in may do something in a project: for what a page offers. The guard decides."""
    return rights().may(Permission(permission), project.id if project else None)


@blueprint.app_template_global("why_not")
def why_not_me(permission: str, project: Project | None) -> str:
    """Why who is signed in may not do something in a project, and who could, in a sentence."""
    wanted = Permission(permission)
    with services().database.read() as tx:
        ask = whom_to_ask(tx, wanted, project)
    return why_not(wanted, project.name if project else "", ask)


def already_signed_in() -> bool:
    """Whether a page that is open to anybody is asked for by somebody who is signed in."""
    return _find() is not None


def begin_session(response: Response, user_id: int) -> Response:
    """Open a fresh session in place of whatever session the browser had."""
    parts, now = services(), services().now()
    token, csrf = secrets.token_urlsafe(32), secrets.token_urlsafe(32)
    with parts.database.write() as tx:
        close_session(tx, request.cookies.get(COOKIE, ""))
        open_session(tx, user_id, token, csrf, now, now + LASTS)
    set_cookie(response, COOKIE, token, LASTS)
    return response


def end_session(response: Response) -> Response:
    """End the session of this request."""
    with services().database.write() as tx:
        close_session(tx, request.cookies.get(COOKIE, ""))
    response.delete_cookie(COOKIE, path="/", secure=_is_secure(), httponly=True, samesite="Lax")
    return response


def set_cookie(response: Response, name: str, value: str, lasts: timedelta) -> None:
    """Set a cookie that no script and no other site can read or send."""
    response.set_cookie(
        name, value, max_age=lasts, path="/", secure=_is_secure(), httponly=True, samesite="Lax"
    )


def same(given: str, expected: str) -> bool:
    """Whether two secrets are the same, in a time that does not tell how far they are."""
    return bool(expected) and hmac.compare_digest(given.encode(), expected.encode())


def _is_of(found: Session, token: str) -> bool:
    """Whether the token of a form is that of the session, under a mask or as it is."""
    return same(token, found.csrf) or same(unmasked(token), found.csrf)


def local_path(wanted: str) -> str:
    """Where to go next, if that is a place of our own; otherwise the board."""
    parts = urlsplit(wanted) if wanted.isprintable() and "\\" not in wanted else None
    if parts is None or parts.scheme or parts.netloc or not wanted.startswith("/") or wanted.startswith("//"):
        return "/"
    return wanted


def _find() -> Session | None:
    token = request.cookies.get(COOKIE)
    if not token:
        return None
    with services().database.read() as tx:
        found = find_session(tx, token, services().now())
        g.rights = Rights() if found is None else rights_of_user(tx, found.user)
    return found


def _project_asked_for() -> str | None:
    """The project that is meant, as the view itself will look for it."""
    if request.endpoint in FOLLOWING_THE_SWITCH:
        return request.args.get("project") or None
    if request.endpoint in STEPS:
        return request.form.get("at_project") or None
    return (request.view_args or {}).get("project")


def _is_secure() -> bool:
    return services().settings.public_url.startswith("https:")
