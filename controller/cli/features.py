"""Features: what a team says of them, how ready they are, and the review before they ship."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Any, TypeVar

import click

from controller.cli import proposals
from controller.cli.connection import Failed, Told, in_environment, in_project
from controller.cli.documents import document
from controller.cli.options import STAGES, reason
from controller.cli.remote import Remote
from controller.cli.text import INDENT, aligned, described, moment
from stages import Autonomy, Missed, Oversight, Tier

C = TypeVar("C", bound=Callable[..., Any])

_TEXTS = {
    "name": "Its name for people.",
    "description": "What it does.",
    "owner": "Who answers for it.",
    "budget-owner": "Who pays for it.",
    "risk-rationale": "Why it has its tier.",
    "classified-by": "Who classified it.",
    "hypothesis": "What the release is expected to bring.",
    "success": "Success in production, in the terms of the business.",
    "fallback": "What users get without it.",
}
_CHOICES = {
    "when-lost": ("keep", "review", "off"),
    "on-switch": ("move", "finish"),
    "oversight": tuple(each.value for each in Oversight),
    "autonomy-cap": tuple(each.value for each in Autonomy),
}


def _fields(command: C) -> C:
    for name, words in _CHOICES.items():
        command = click.option(f"--{name}", type=click.Choice(words), help=f"The field {name}.")(command)
    for name, told in reversed(_TEXTS.items()):
        command = click.option(f"--{name}", help=told)(command)
    for option in (
        click.option(
            "--tier", "risk_tier", type=click.Choice([tier.value for tier in Tier]), help="Its risk tier."
        ),
        click.option(
            "--reviewer", "reviewers", multiple=True, help="Who reviews answers; several times for several."
        ),
        click.option(
            "--person", "people", multiple=True, metavar="ROLE=NAME", help="Who has a role, such as support."
        ),
        click.option("--expected-daily-answers", type=int, help="How many answers a day are expected."),
        click.option(
            "--review-capacity-per-day", type=int, help="How many answers a day its reviewers can look at."
        ),
        click.option(
            "--automatic-moves-per-day",
            type=int,
            help="How often triggers may move it in a day before they switch it off.",
        ),
        click.option("--file", type=document, help="A JSON or YAML file with fields; options go before it."),
    ):
        command = option(command)
    return command


@click.group()
def feature() -> None:
    """Describe features, and ask how ready they are."""


@feature.command()
@click.argument("feature")
@_fields
@in_project
def create(remote: Remote, feature: str, **asked: Any) -> Told:
    """Make a feature; it begins in readiness in every environment."""
    content = _content(feature, asked)
    return _shown(remote.send("POST", remote.in_project("features"), {**content, "key": feature}))


@feature.command("set")
@click.argument("feature")
@_fields
@in_project
def change(remote: Remote, feature: str, **asked: Any) -> Told:
    """Describe a feature anew; what is not said stays."""
    return _shown(remote.send("PATCH", remote.of_feature(feature), _content(feature, asked)))


@feature.command()
@click.argument("feature")
@click.option(
    "--tier", type=click.Choice([tier.value for tier in Tier]), required=True, help="The tier it had."
)
@reason
@in_project
def revive(remote: Remote, feature: str, tier: str, reason: str) -> Told:
    """Let a deleted feature be there again as it was. To take up one that was stopped is `headgate revive`."""
    content = {"risk_tier": tier, "reason": reason}
    return _shown(remote.send("POST", remote.of_feature(feature, "revive"), content))


@feature.command()
@click.argument("feature")
@click.option("--review-capacity-per-day", type=int, help="How many answers its reviewers can look at.")
@click.option("--automatic-moves-per-day", type=int, help="How often triggers may move it in a day.")
@reason
@in_project
def propose(remote: Remote, feature: str, reason: str, **asked: int | None) -> Told:
    """Propose limits that live triggers would do less by; somebody else approves them."""
    limits = {name: value for name, value in asked.items() if value is not None}
    address = remote.of_feature(feature, "proposals")
    made = remote.send("POST", address, {"limits": limits, "reason": reason})
    return Told(made, proposals.proposal_lines(made))


proposals.add_to(feature, "features")


@feature.command()
@click.argument("feature")
@in_project
def show(remote: Remote, feature: str) -> Told:
    """Show what is said of a feature."""
    return _shown(remote.get(remote.of_feature(feature)))


@feature.command()
@click.argument("feature")
@click.option("--stage", type=STAGES, help="The stage that is asked about; otherwise the next one.")
@in_environment
def readiness(remote: Remote, feature: str, stage: str | None) -> Told:
    """Show the score sheet: what a stage asks for, what is missing, who provides it, and since when."""
    sheet = remote.get(remote.of_rollout(feature, "readiness"), stage=stage)
    return Told(sheet, _sheet(sheet))


@feature.command()
@click.argument("feature")
@click.option("--stage", type=STAGES, help="The stage that is asked about; otherwise the next one.")
@click.option("--html", type=click.Path(dir_okay=False), help="Write the review to this file, as one page.")
@in_environment
def review(remote: Remote, feature: str, stage: str | None, html: str | None) -> Told:
    """Answer the eight questions before shipping from the records."""
    found = remote.get(remote.of_rollout(feature, "pre-ship-review"), stage=stage)
    if html:
        _write(Path(html), remote.page(remote.of_rollout(feature, "pre-ship-review.html"), stage=stage))
    return Told(found, [*_review(found), *([f"the page is in {html}"] if html else [])])


def _content(feature: str, asked: dict[str, Any]) -> dict[str, Any]:
    content = asked.pop("file") or {}
    if content.pop("key", feature) != feature:
        raise click.UsageError(f"the file describes another feature than {feature}; name that one")
    asked["people"] = _people(asked["people"])
    asked["reviewers"] = list(asked["reviewers"])
    return content | {name: value for name, value in asked.items() if value not in (None, [], {})}


def _people(pairs: tuple[str, ...]) -> dict[str, str]:
    for pair in pairs:
        if not all(pair.partition("=")):
            raise click.UsageError(f"--person {pair!r} is not ROLE=NAME, such as support=Ada")
    return dict(pair.split("=", 1) for pair in pairs)


def _shown(feature: Mapping[str, Any]) -> Told:
    flat = {name.replace("_", " "): _flat(value) for name, value in feature.items() if name != "key"}
    flat["created at"] = moment(feature["created_at"])
    return Told(feature, [feature["key"], *described(flat)])


def _flat(value: Any) -> Any:
    if isinstance(value, Mapping):
        return ", ".join(f"{name}: {each}" for name, each in value.items() if each not in ("", None))
    return "; ".join(str(_flat(each)) for each in value) if isinstance(value, list) else value


def _sheet(sheet: Mapping[str, Any]) -> Iterator[str]:
    score = sheet["score"]
    count = sheet["reminders"]
    reminders = f"; {count} not met only remind{'s' if count == 1 else ''}" if count else ""
    yield f"{_heading(sheet)}: {score['met']} of {score['of']} are met{reminders}"
    yield from aligned((gate, f"{of['met']} of {of['of']}") for gate, of in sheet["gates"].items())
    missing = [item for item in sheet["items"] if not item["holds"]]
    yield from _titled("missing", [item for item in missing if not _reminds(item)])
    yield from _titled("reminders, which keep nothing back", [item for item in missing if _reminds(item)])


def _titled(title: str, items: list[Mapping[str, Any]]) -> Iterator[str]:
    if items:
        yield title
    yield from aligned(_missing(item) for item in items)


def _reminds(standing: Mapping[str, Any]) -> bool:
    return standing.get("missed") == Missed.REMIND and not standing["holds"]


def _missing(item: Mapping[str, Any]) -> tuple[str, ...]:
    who = f"{item['owner']} ({item['role']})"
    since = f"since {moment(item['since'])}"
    return item["requirement"], item["answer"], who, since, f"{item['message']}; {item['remedy']}"


def _review(review: Mapping[str, Any]) -> Iterator[str]:
    yield f"{_heading(review)}: {'ready' if review['ready'] else 'not ready'}"
    for answered in review["answers"]:
        yield f"{INDENT}{answered['answer']:<5} {answered['question']}"
        against = [each for each in (*answered["evidence"], *answered["facts"]) if not each["holds"]]
        yield from (f"{INDENT}{' ' * 6}{_against(each)}" for each in against)
    yield f"{INDENT}records {review['digest']}"


def _against(each: Mapping[str, Any]) -> str:
    said = f"{each['message']}; {each['remedy']}"
    who = f" ({each['owner']}, since {moment(each['since'])})" if "since" in each else ""
    return f"reminder: {said}{who}" if _reminds(each) else f"{said}{who}"


def _heading(about: Mapping[str, Any]) -> str:
    release = about["release"] or "no release"
    return f"{about['feature']} in {about['environment']} for {about['stage']} with {release}"


def _write(path: Path, page: bytes) -> None:
    try:
        path.write_bytes(page)
    except OSError as error:
        raise Failed(f"{path} cannot be written: {error}") from error


COMMANDS: Mapping[str, click.Command] = {"feature": feature}
