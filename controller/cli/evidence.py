"""Evidence: what is handed in, waived and measured."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Iterator, Mapping
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import click

from controller.cli.connection import Failed, Told, in_project, near_environment
from controller.cli.options import moment as read_moment
from controller.cli.options import reason
from controller.cli.remote import Remote, SaidNo
from controller.cli.text import aligned, described, moment
from stages import EXPOSED, Missed

CURRENT = "current"

_FILE = click.Path(exists=True, dir_okay=False, path_type=Path)
_feature = click.option("--feature", "-f", required=True, help="The feature it is about.")
_requirement = click.option("--requirement", "-r", required=True, help="The requirement it answers.")
_release = click.option("--release", help="The release it is about: its id, or current for the stable one.")
_expires_at = click.option("--expires-at", type=read_moment, help="When it counts no longer.")


@click.group()
def evidence() -> None:
    """Show what a stage asks for."""


@evidence.command("import")
@click.argument("files", nargs=-1, required=True, type=_FILE)
@_feature
@_requirement
@_release
@click.option("--tool", help="The tool that wrote the file; otherwise it is recognised.")
@_expires_at
@near_environment
def import_(remote: Remote, files: tuple[Path, ...], feature: str, release: str | None, **asked: Any) -> Told:
    """Hand in report files of an evaluation tool. They are read, and checked whenever the requirement is."""
    about = {**asked, "release": _named(remote, feature, release)}
    made = [*_imported(remote, feature, files, about)]
    return Told(made[0] if len(made) == 1 else made, _told_of(remote, feature, files, made))


@evidence.command()
@_feature
@_requirement
@_release
@click.option("--uri", default="", help="Where it stands.")
@click.option("--file", type=_FILE, help="The thing itself: it is hashed here, and not sent.")
@click.option("--sha256", help="Its hash, where the file is not at hand.")
@click.option("--summary", default="", help="What it shows.")
@_expires_at
@near_environment
def add(
    remote: Remote, feature: str, release: str | None, file: Path | None, sha256: str | None, **asked: Any
) -> Told:
    """Hand in something that is kept elsewhere: a link, and the hash of what stands there."""
    if (file is None) == (sha256 is None):
        raise click.UsageError("name either --file or --sha256")
    content = {**asked, "sha256": sha256 or hashlib.sha256(_read(file)).hexdigest()}
    content["release"] = _named(remote, feature, release)
    made = remote.send("POST", remote.of_feature(feature, "evidence"), content)
    return Told(made, [_received(made), *_standing(remote, feature, made)])


@evidence.command("list")
@_feature
@in_project
def list_(remote: Remote, feature: str) -> Told:
    """List what was handed in for a feature, oldest first."""
    found = remote.all(remote.of_feature(feature, "evidence"))
    rows = [
        (
            f"e-{one['id']}",
            one["requirement"],
            one["release"] or "-",
            moment(one["accepted_at"]),
            one["summary"],
        )
        for one in found["items"]
    ]
    return Told(found, aligned(rows, indent=""))


@evidence.command()
@_feature
@click.option("--requirement", "-r", required=True, help="The requirement to let pass.")
@_release
@click.option("--trigger", required=True, help="The trigger that watches in its place.")
@click.option("--until", "expires_at", type=read_moment, help="When it ends.")
@click.option("--days", type=click.IntRange(1, 90), help="After how many days it ends.")
@reason
@near_environment
def waive(
    remote: Remote, feature: str, release: str | None, expires_at: str | None, days: int | None, **asked: Any
) -> Told:
    """Let a requirement pass for a while, because a trigger watches in its place."""
    if (expires_at is None) == (days is None):
        raise click.UsageError("say how long with either --until or --days")
    end = expires_at or (datetime.now(UTC) + timedelta(days=days or 0)).isoformat()
    content = {**asked, "release": _named(remote, feature, release), "expires_at": end}
    made = remote.send("POST", remote.of_feature(feature, "waivers"), content)
    line = f"w-{made['id']}: {made['requirement']} is waived until {moment(made['expires_at'])}"
    return Told(made, [f"{line}, while {made['trigger']} watches", *_standing(remote, feature, made)])


@evidence.command()
@click.argument("value", type=float)
@_feature
@click.option("--at", type=read_moment, help="When it was measured; otherwise now.")
@click.option("--note", default="", help="How it was measured.")
@in_project
def measure(remote: Remote, feature: str, **asked: Any) -> Told:
    """Report a VALUE of the feature's business metric; a value below 0 goes behind --."""
    made = remote.send("POST", remote.of_feature(feature, "measurements"), asked)
    return Told(made, [f"{feature}: {made['value']:g} at {moment(made['at'])}"])


def _named(remote: Remote, feature: str, release: str | None) -> str | None:
    """The release that is meant."""
    if release != CURRENT:
        return release
    if not remote.environment:
        raise click.UsageError("the current release is that of an environment; name it with --environment")
    stable: str | None = remote.get(remote.of_rollout(feature))["stable"]
    if stable is None:
        raise Failed(f"{feature} has no release in {remote.environment}; introduce one, or name it by its id")
    return stable


def _imported(
    remote: Remote, feature: str, files: Iterable[Path], about: Mapping[str, Any]
) -> Iterator[Mapping[str, Any]]:
    before: list[str] = []
    for file in files:
        try:
            address = remote.of_feature(feature, "evidence", "reports")
            yield remote.upload(address, _read(file), name=file.name, **about)
        except SaidNo as said:
            handed_in = f" (handed in before it: {', '.join(before)})" if before else ""
            raise said.about(f"{file}{handed_in}") from said
        before.append(str(file))


def _told_of(
    remote: Remote, feature: str, files: Iterable[Path], made: list[Mapping[str, Any]]
) -> Iterator[str]:
    for file, one in zip(files, made, strict=True):
        yield f"{file}: {_received(one)}"
        yield from _metrics(one["report"])
    yield from _standing(remote, feature, made[-1])


def _received(made: Mapping[str, Any]) -> str:
    about = f", about {made['release']}" if made["release"] else ""
    return f"e-{made['id']} for {made['requirement']}{about}"


def _metrics(report: Mapping[str, Any]) -> Iterator[str]:
    """The numbers of a report; the bounds are one-sided, at 95 % each."""
    data = report["dataset"]
    yield from described(
        {
            "tool": f"{report['tool']} {report['tool_version']}".strip(),
            "dataset": f"{data['name']} {data['version']}".strip(),
            "partial": report["partial"],
        }
    )
    headings = ("METRIC", "N", "VALUE", "AT LEAST (95 %)", "AT MOST (95 %)")
    yield from aligned([headings, *(_metric(metric) for metric in report["metrics"])])


def _metric(metric: Mapping[str, Any]) -> tuple[str, ...]:
    value = "-" if metric["value"] is None else f"{metric['value']:.4g}"
    return metric["name"], str(metric["n"]), value, f"{metric['supports']:.4g}", f"{metric['allows']:.4g}"


def _standing(remote: Remote, feature: str, made: Mapping[str, Any]) -> Iterator[str]:
    """How a requirement now stands in the environment, if one is named."""
    if not remote.environment:
        yield "name an --environment to see how the requirement stands there"
        return
    sheet = remote.get(remote.of_rollout(feature, "readiness"), **_about(remote, feature, made["release"]))
    key, place = made["requirement"], f"{sheet['stage']} in {sheet['environment']}"
    item = next((each for each in sheet["items"] if each["requirement"] == key), None)
    if item is None:
        yield f"{key}: {place} does not ask for it"
        return
    remedy = "" if item["holds"] else f"; {item['remedy']}"
    if remedy and item["missed"] == Missed.REMIND:
        remedy += " (it only reminds, and keeps nothing back)"
    yield f"{key}: {item['answer']} for {place} with {sheet['release'] or 'no release'}: {item['message']}{remedy}"


def _about(remote: Remote, feature: str, release: str | None) -> dict[str, str]:
    """What the standing is asked about: the release itself, and for one that is to come in, the present stage."""
    if release is None:
        return {}
    rollout = remote.get(remote.of_rollout(feature))
    comes_in = rollout["stable"] != release and rollout["stage"] in list(EXPOSED)
    return {"release": release} | ({"stage": rollout["stage"]} if comes_in else {})


def _read(file: Path | None) -> bytes:
    try:
        return file.read_bytes() if file else b""
    except OSError as error:
        raise Failed(f"{file} cannot be read: {error}") from error


COMMANDS: Mapping[str, click.Command] = {"evidence": evidence}
