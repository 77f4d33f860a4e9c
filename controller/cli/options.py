"""Options that several commands have, and how they are read."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from datetime import UTC, datetime
from decimal import Decimal
from typing import Any, TypeVar

import click

from stages import WHOLE, Autonomy, Stage

C = TypeVar("C", bound=Callable[..., Any])


def share(text: str) -> int:
    """Read a share in basis points: ``25%`` of the users, or ``2500``.

    Raises:
        click.BadParameter: It is none.
    """
    if not re.fullmatch(r"[0-9]{1,5}|[0-9]{1,3}(\.[0-9]{1,6})?%", text):
        raise click.BadParameter(f"{text!r} is not a share; write 25% or 2500 (basis points)")
    read = Decimal(text.removesuffix("%")) * (100 if text.endswith("%") else 1)
    if read != int(read) or read > WHOLE:
        raise click.BadParameter(f"{text!r} is not in whole basis points up to {WHOLE} (100%)")
    return int(read)


def moment(text: str) -> str:
    """Read a time with its zone, or a date, which means its first moment in UTC; as the API takes it.

    Raises:
        click.BadParameter: It is neither.
    """
    try:
        if re.fullmatch(r"[0-9]{4}-[0-9]{2}-[0-9]{2}", text):
            return datetime.fromisoformat(text).replace(tzinfo=UTC).isoformat()
        read = datetime.fromisoformat(text)
    except ValueError:
        raise click.BadParameter(f"{text!r} is neither 2027-01-31 nor 2027-01-31T12:00:00Z") from None
    if read.tzinfo is None:
        raise click.BadParameter(f"{text!r} has no zone; write {text}Z for UTC")
    return read.isoformat()


STAGES = click.Choice([stage.value for stage in Stage])

reason = click.option("--reason", required=True, help="Why. It is recorded.")


def exposed(command: C) -> C:
    """Options that say who gets a feature; what is not said stays as it is."""
    autonomies = click.Choice([autonomy.value for autonomy in Autonomy])
    for option in (
        click.option("--autonomy", type=autonomies, help="How far it may go without a person."),
        click.option(
            "--language",
            "languages",
            multiple=True,
            help="A language, such as de; several times for several.",
        ),
        click.option(
            "--task", "tasks", multiple=True, help="A task it may be used for; several times for several."
        ),
        click.option(
            "--cohort", "cohorts", multiple=True, help="Who gets it besides; several times for several."
        ),
        click.option("--share", type=share, help="Share of the users: 25%, or 2500 basis points."),
    ):
        command = option(command)
    return command


def exposure_of(asked: Mapping[str, Any]) -> dict[str, Any] | None:
    """The exposure that these options ask for, or None if they ask for none."""
    lists = {name: list(asked[name]) for name in ("cohorts", "tasks", "languages") if asked.get(name)}
    words = {name: asked[name] for name in ("share", "autonomy") if asked.get(name) is not None}
    return words | lists or None
