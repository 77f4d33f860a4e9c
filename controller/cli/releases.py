"""Releases: seal them, look at them, say what is known of them."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import click

from controller.cli.bundles import BadBundle, Draft, complete, from_work_tree
from controller.cli.connection import Failed, Told, in_environment, in_project
from controller.cli.documents import document
from controller.cli.options import reason
from controller.cli.remote import Remote, SaidNo
from controller.cli.text import aligned, described, evidence_of, exposure, moment, refusals, visible
from controller.errors import InvalidInput
from stages import Goodness


@click.group()
def release() -> None:
    """Seal and compare releases."""


@release.command()
@click.argument("feature")
@click.option("--bundle", type=document, help="A JSON or YAML file with the bundle, or the rest of it.")
@click.option(
    "--from-git",
    "folder",
    is_flag=False,
    flag_value=".",
    type=click.Path(path_type=Path),
    help="Take prompts and release.yaml from the git work tree around this folder.",
)
@click.option(
    "--prompt", "prompts", multiple=True, help="A prompt's file, or NAME=FILE. The first is the main one."
)
@click.option("--commit", "revision", help="The commit to take them from; otherwise the one checked out.")
@click.option("--notes", help="What is new; otherwise the subject of the commit.")
@click.option("--dry-run", is_flag=True, help="Print the bundle and the id it would have, and send nothing.")
@in_project
def create(remote: Remote, feature: str, *, dry_run: bool, notes: str | None, **asked: Any) -> Told:
    """Seal a bundle: prompts, model, index, guardrails and the rest, named by their content."""
    draft = _draft(**asked)
    content = {"bundle": draft.bundle, "notes": draft.notes if notes is None else notes}
    if dry_run:
        return _rehearsed(content)
    made = remote.send("POST", remote.of_feature(feature, "releases"), content)
    return Told(made, _shown(made))


@release.command("list")
@click.argument("feature")
@in_project
def list_(remote: Remote, feature: str) -> Told:
    """List the releases of a feature, oldest first."""
    found = remote.all(remote.of_feature(feature, "releases"))
    rows = [(one["id"], one["verdict"], moment(one["created_at"]), one["notes"]) for one in found["items"]]
    return Told(found, aligned(rows, indent=""))


@release.command()
@click.argument("feature")
@click.argument("release")
@in_project
def show(remote: Remote, feature: str, release: str) -> Told:
    """Show one release."""
    found = remote.get(remote.of_feature(feature, "releases", release))
    return Told(found, [*_shown(found), *_bundle(found["bundle"])])


@release.command()
@click.argument("feature")
@click.argument("before")
@click.argument("after")
@in_project
def compare(remote: Remote, feature: str, before: str, after: str) -> Told:
    """Show how one release differs from another, and whose evidence no longer counts."""
    found = remote.get(remote.of_feature(feature, "releases", before, "compare", after))
    return Told(found, _compared(found))


@release.command()
@click.argument("feature")
@click.argument("release")
@click.argument("verdict", type=click.Choice([each.value for each in Goodness]))
@reason
@in_project
def judge(remote: Remote, feature: str, release: str, verdict: str, reason: str) -> Told:
    """Say what is known of a release: good, bad or unknown."""
    address = remote.of_feature(feature, "releases", release, "verdict")
    judged = remote.send("POST", address, {"verdict": verdict, "reason": reason})
    return Told(judged, _shown(judged))


@release.command()
@click.argument("feature")
@click.argument("release")
@click.option("--show", is_flag=True, help="Only show what would be approved.")
@click.option("--yes", is_flag=True, help="Do not ask whether it is meant.")
@in_environment
def approve(remote: Remote, feature: str, release: str, *, show: bool, yes: bool) -> Told:
    """Agree, after a look, that a release comes to those who have the feature: to some first, to all later."""
    address = remote.of_rollout(feature, "releases", release)
    standing = remote.get(address)
    if show:
        return Told(standing, _at_stake(remote, feature, standing))
    if not yes:
        for line in _at_stake(remote, feature, standing):
            click.echo(visible(line), err=True)
        click.confirm("Approve it?", abort=True, err=True)
    # Whatever changes while somebody thinks about it is refused by the server.
    approved = remote.send("POST", f"{address}/approvals", if_match=standing["seen"])
    return Told(approved, _standing(feature, approved))


def _standing(feature: str, standing: Mapping[str, Any]) -> Iterator[str]:
    yield f"{feature}: {standing['release']} for those who have it in {standing['stage']}"
    agreed = f"{len(standing['approved_by'])} of {standing['needed']}"
    yield from described({"approvals": agreed, "approved by": ", ".join(standing["approved_by"])})
    if standing["refusals"]:
        yield "  what is against it"
        yield from (f"  {line}" for line in refusals(standing["refusals"]))


def _at_stake(remote: Remote, feature: str, standing: Mapping[str, Any]) -> Iterator[str]:
    """What an approval is bound to: the release, who would get it, and how the evidence stands for it."""
    yield from _standing(feature, standing)
    asked = {"stage": standing["stage"], "release": standing["release"]}
    sheet = remote.get(remote.of_rollout(feature, "readiness"), **asked)
    yield f"  exposure  {exposure(remote.get(remote.of_rollout(feature))['exposure'])}"
    yield from evidence_of(sheet)
    found = remote.get(remote.of_feature(feature, "releases", standing["release"]))
    yield from _bundle(found["bundle"])


def _draft(
    folder: Path | None, bundle: Mapping[str, Any] | None, prompts: tuple[str, ...], revision: str | None
) -> Draft:
    if folder is None:
        if bundle is None:
            raise click.UsageError("name a bundle with --bundle, or a work tree with --from-git")
        if prompts or revision:
            raise click.UsageError("--prompt and --commit go with --from-git; add it")
        return Draft(bundle, "")
    try:
        return from_work_tree(folder, prompts, bundle, revision)
    except BadBundle as bad:
        raise Failed(str(bad)) from bad


def _rehearsed(content: Mapping[str, Any]) -> Told:
    try:
        sealed = complete(content["bundle"])
    except InvalidInput as bad:
        errors = [{"field": p.field, "message": p.message, "remedy": p.remedy} for p in bad.problems]
        raise SaidNo({"code": bad.code, "detail": "the bundle cannot be used", "errors": errors}) from bad
    told = {"id": sealed.id, "digest": sealed.digest, "bundle": sealed.bundle, "notes": content["notes"]}
    return Told(told, [f"{sealed.id} would be made; nothing was sent", *_bundle(sealed.bundle)])


def _shown(release: Mapping[str, Any]) -> Iterator[str]:
    yield release["id"]
    yield from described(
        {
            "verdict": f"{release['verdict']} {release['verdict_reason']}".strip(),
            "notes": release["notes"],
            "digest": release["digest"],
            "made": f"{moment(release['created_at'])} by {release['created_by']}",
        }
    )
    yield from (f"  warning: {each['message']}; {each['remedy']}" for each in release["warnings"])


def _bundle(bundle: Mapping[str, Any]) -> Iterator[str]:
    return described(dict(_leaves(bundle, "")))


def _leaves(content: Any, path: str) -> Iterator[tuple[str, Any]]:
    """Every value in a bundle with the path to it."""
    if not isinstance(content, Mapping | list):
        yield path, content
        return
    named = content.items() if isinstance(content, Mapping) else enumerate(content)
    for name, value in named:
        yield from _leaves(value, f"{path}.{name}" if path else str(name))


def _compared(found: Mapping[str, Any]) -> Iterator[str]:
    if not found["differences"]:
        yield f"{found['before']} and {found['after']} are the same"
        return
    yield f"{found['before']} -> {found['after']}: {', '.join(found['parts']) or 'no part that evidence is about'}"
    yield from aligned(
        (each["path"], f"{each['before']} -> {each['after']}") for each in found["differences"]
    )


@click.command("revert-target")
@click.argument("feature")
@in_environment
def revert_target(remote: Remote, feature: str) -> Told:
    """Show the release that a revert would bring back, and what is against it."""
    found = remote.get(remote.of_rollout(feature, "revert-target"))
    return Told(found, _target(feature, found))


def _target(feature: str, found: Mapping[str, Any]) -> Iterator[str]:
    answer = "can serve" if found["viable"] else "would not help"
    yield f"{feature}: {found['release'] or 'nothing'} {answer}"
    yield from refusals(found["against"])
    yield from aligned(("not found out", what) for what in found["undetermined"])


COMMANDS: Mapping[str, click.Command] = {"release": release, "revert-target": revert_target}
