"""API keys: who has one, when it was last used, a new one, and the end of one."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

from flask import Response, request

from controller.api.auth import refuse_to_hand_out, services
from controller.api.parsing import load
from controller.api.schemas import ApiKeySchema
from controller.console import forms
from controller.console.auth import actor
from controller.console.blueprint import blueprint
from controller.console.frame import frame, page
from controller.console.live import live
from controller.console.onward import onward
from controller.console.role_words import ROLES
from controller.errors import HeadgateError, InvalidInput, NotFound, Problem
from controller.permissions import granted
from controller.store.keys import ApiKey, KeyKind, keys_of
from controller.store.projects import environment_by_id, get_project
from stages import Refusal

OVERLAP = timedelta(days=7)
"""For how long a key that was replaced still opens what it did."""
SOON = timedelta(days=14)
"""How long before its end a key is warned about."""
KINDS = {
    KeyKind.SERVER: (
        "Server",
        "For product code on your machines: the flags of one environment, with their rules.",
    ),
    KeyKind.CLIENT: (
        "Client",
        "For browsers and apps: what one user sees of flags marked as client-visible; never a rule.",
    ),
    KeyKind.ADMIN: (
        "Admin",
        "For pipelines and the command line: the API of this project, as far as its roles go.",
    ),
}


@blueprint.get("/projects/<project>/settings")
@blueprint.get("/projects/<project>/settings/keys")
def show_keys(project: str) -> str:
    """The keys of a project, and the form for a new one."""
    return _shown(project)


@blueprint.post("/projects/<project>/settings/keys")
def make_key(project: str) -> str | tuple[str, int]:
    """Make a key. Its text stands on this one page, and nowhere else."""
    try:
        content = _content()
        refuse_to_hand_out(project, granted(content["roles"]))
        made, text = services().catalog.make_key(
            project,
            content["kind"],
            content["name"],
            content["environment"],
            actor(),
            roles=content["roles"],
            expires_at=content["expires_at"],
        )
    except NotFound:
        raise
    except HeadgateError as error:
        problems, status = forms.told(error)
        return _shown(project, problems), status
    return _shown(project, made=made, text=text)


@blueprint.post("/projects/<project>/settings/keys/<id>/revoke")
def revoke_key(project: str, id: str) -> Response:
    """Make a key useless from now on."""
    services().catalog.revoke_key(project, id, actor())
    return onward("show_keys", project=project, done="revoked")


@blueprint.post("/projects/<project>/settings/keys/<id>/expire")
def expire_key(project: str, id: str) -> Response | tuple[str, int]:
    """Name the last day of a key; it only ever becomes sooner."""
    try:
        services().keys.let_expire(project, id, forms.last_day("expires"), actor())
    except NotFound:
        raise
    except HeadgateError as error:
        problems, status = forms.told(error)
        return _shown(project, problems, about=id), status
    return onward("show_keys", project=project, done="expires")


@blueprint.post("/projects/<project>/settings/keys/<id>/replace")
def replace_key(project: str, id: str) -> str | tuple[str, int]:
    """Make another key of the same kind, for the same place, and let this one run out meanwhile."""
    try:
        old = _living(project, id)
        with services().database.read() as tx:
            place = environment_by_id(tx, old.environment_id).key if old.environment_id else None
        made, text = services().catalog.make_key(project, old.kind, old.name, place, actor())
        until = services().now() + OVERLAP
        if old.expires_at is None or old.expires_at > until:
            services().keys.let_expire(project, id, until, actor())
    except NotFound:
        raise
    except HeadgateError as error:
        problems, status = forms.told(error)
        return _shown(project, problems), status
    return _shown(project, made=made, text=text)


def _living(project: str, id: str) -> ApiKey:
    """A key of an environment that still opens something. An admin key is a person's, and is made anew by its name."""
    with services().database.read() as tx:
        found = {key.id: key for key in keys_of(tx, get_project(tx, project).id)}
    key = found.get(id)
    if key is None or not key.kind.is_of_environment or key.revoked_at is not None:
        raise NotFound("key", id)
    return key


def _expiry() -> str | None:
    """The end of the last day that was chosen; None: the key goes on."""
    return forms.last_day("expires").isoformat() if request.form.get("expires") else None


def _content() -> dict[str, Any]:
    """What was sent, as the API takes it.

    Raises:
        InvalidInput: Something is missing, or an environment does not go with the kind.
    """
    sent = forms.given("kind", "name", "environment")
    for field, remedy in (("kind", "choose what it is for"), ("name", "say who or what will use it")):
        if not sent[field]:
            raise InvalidInput(Problem(field, f"there is no {field}", remedy))
    if sent["kind"] == KeyKind.ADMIN:
        sent["environment"] = ""  # It opens all of them, whichever the form still shows.
    roles = request.form.getlist("roles") if sent["kind"] == KeyKind.ADMIN else []
    given = {**sent, "environment": sent["environment"] or None, "roles": roles, "expires_at": _expiry()}
    content: dict[str, Any] = load(ApiKeySchema(), given)
    if content["kind"].is_of_environment and content["environment"] is None:
        raise InvalidInput(Problem("environment", "there is no environment", "choose whose flags it opens"))
    return content


def _shown(
    project: str,
    problems: tuple[Refusal | Problem, ...] = (),
    made: ApiKey | None = None,
    text: str = "",
    about: str = "",
) -> str:
    """The page; ``about`` is the key that the problems are about, empty for a new one."""
    with services().database.read() as tx:
        here, seen = frame(tx, project), live(tx)
        keys = keys_of(tx, get_project(tx, project).id)
    environments = {each.id: each for _, mine in here.places for each in mine}
    return page(
        "settings_keys.html",
        here,
        seen,
        keys=sorted(keys, key=lambda key: key.revoked_at is not None),
        environments=environments,
        mine=next(mine for each, mine in here.places if here.project and each.id == here.project.id),
        kinds=KINDS,
        roles=ROLES,
        chosen=request.form.getlist("roles"),
        problems=() if about else problems,
        unexpired=problems if about else (),
        about=about,
        given={} if made or about else request.form,
        made=made,
        text=text,
        soon=here.now + SOON,
        overlap=OVERLAP,
    )
