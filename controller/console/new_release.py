"""A new release: its bundle as JSON, looked at before it is sealed; and bringing a sealed one to users."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from flask import Response, request

from controller.api.auth import services
from controller.api.feature_schemas import ReleaseSchema
from controller.api.parsing import load
from controller.api.views import release_warnings
from controller.console import forms
from controller.console.auth import actor
from controller.console.blueprint import blueprint
from controller.console.feature import FEATURE, Head, head
from controller.console.frame import page
from controller.console.live import live
from controller.console.onward import onward, place_of
from controller.console.release_approval import shown_release
from controller.console.releases import Difference, differences
from controller.errors import HeadgateError, InvalidInput, NotFound, Problem, VersionConflict
from controller.rollouts import Order, Where
from controller.store.database import Transaction
from controller.store.releases import StoredRelease, get_release, releases_of
from controller.strict_json import InvalidJSON, loads
from stages import Refusal, Refused, Release, Request, parts, seal

Answer = Response | str | tuple[str, int]
Problems = tuple[Refusal | Problem, ...]
_EXAMPLE: Mapping[str, Any] = {
    "prompt": {"ref": "prompts/reply-drafts@1"},
    "model": {"provider": "openai", "id": "gpt-5-2025-08-07", "params": {"temperature": 0.2}},
    "guardrails": "g-1",
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Preview:
    """What a bundle would be once it is sealed. ``known`` is the release that it is already, if it is one.

    ``other_parts`` are those that are others than in the stable release: evidence about them does not count for it.
    """

    release: Release
    known: StoredRelease | None
    warnings: tuple[Refusal, ...]
    stable: str | None
    changes: tuple[Difference, ...]
    other_parts: tuple[str, ...]


@blueprint.get(f"{FEATURE}/new-release")
def show_new_release(project: str, environment: str, feature: str) -> str:
    """The form, with the bundle of the stable release to begin with, or of the release that ``like`` names."""
    where = Where(project, environment, feature)
    with services().database.read() as tx:
        about = head(tx, where)
        begun = _begun(tx, about, request.args.get("like", ""))
    return _shown(where, {"bundle": begun, "notes": ""})


@blueprint.post(f"{FEATURE}/new-release")
def post_new_release(project: str, environment: str, feature: str) -> Answer:
    """Show what a bundle would be; seal it, if it is still what was shown."""
    where, sent = Where(project, environment, feature), forms.given("bundle", "notes")
    try:
        sent["bundle"] = _entered(sent["bundle"])
        content = _content(sent)
        preview = _preview(where, content["bundle"])
        if request.form.get("do") != "seal":
            return _shown(where, sent, preview=preview)
        if request.form.get("seen") != preview.release.digest:
            changed = Problem("", "the bundle is another one than you looked at", "look at it again, below")
            return _shown(where, sent, (changed,), preview), 409
        made, _ = services().catalog.make_release(
            project, feature, content["bundle"], content["notes"], actor()
        )
    except NotFound:
        raise
    except HeadgateError as error:
        problems, status = forms.told(error)
        return _shown(where, sent, tuple(map(_beside, problems))), status
    return _to(where, made.public_id, "sealed")


@blueprint.post(f"{FEATURE}/releases/<release>/introduce")
def introduce_release(project: str, environment: str, feature: str, release: str) -> Answer:
    """Bring a release in: the one to serve where nobody has the feature, else on trial for a share of those who do."""
    where = Where(project, environment, feature)
    return _move(where, release, lambda: Request(move="introduce", release=release, share=forms.share()))


@blueprint.post(f"{FEATURE}/releases/<release>/adopt")
def adopt_release(project: str, environment: str, feature: str, release: str) -> Answer:
    """Give the release that is on trial to all who have the feature."""
    return _move(Where(project, environment, feature), release, lambda: Request(move="adopt"))


def _move(where: Where, release: str, asked: Callable[[], Request]) -> Answer:
    """Move only what was looked at: a newer version may be about another candidate."""
    try:
        order = Order(
            request=asked(),
            actor=actor(),
            reason=forms.reason(),
            expected_version=forms.seen_version(),
        )
        services().rollouts.move(where, order)
    except NotFound:
        raise
    except VersionConflict:
        moved = Problem(
            "", "somebody moved the feature meanwhile", "look at how it stands now, and send it again"
        )
        return shown_release(where, release, (moved,)), 412
    except (HeadgateError, Refused) as error:
        problems, status = forms.told(error)
        return shown_release(where, release, problems), status
    return _to(where, release, "introduced" if order.request.move == "introduce" else "adopted")


def _to(where: Where, release: str, done: str) -> Response:
    return onward("show_release_approval", release=release, done=done, **place_of(where))


def _entered(text: str) -> str:
    """The file that was chosen, or else what was written."""
    if (chosen := forms.file()) is None:
        return text
    try:
        return chosen[1].decode()
    except UnicodeDecodeError as error:
        raise InvalidInput(Problem("file", "is no text", "choose a file with JSON, in UTF-8")) from error


def _content(sent: Mapping[str, str]) -> dict[str, Any]:
    """What was entered as the API takes it; a whole body of the API is taken for the bundle in it.

    Raises:
        InvalidInput: It is no bundle; names the places in it.
    """
    try:
        bundle = loads(sent["bundle"].encode())
    except InvalidJSON as invalid:
        raise InvalidInput(Problem("bundle", f"is not valid JSON: {invalid}", "mend it")) from invalid
    if isinstance(bundle, dict) and "bundle" in bundle and "prompt" not in bundle:
        bundle = bundle["bundle"]
    content: dict[str, Any] = load(ReleaseSchema(), {"bundle": bundle, "notes": sent["notes"]})
    return content


def _beside(problem: Refusal | Problem) -> Refusal | Problem:
    """Where in the bundle something is wrong is told in words."""
    head, _, place = problem.field.partition(".")
    return Problem(head, f"at {place}: {problem.message}", problem.remedy) if place else problem


def _preview(where: Where, bundle: Mapping[str, Any]) -> Preview:
    sealed = seal(bundle)
    with services().database.read() as tx:
        about = head(tx, where)
        services().registries.check_pointers(tx, about.feature.project_id, bundle)
        there = {each.public_id: each for each in releases_of(tx, about.feature.id)}
    stable = there.get(about.stored.rollout.stable or "")
    return Preview(
        release=sealed,
        known=there.get(sealed.id),
        warnings=release_warnings(sealed.bundle),
        stable=stable.public_id if stable else None,
        changes=tuple(differences(stable.bundle, sealed.bundle)) if stable else (),
        other_parts=tuple(_other_parts(stable.bundle, sealed.bundle)) if stable else (),
    )


def _other_parts(before: Mapping[str, Any], after: Mapping[str, Any]) -> Iterator[str]:
    theirs = parts(after)
    yield from (part.replace("_", " ") for part, digest in parts(before).items() if theirs[part] != digest)


def _begun(tx: Transaction, about: Head, like: str) -> str:
    """The bundle to begin with, as somebody would write it."""
    named = like or about.stored.rollout.stable
    bundle = get_release(tx, about.feature.id, named).bundle if named else _EXAMPLE
    return json.dumps(
        {name: part for name, part in bundle.items() if part not in ({}, None)}, ensure_ascii=False, indent=2
    )


def _shown(
    where: Where, given: Mapping[str, str], problems: Problems = (), preview: Preview | None = None
) -> str:
    with services().database.read() as tx:
        about = head(tx, where)
        seen = live(tx, about.stored.id)
    return page(
        "new-release.html",
        about.frame,
        seen,
        about=about,
        rollout=about.stored.rollout,
        given=given,
        problems=problems,
        preview=preview,
    )
