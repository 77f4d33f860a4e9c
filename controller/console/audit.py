"""The record of changes: search it, read it, check that nobody altered it, and take it along."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from flask import Response, request, url_for

from controller.api.auth import services
from controller.console import asked
from controller.console.audit_export import MOST, as_csv, as_json
from controller.console.blueprint import blueprint
from controller.console.change_details import Detail, details
from controller.console.changes import ChangeLine, change_lines
from controller.console.frame import frame, page
from controller.console.live import live
from controller.console.words import ACTORS, names_of_changes, names_that_say
from controller.errors import InvalidInput, NotFound, Problem
from controller.store.audit import Sought, count_found, find_changes
from controller.store.changes import BadRow, RecordedChange, verify
from controller.store.database import Transaction
from controller.store.features import features_of
from controller.store.projects import get_project

PAGE = 30
"""How many changes a page has."""
_SUGGESTED = 200
_FIELDS = ("text", "feature", "environment", "kind", "name", "since", "until", "seq")
_ASKED = (*_FIELDS, "zone")
_FORMATS = {"csv": ("text/csv", as_csv), "json": ("application/json", as_json)}


@dataclass(frozen=True, slots=True)
class Row:
    """A change in one line, and all of it."""

    line: ChangeLine
    detail: Detail


@dataclass(frozen=True, slots=True)
class Checked:
    """What came of recomputing the record: how many rows it has, and the first that is not as it was written."""

    rows: int
    bad: BadRow | None


@blueprint.get("/projects/<project>/audit")
def show_audit(project: str) -> str | tuple[str, int]:
    """The changes that are asked for, newest first."""
    try:
        sought = _sought()
    except InvalidInput as wrong:
        return _shown(project, None, wrong.problems), 422
    return _shown(project, sought)


@blueprint.post("/projects/<project>/audit/verify")
def verify_audit(project: str) -> str:
    """Recompute the hash of every change."""
    with services().database.snapshot() as tx:
        id = get_project(tx, project).id
        bad = next(verify(tx, id), None)
        newest = next(iter(find_changes(tx, id, Sought(), limit=1)), None)
    return _shown(project, Sought(), checked=Checked(newest.seq if newest else 0, bad))


@blueprint.get("/projects/<project>/audit/export.<kind>")
def export_audit(project: str, kind: str) -> Response:
    """The changes that are asked for as a file, a piece at a time."""
    if kind not in _FORMATS:
        raise NotFound("export", kind)
    sought, database = _sought(), services().database
    with database.read() as tx:
        id = get_project(tx, project).id
        if count_found(tx, id, sought, MOST) > MOST:
            detail = f"more than {MOST:,} changes match, and a file has at most so many"
            raise InvalidInput(
                Problem("since", detail, "choose a shorter time, and take it in several files")
            )
    mimetype, write = _FORMATS[kind]
    answer = Response(write(database, id, sought), mimetype=mimetype)
    name = f"headgate-{project}-audit-{services().now():%Y%m%dT%H%M%SZ}.{kind}"
    answer.headers["Content-Disposition"] = f'attachment; filename="{name}"'
    return answer


def _sought() -> Sought:
    """What the address asks for.

    Raises:
        InvalidInput: A day is none.
    """
    text = asked.text("text")
    since, until, seq = asked.day("since"), asked.day_after("until"), asked.number("seq")
    if since and until and since >= until:
        raise InvalidInput(Problem("until", "is before the first day", "choose a later day, or leave it out"))
    if request.args.get("seq") and seq is None:
        raise InvalidInput(Problem("seq", "is no number of a change", "choose one from the record"))
    return Sought(
        text=text,
        words=names_that_say(text),
        **{name: asked.text(name) for name in ("feature", "environment", "kind", "name")},
        since=since,
        until=until,
        seq=seq,
    )


def _shown(
    project: str,
    sought: Sought | None,
    problems: tuple[Problem, ...] = (),
    checked: Checked | None = None,
) -> str:
    with services().database.read() as tx:
        here = frame(tx, project, "")
        id = get_project(tx, project).id
        seen, before = live(tx), asked.number("before")
        found = find_changes(tx, id, sought, before=before, limit=PAGE + 1) if sought else []
        rows = list(_rows(tx, id, found[:PAGE]))
        suggested = [feature.key for feature in features_of(tx, id, limit=_SUGGESTED)]
    return page(
        "audit.html",
        here,
        seen,
        rows=rows,
        older=_address(project, before=found[PAGE - 1].seq) if len(found) > PAGE else "",
        newest=_address(project) if before else "",
        given=request.args,
        is_narrow=any(request.args.get(name) for name in _FIELDS),
        suggested=suggested,
        names=names_of_changes(),
        kinds=ACTORS,
        exports={kind: _address(project, "export_audit", kind=kind) for kind in _FORMATS},
        problems=problems,
        checked=checked,
    )


def _rows(tx: Transaction, project_id: int, found: list[RecordedChange]) -> Iterator[Row]:
    lines = change_lines(tx, project_id, found)
    for line, change in zip(lines, found, strict=True):
        yield Row(line, details(change))


def _address(project: str, view: str = "show_audit", **more: Any) -> str:
    """An address that asks for the same, and more."""
    more |= {name: request.args[name] for name in _ASKED if request.args.get(name)}
    return url_for(f"console.{view}", project=project, **more)
