"""Signing in and out, and the password."""

from __future__ import annotations

import secrets
from datetime import timedelta
from typing import cast

from flask import Response, current_app, make_response, redirect, render_template, request, url_for

from controller.api.auth import services
from controller.console.auth import (
    already_signed_in,
    begin_session,
    end_session,
    local_path,
    my_session,
    same,
    set_cookie,
)
from controller.console.blueprint import blueprint
from controller.console.throttle import Throttle
from controller.passwords import SHORTEST_PASSWORD, hash_password, is_password
from controller.settings import PasswordSignIn
from controller.store.users import User, find_user, set_password

_COOKIE = "headgate_sign_in"
"""Ties the sign-in form to the browser it was shown in: there is no session yet that could."""
_FORM_LASTS = timedelta(hours=12)
_LONGEST_EMAIL = 320
_LONGEST_PASSWORD = 1000


@blueprint.get("/sign-in")
def show_sign_in() -> Response:
    """The form to sign in with."""
    if already_signed_in():
        return _to(local_path(request.args.get("next", "")))
    return sign_in_form("", "", 200)


@blueprint.post("/sign-in")
def sign_in() -> Response:
    """Sign in; a failure tells neither what was wrong nor, by the time it takes, whether there is such a user."""
    email, password = request.form.get("email", "").strip(), request.form.get("password", "")
    if not same(request.form.get("token", ""), request.cookies.get(_COOKIE, "")):
        return sign_in_form(email, "The form had grown old. Please try again.", 403)
    attempt = (email[:_LONGEST_EMAIL].lower(), request.remote_addr)
    if not _throttle().admits(attempt, services().now()):
        return _too_many(sign_in_form(email, "Too many attempts. Please wait five minutes.", 429))
    user = _find(email)
    if not is_password(user.password_hash if user else None, password[:_LONGEST_PASSWORD]) or user is None:
        return sign_in_form(email, "The e-mail address and the password do not match.", 403)
    if services().settings.password_sign_in is PasswordSignIn.ADMINS and not user.is_admin:
        return sign_in_form(email, "Please sign in with your organisation’s account.", 403)
    _throttle().forget(attempt)
    return begin_session(_to(local_path(request.form.get("next", ""))), user.id)


@blueprint.post("/sign-out")
def sign_out() -> Response:
    """End the session."""
    return end_session(_to(url_for("console.show_sign_in")))


@blueprint.get("/password")
def show_password() -> str:
    """The form to change the password."""
    return _password_form("")


@blueprint.post("/password")
def change_password() -> Response | tuple[str, int]:
    """Change the password, and end all sessions but this one, which is opened anew."""
    user, form = my_session().user, request.form
    attempt = (user.email.lower(), request.remote_addr)
    if not _throttle().admits(attempt, services().now()):
        return _password_form("Too many attempts. Please wait five minutes."), 429
    if fault := _fault(user, form.get("current", ""), form.get("new", ""), form.get("again", "")):
        return _password_form(fault), 422
    _throttle().forget(attempt)
    with services().database.write() as tx:
        set_password(tx, user.id, hash_password(form["new"]))
    return begin_session(_to(local_path(form.get("next", ""))), user.id)


def _fault(user: User, current: str, new: str, again: str) -> str:
    """What is wrong with a new password, if anything."""
    if not is_password(user.password_hash, current[:_LONGEST_PASSWORD]):
        return "The current password is another one."
    if not SHORTEST_PASSWORD <= len(new) <= _LONGEST_PASSWORD:
        return f"The new password needs at least {SHORTEST_PASSWORD} characters, and at most {_LONGEST_PASSWORD}."
    if new == current:
        return "The new password is the current one. Please choose another."
    return "" if new == again else "The new password was not repeated exactly."


def _find(email: str) -> User | None:
    if len(email) > _LONGEST_EMAIL or not email.isprintable():
        return None
    with services().database.read() as tx:
        return find_user(tx, email)


def sign_in_form(email: str, fault: str, status: int) -> Response:
    """The form, with what was wrong."""
    token = request.cookies.get(_COOKIE) or secrets.token_urlsafe(32)
    wanted = request.values.get("next", "")
    settings = services().settings
    shown = render_template(
        "sign_in.html",
        email=email,
        fault=fault,
        token=token,
        wanted=wanted,
        signs_on=services().sign_on.is_on,
        admins_only=settings.password_sign_in is PasswordSignIn.ADMINS,
    )
    response = make_response(shown, status)
    set_cookie(response, _COOKIE, token, _FORM_LASTS)
    return response


def _password_form(fault: str) -> str:
    return render_template(
        "password.html", fault=fault, shortest=SHORTEST_PASSWORD, wanted=request.values.get("next", "")
    )


def _too_many(response: Response) -> Response:
    response.headers["Retry-After"] = str(int(_throttle().window.total_seconds()))
    return response


def _throttle() -> Throttle:
    return cast("Throttle", current_app.extensions["headgate-console-throttle"])


def _to(path: str) -> Response:
    return make_response(redirect(path, 303))
