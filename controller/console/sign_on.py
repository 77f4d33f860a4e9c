"""Signing on at the identity provider: out, and back in."""

from __future__ import annotations

from datetime import timedelta

from flask import Response, make_response, redirect, request, url_for

from controller.api.auth import services
from controller.console.auth import begin_session, local_path, same, set_cookie
from controller.console.blueprint import blueprint
from controller.console.sign_in import sign_in_form
from controller.errors import NotFound
from controller.sign_on import NotSignedOn

_COOKIE = "headgate_sign_on"
"""What has to come back, kept in the browser that left; between its parts stands a space."""
_LASTS = timedelta(minutes=10)
_PARTS = 4


@blueprint.get("/sign-on")
def depart() -> Response:
    """Send somebody to the identity provider."""
    if not services().sign_on.is_on:
        raise NotFound("identity provider", "sign-on")
    try:
        leaving = services().sign_on.depart(_return_address())
    except NotSignedOn as fault:
        return _not_in(fault.detail)
    response = make_response(redirect(leaving.address, 303))
    wanted = local_path(request.args.get("next", ""))
    kept = f"{leaving.state} {leaving.nonce} {leaving.verifier} {wanted}"
    set_cookie(response, _COOKIE, kept, _LASTS)
    return response


@blueprint.get("/sign-on/return")
def arrive() -> Response:
    """Let somebody in who comes back from where this browser was sent, and from nowhere else."""
    if not services().sign_on.is_on:
        raise NotFound("identity provider", "sign-on")
    kept = request.cookies.get(_COOKIE, "").split(" ", _PARTS - 1)
    if len(kept) != _PARTS or not same(request.args.get("state", ""), kept[0]):
        return _not_in("the sign-in did not begin in this browser, or took too long; please try again")
    code = request.args.get("code", "")
    if not code:
        return _not_in("the identity provider did not let you in")
    _, nonce, verifier, wanted = kept
    try:
        user = services().sign_on.arrive(code, _return_address(), nonce, verifier)
    except NotSignedOn as fault:
        return _not_in(fault.detail)
    return _forget(begin_session(make_response(redirect(local_path(wanted), 303)), user.id))


def _return_address() -> str:
    """Where the identity provider sends people back to; it has to know this address."""
    base = services().settings.public_url or request.host_url
    return base.rstrip("/") + url_for("console.arrive")


def _not_in(why: str) -> Response:
    return _forget(sign_in_form("", f"You are not signed in: {why}.", 403))


def _forget(response: Response) -> Response:
    """A code and what goes with it are good once."""
    response.delete_cookie(_COOKIE, path="/", httponly=True, samesite="Lax")
    return response
