"""What is done with a trigger that is there: arm it, mute it, remove it, and decide about what is proposed."""

from __future__ import annotations

from collections.abc import Callable

from flask import Response, request

from controller.api.auth import services
from controller.console import forms
from controller.console.auth import actor
from controller.console.blueprint import blueprint
from controller.console.feature import FEATURE
from controller.console.trigger_form import armed
from controller.console.trigger_pages import list_address, refused, trigger_address
from controller.console.trigger_words import MUTES
from controller.errors import HeadgateError, InvalidInput, NotFound, Problem, VersionConflict
from controller.rollouts import Where, locate
from controller.store.columns import Broken
from controller.store.triggers import StoredTrigger
from controller.trigger_edits import find_trigger
from stages import Refused

Answer = Response | tuple[str, int]
_TRIGGER = f"{FEATURE}/triggers/<trigger>"


@blueprint.post(f"{_TRIGGER}/arm")
def arm_trigger(project: str, environment: str, feature: str, trigger: str) -> Answer:
    """Let it do more or less than it may now; less, where it is live and protected, is proposed."""
    where = Where(project, environment, feature)
    proposes = request.form.get("do") == "propose"

    def arm() -> None:
        definition = armed(_stored(where, trigger), request.form.get("arming", ""))
        if proposes:
            services().trigger_reviews.propose(where, trigger, definition, actor(), forms.reason())
        else:
            services().trigger_edits.change(where, definition, actor(), forms.reason(), forms.seen_version())

    return _try(where, trigger, "arm", arm, "proposed" if proposes else "armed")


@blueprint.post(f"{_TRIGGER}/mute")
def mute_trigger(project: str, environment: str, feature: str, trigger: str) -> Answer:
    """Let it do nothing for a while."""
    where = Where(project, environment, feature)

    def mute() -> None:
        minutes = request.form.get("minutes", "")
        if minutes not in MUTES:
            raise InvalidInput(
                Problem("minutes", "is none of the times offered", "choose one of at most 7 days")
            )
        services().trigger_reviews.mute(where, trigger, int(minutes), actor(), forms.reason())

    return _try(where, trigger, "mute", mute, "muted")


@blueprint.post(f"{_TRIGGER}/unmute")
def unmute_trigger(project: str, environment: str, feature: str, trigger: str) -> Answer:
    """Let it do again what its ladder says."""
    where = Where(project, environment, feature)

    def unmute() -> None:
        services().trigger_reviews.unmute(where, trigger, actor(), forms.reason())

    return _try(where, trigger, "mute", unmute, "unmuted")


@blueprint.post(f"{_TRIGGER}/remove")
def remove_trigger(project: str, environment: str, feature: str, trigger: str) -> Answer:
    """Remove it, or propose that."""
    where = Where(project, environment, feature)
    if request.form.get("do") == "propose":

        def propose() -> None:
            services().trigger_reviews.propose(where, trigger, None, actor(), forms.reason())

        return _try(where, trigger, "remove", propose, "proposed")
    try:
        _check_version(where, trigger)
        services().trigger_edits.drop(where, trigger, actor(), forms.reason())
    except (HeadgateError, Refused) as error:
        return refused(where, trigger, error, "remove")
    return list_address(where, "trigger_removed")


@blueprint.post(f"{_TRIGGER}/proposals/<int:id>/approve")
def approve_proposal(project: str, environment: str, feature: str, trigger: str, id: int) -> Answer:
    """Agree to somebody else's proposal, which carries it out."""
    where, reviews = Where(project, environment, feature), services().trigger_reviews
    try:
        reviews.approve(where, trigger, id, actor())
    except (HeadgateError, Refused) as error:
        return refused(where, trigger, error, "proposals")
    try:
        _stored(where, trigger)
    except NotFound:
        return list_address(where, "trigger_removed")
    return trigger_address(where, trigger, "proposal_approved")


@blueprint.post(f"{_TRIGGER}/proposals/<int:id>/withdraw")
def withdraw_proposal(project: str, environment: str, feature: str, trigger: str, id: int) -> Answer:
    """Take it back."""
    where, reviews = Where(project, environment, feature), services().trigger_reviews
    return _try(
        where, trigger, "proposals", lambda: reviews.withdraw(where, trigger, id, actor()), "withdrawn"
    )


def _try(where: Where, key: str, name: str, act: Callable[[], object], done: str) -> Answer:
    try:
        act()
    except (HeadgateError, Refused) as error:
        return refused(where, key, error, name)
    return trigger_address(where, key, done)


def _stored(where: Where, key: str) -> StoredTrigger:
    with services().database.read() as tx:
        found = find_trigger(tx, locate(tx, where).id, key)
    if isinstance(found, Broken):
        raise InvalidInput(
            Problem("trigger", f"it cannot be read: {found.why}", "write it anew in the editor, or remove it")
        )
    return found


def _check_version(where: Where, key: str) -> None:
    """Whoever removes a trigger has looked at it as it is."""
    with services().database.read() as tx:
        found = find_trigger(tx, locate(tx, where).id, key)
    if isinstance(found, StoredTrigger) and found.version != forms.seen_version():
        raise VersionConflict(f"the trigger {key}", found.version)
