"""One plain flag: what it says, what somebody would get, what it shall say, and its end."""

from __future__ import annotations

from typing import Any

from flask import Response
from headgate.evaluator import Document, Evaluation

from controller.api.auth import services
from controller.console import flag_form, forms
from controller.console.auth import actor
from controller.console.blueprint import blueprint
from controller.console.frame import frame, page
from controller.console.live import live
from controller.console.onward import onward
from controller.console.settings_flags import shown_flags
from controller.errors import Conflict, HeadgateError, NotFound, Problem
from controller.plain_flags import Place
from controller.store.plain_flags import get_plain_flag

Answer = Response | str | tuple[str, int]
Problems = tuple[Any, ...]


@blueprint.get("/projects/<project>/settings/flags/<environment>/<key>")
def show_flag(project: str, environment: str, key: str) -> str:
    """A flag, and the form to change it."""
    return _shown(project, environment, key)


@blueprint.post("/projects/<project>/settings/flags/<environment>/<key>")
def change_flag(project: str, environment: str, key: str) -> Answer:
    """Say anew what a flag is, if it is still as it was shown."""
    try:
        content = flag_form.content()
        reason = forms.given("reason")["reason"]
        version = flag_form.version()
        services().plain_flags.set(Place(project, environment), key, content, actor(), reason, version)
    except NotFound:
        raise
    except HeadgateError as error:
        problems, status = forms.told(error)
        return _shown(project, environment, key, flag_form.beside(problems)), status
    return onward("show_flag", project=project, environment=environment, key=key, done="flag_changed")


@blueprint.post("/projects/<project>/settings/flags/<environment>/<key>/revive")
def revive_flag(project: str, environment: str, key: str) -> Answer:
    """Let a deleted flag be there again as it was."""
    done: str | None = "flag_revived"
    sent = forms.given("type", "reason")
    try:
        services().plain_flags.revive(Place(project, environment), key, sent["type"], actor(), sent["reason"])
    except NotFound:
        raise
    except Conflict:
        done = None  # It is there already; its page shows how.
    except HeadgateError as error:
        problems, status = forms.told(error)
        return shown_flags(project, environment, unrevived=(key, problems)), status
    return onward("show_flag", project=project, environment=environment, key=key, done=done)


@blueprint.post("/projects/<project>/settings/flags/<environment>/<key>/try")
def try_flag(project: str, environment: str, key: str) -> Answer:
    """Say what somebody would get by what was entered; nothing is saved."""
    try:
        content = flag_form.content()
        context = flag_form.object_in("context", flag_form.given()["context"]) or {}
        flag = services().plain_flags.preview(Place(project, environment), key, content)
    except NotFound:
        raise
    except HeadgateError as error:
        problems, status = forms.told(error)
        return _shown(project, environment, key, flag_form.beside(problems)), status
    tried = Document.parse({"flags": {key: flag}}).evaluate(key, context)
    return _shown(project, environment, key, tried=tried)


@blueprint.post("/projects/<project>/settings/flags/<environment>/<key>/delete")
def delete_flag(project: str, environment: str, key: str) -> Answer:
    """End a flag; its key stays behind."""
    try:
        place, reason = Place(project, environment), forms.reason()
        services().plain_flags.delete(place, key, actor(), reason, flag_form.version())
    except NotFound:
        raise
    except HeadgateError as error:
        problems, status = forms.told(error)
        return _shown(project, environment, key, refused=problems), status
    return onward("show_flags", project=project, environment=environment, done="flag_deleted")


def _shown(
    project: str,
    environment: str,
    key: str,
    problems: Problems = (),
    refused: tuple[Any, ...] = (),
    tried: Evaluation | None = None,
) -> str:
    with services().database.read() as tx:
        here, seen = frame(tx, project, environment), live(tx)
        if here.environment is None:
            raise NotFound("environment", environment)
        flag = get_plain_flag(tx, here.environment.id, key)
    is_entered = bool(problems or tried)
    shown = flag_form.given() | {"key": key} if is_entered else flag_form.of_flag(flag)
    return page(
        "flag.html",
        here,
        seen,
        flag=flag,
        given=shown,
        problems=problems,
        fields_of=(*flag_form.FIELDS, "context"),
        refused=refused,
        tried=tried,
        is_outdated=any(isinstance(each, Problem) and not each.field for each in problems),
    )
