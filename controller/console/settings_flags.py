"""Plain flags: which there are, whether anybody asks for them, a new one, and all of them as a file."""

from __future__ import annotations

import json
from typing import Any

from flask import Response, request

from controller.api.auth import services
from controller.api.plain_flags import refuse_broken
from controller.console import flag_form, forms
from controller.console.auth import actor
from controller.console.blueprint import blueprint
from controller.console.frame import frame, page
from controller.console.live import live
from controller.console.onward import onward
from controller.errors import HeadgateError, InvalidInput, NotFound, Problem, VersionConflict
from controller.flag_files import FlagImport
from controller.flags.plain import flag_file
from controller.flags.staleness import stale_report
from controller.plain_flags import Place
from controller.retention import COUNTS_KEPT
from controller.rollouts import locate_environment
from controller.store.flag_counts import uses_since
from controller.store.plain_flags import PlainFlag, flag_set_of, known_flags, plain_flags_in
from controller.strict_json import InvalidJSON, loads
from stages import Refusal

Answer = Response | str | tuple[str, int]
Problems = tuple[Refusal | Problem, ...]

STALE_DAYS = 30
_AT_ONCE = 100
"""How many flags one page shows."""


@blueprint.get("/projects/<project>/settings/flags")
def show_flags(project: str) -> str:
    """The plain flags of an environment, and the form for a new one."""
    return shown_flags(project, request.args.get("environment", ""))


@blueprint.post("/projects/<project>/settings/flags/<environment>")
def make_flag(project: str, environment: str) -> Answer:
    """Make a flag."""
    key = flag_form.given()["key"]
    try:
        if not key:
            raise InvalidInput(Problem("key", "there is no key", "say what product code asks for"))
        # Version 0 is that of a flag that is not there yet: nobody overwrites one by making it.
        services().plain_flags.set(Place(project, environment), key, flag_form.content(), actor(), "", 0)
    except NotFound:
        raise
    except VersionConflict:
        there = Problem("key", f"there is a flag {key} already", "choose another key, or change that one")
        return shown_flags(project, environment, (there,)), 409
    except HeadgateError as error:
        problems, status = forms.told(error)
        return shown_flags(project, environment, flag_form.beside(problems)), status
    return _to_list(project, environment, "flag_made")


@blueprint.post("/projects/<project>/settings/flags/<environment>/file")
def import_flags(project: str, environment: str) -> Answer:
    """Take a flagd file over, or say what it would change."""
    is_trial = bool(request.form.get("trial"))
    try:
        done = services().plain_flags.read_in(
            Place(project, environment),
            _file(),
            actor(),
            forms.given("reason")["reason"],
            replace=bool(request.form.get("replace")),
            dry_run=is_trial,
        )
    except NotFound:
        raise
    except HeadgateError as error:
        problems, status = forms.told(error)
        return shown_flags(project, environment, refused_file=problems), status
    return (
        shown_flags(project, environment, would=done)
        if is_trial
        else _to_list(project, environment, "flags_read")
    )


@blueprint.get("/projects/<project>/settings/flags/<environment>/file")
def export_flags(project: str, environment: str) -> Response:
    """All plain flags as a flagd file."""
    with services().database.read() as tx:
        id = locate_environment(tx, project, environment).id
        flags, shared = plain_flags_in(tx, id), flag_set_of(tx, id)
    refuse_broken([flag.key for flag in flags if flag.broken])
    content = json.dumps(flag_file(flags, shared), ensure_ascii=False, indent=2)
    named = f'attachment; filename="{project}-{environment}-flags.json"'
    return Response(content, mimetype="application/json", headers={"Content-Disposition": named})


def _file() -> Any:
    chosen = forms.file()
    if chosen is None:
        raise InvalidInput(Problem("file", "there is no file", "choose one in the format of flagd"))
    try:
        return loads(chosen[1])
    except InvalidJSON as invalid:
        raise InvalidInput(Problem("file", f"is not valid JSON: {invalid}", "mend it")) from invalid


def _to_list(project: str, environment: str, done: str) -> Response:
    return onward("show_flags", project=project, environment=environment, done=done)


def _with_first(flags: list[PlainFlag], key: str) -> list[PlainFlag]:
    """These flags, that of the key before the others: what was refused is told where it stands."""
    return sorted(flags, key=lambda flag: flag.key != key)


def shown_flags(
    project: str,
    environment: str,
    problems: Problems = (),
    refused_file: Problems = (),
    would: FlagImport | None = None,
    unrevived: tuple[str, Problems] = ("", ()),
) -> str:
    """The page, with what was refused on it; ``unrevived`` is a flag that could not be revived, and why."""
    services().receipts.flush_if_possible()
    with services().database.read() as tx:
        here, seen = frame(tx, project, environment), live(tx)
        flags, stale, uses = [], None, {}
        if here.environment is not None:
            id = here.environment.id
            flags = list(known_flags(tx, id).values())
            stale = stale_report(tx, here.environment, STALE_DAYS, here.now)
            uses = uses_since(tx, id, here.now - COUNTS_KEPT)
    last = {key: max(use.last_day for use in answers.values()) for key, answers in uses.items()}
    sought = request.args.get("text", "").strip().casefold()
    flags = [flag for flag in flags if sought in f"{flag.key} {flag.owner}".casefold()]
    living = [flag for flag in flags if flag.deleted_at is None]
    retired = [flag for flag in flags if flag.deleted_at is not None]
    return page(
        "settings_flags.html",
        here,
        seen,
        flags=living[:_AT_ONCE],
        found=len(living),
        sought=sought,
        retired=_with_first(retired, unrevived[0])[:_AT_ONCE],
        gone=len(retired),
        stale={each.key: each for each in stale.flags} if stale else {},
        cannot_tell=stale.cannot_tell if stale else "",
        last=last,
        mine=next(mine for each, mine in here.places if here.project and each.id == here.project.id),
        problems=problems,
        given=flag_form.given() if problems else flag_form.NEW,
        refused_file=refused_file,
        would=would,
        unrevived=unrevived,
    )
