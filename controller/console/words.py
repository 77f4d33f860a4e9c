"""How the console says things."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any

from controller.rollouts import RISK_TIER
from controller.store.changes import RecordedChange
from stages import Answer, Gate, Missed, Mode
from triggers import Action


@dataclass(frozen=True, slots=True)
class Sign:
    """A state in three ways at once: a word, an icon, and a tone, which is never the only signal."""

    word: str
    icon: str
    tone: str


MODES: Mapping[Mode, Sign] = {
    Mode.LIVE: Sign("live", "live", "good"),
    Mode.REVIEW: Sign("human review", "review", "review"),
    Mode.OFF: Sign("off", "off", "plain"),
}

GATES: Mapping[Gate, str] = {
    Gate.BUSINESS_FIT: "Business fit",
    Gate.DATA_AND_RETRIEVAL: "Data and retrieval",
    Gate.EVALUATION: "Evaluation",
    Gate.CONTROLS: "Controls",
    Gate.OPERATIONS: "Operations",
}

STANDINGS: Mapping[Answer, Sign] = {
    Answer.MET: Sign("met", "tick", "good"),
    Answer.WAIVED: Sign("waived", "clock", "review"),
    Answer.MISSING: Sign("missing", "never", "plain"),
    Answer.UNCHECKED: Sign("not checked", "never", "warn"),
    Answer.INSUFFICIENT: Sign("too few cases", "never", "warn"),
    Answer.FAILED: Sign("failed", "cross", "alarm"),
    Answer.STALE: Sign("of another release", "revert", "warn"),
    Answer.EXPIRED: Sign("expired", "clock", "alarm"),
}

MISSED: Mapping[Missed, str] = {
    Missed.REMIND: "reminds",
    Missed.WAIVE: "may be waived",
    Missed.BLOCK: "blocks",
}
"""What a requirement that is not met does."""

ACTORS: Mapping[str, Sign] = {
    "human": Sign("human", "human", "plain"),
    "trigger": Sign("trigger", "trigger", "warn"),
    "schedule": Sign("schedule", "clock", "plain"),
}

ACTIONS: Mapping[Action, str] = {
    Action.NOTIFY: "notify",
    Action.REFRESH_DATA: "ask for fresh data",
    Action.UPDATE_EVAL_SET: "ask for a new evaluation set",
    Action.HOLD: "hold",
    Action.NARROW: "narrow",
    Action.REVIEW: "send to human review",
    Action.REVERT: "revert the release",
    Action.DISABLE: "switch off",
    Action.DEMOTE: "demote",
}

_RESULTS: Mapping[str, str] = {
    "done": "",
    "unneeded": "not needed",
    "outdone": "something stronger was due",
    "impossible": "could not be done",
    "held": "held instead",
    "shadow": "only recorded, in shadow",
}

_CHANGES: Mapping[str, str] = {
    "promote": "promoted",
    "promotion.ask": "promotion asked for",
    "promotion.approve": "promotion approved",
    "promotion.withdraw": "promotion withdrawn",
    "revive": "revived",
    "resume": "resumed",
    "widen": "widened",
    "advance": "ramp advanced",
    "introduce": "release introduced",
    "adopt": "candidate adopted",
    "hold": "held",
    "narrow": "narrowed",
    "review": "sent to human review",
    "revert": "reverted",
    "disable": "switched off",
    "demote": "demoted",
    "stop": "stopped",
    "notify": "notice given",
    "refresh_data": "fresh data asked for",
    "update_eval_set": "new evaluation set asked for",
    "project.create": "project made",
    "environment.create": "environment made",
    "feature.create": "feature made",
    "feature.change": "feature described anew",
    "feature.delete": "feature deleted",
    "release.create": "release sealed",
    "release.judge": "release judged",
    "release.approve": "release approved",
    "feature.propose": "other limits proposed",
    "feature.approve": "other limits approved",
    "feature.withdraw": "other limits withdrawn",
    "evidence.accept": "evidence handed in",
    "evidence.waive": "requirement waived",
    "evidence.unwaive": "waiver ended",
    "business_metric.report": "business metric measured",
    "plans.tighten": "plans tightened",
    "group.set": "group set",
    "registry.connect": "registry connected",
    "registry.change": "registry changed",
    "registry.disconnect": "registry disconnected",
    "ramp.start": "ramp started",
    "ramp.pause": "ramp paused",
    "ramp.approve": "step of the ramp approved",
    "break_glass.enter": "glass broken",
    "break_glass.regularise": "broken glass regularised",
    "break_glass.review": "broken glass reviewed",
    "incident.close": "incident closed",
    "incident.verify": "revert verified by hand",
    "pointer.move": "pointer of a registry moved",
    "pointer.retry": "pointer tried again",
    "pointer.force": "pointer forced",
    "pointer.confirm": "pointer moved by hand",
    "source.connect": "source connected",
    "source.change": "source changed",
    "source.propose": "other settings of a source proposed",
    "source.approve": "other settings of a source approved",
    "source.withdraw": "other settings of a source withdrawn",
    "destination.connect": "destination of notices connected",
    "destination.change": "destination of notices changed",
    "destination.disconnect": "destination of notices disconnected",
    "key.create": "API key made",
    "key.expire": "API key to run out",
    "key.revoke": "API key revoked",
    "member.set": "roles given",
    "member.set_by_group": "roles by a group of the identity provider",
    "user.admin_by_group": "admin of the installation by a group",
    "member.remove": "roles taken away",
    "user.make_admin": "made an admin of the installation",
    "user.unmake_admin": "no admin of the installation any more",
    "user.deactivate": "user deactivated",
    "user.activate": "user activated again",
    "user.password": "one-time password given",
    "trigger.add": "trigger added",
    "trigger.change": "trigger changed",
    "trigger.acknowledge": "trigger acknowledged",
    "trigger.remove": "trigger removed",
    "trigger.propose": "loosening of a trigger proposed",
    "trigger.approve": "loosening of a trigger approved",
    "trigger.withdraw": "loosening of a trigger withdrawn",
    "narrowing.define": "narrower exposure defined",
    "narrowing.remove": "narrower exposure removed",
    "task.close": "task closed",
    "drill.configure": "drill configured",
    "drill.begin": "drill begun",
    "drill.end": "drill ended",
    "flag.set": "plain flag set",
    "flag.delete": "plain flag deleted",
    "flag.revive": "plain flag revived",
    "flags.import": "plain flags imported",
    "feature.revive": "feature revived",
    "shared_incident.close": "shared incident closed",
    "trigger.mute": "trigger muted",
    "trigger.unmute": "trigger unmuted",
}


_DONE: Mapping[str, str] = {
    "stopped": "Done. It is in the flags now; below you see which instances have it.",
    "resumed": "Done. Traffic is coming back.",
    "asked": "Asked for. Whoever has to approve it sees it under what needs attention.",
    "approved": "Approved, as it was shown.",
    "withdrawn": "Withdrawn.",
    "glass_broken": "Entered. It is taken back by itself when the time is over.",
    "glass_regularised": "Confirmed. The feature stays in the stage.",
    "glass_reviewed": "Reviewed. What you found is in the record.",
    "handed_in": "Handed in, and checked: see how it stands below.",
    "waived": "Waived, until the day you named.",
    "closed": "Closed. Its follow-up is in the record.",
    "verified": "Verified, by your word.",
    "pointer": "Done. The pointer is looked at again.",
    "roles_given": "Given. They count from the next click on.",
    "member_removed": "Taken out. The project is not there for them any more.",
    "group_set": "Set. Whoever is not named does not belong to it any more.",
    "tightened": "Saved. Whatever goes up from now on is held to it.",
    "user_changed": "Changed, from the next click on.",
    "replaced": "It runs out then.",
    "expires": "It opens nothing after that day.",
    "revoked": "Revoked. Whatever uses it is refused from now on.",
    "connected": "Connected. Test it, so that you know.",
    "changed": "Saved. Test it, so that you know.",
    "disconnected": "Disconnected. It is told nothing any more.",
    "made": "Made. Every feature begins its way there in readiness.",
    "demo_loaded": "The demo is loaded. Its answers are made up; what judges them is not.",
    "demo_removed": "The demo is gone, with all that belonged to it.",
    "acknowledged": "Acknowledged. The trigger counts from now.",
    "trigger_added": "Added. It is evaluated with the next tick.",
    "triggers_added": "Added. They are evaluated with the next tick.",
    "trigger_changed": "Changed. The trigger counts from now.",
    "trigger_removed": "Removed.",
    "armed": "Done. That is how much the trigger may do now.",
    "muted": "Muted. It goes on watching, and acts afterwards if the breach lasts.",
    "unmuted": "Unmuted. It does again what its ladder says.",
    "ramp_started": "Done. The ramp goes on from the present share.",
    "ramp_paused": "Paused. It waits until somebody lets it go on.",
    "step_approved": "Approved. The ramp takes the step when it has been earned.",
    "sealed": "Sealed. Nobody gets it until it is brought in.",
    "introduced": "Brought in. It is in the flags now.",
    "adopted": "Adopted. All who have the feature get it now.",
    "feature_made": "Made. It begins its way in readiness, where nobody has it.",
    "record_changed": "Saved. What flags carry of it is with product code within moments.",
    "nothing_changed": "Nothing was changed, so nothing was saved.",
    "flag_made": "Made. Product code may ask for it now.",
    "flag_changed": "Saved. Product code sees it within moments.",
    "flag_deleted": "Deleted. Its key stays behind, so that it never means anything else.",
    "flag_revived": "It is there again, as it was. Product code sees it within moments.",
    "flags_read": "Taken over, as a whole.",
    "proposed": "Proposed. Somebody else has to approve it.",
    "proposal_approved": "Approved, and carried out.",
}


@dataclass(frozen=True, slots=True)
class Moved:
    """One thing that a change moved."""

    what: str
    before: str
    after: str


def done(what: str) -> str:
    """What was just done, in words; empty for anything unknown."""
    return _DONE.get(what, "")


def percent(share: int) -> str:
    """Basis points as a percentage: 2500 is 25%."""
    return f"{share / 100:g}%"


def exact_time(at: datetime) -> str:
    """An instant to the second, in UTC."""
    return f"{at.astimezone(UTC):%Y-%m-%d %H:%M:%S} UTC"


def sentence(text: str) -> str:
    """A text as a sentence: it begins with a capital, unless with a name, and ends with a stop."""
    first = text.split(" ", 1)[0]
    begun = text[:1].upper() + text[1:] if first.isalpha() else text
    return begun if not begun or begun.endswith((".", "!", "?", "…")) else f"{begun}."


def duration(seconds: int) -> str:
    """A time as people say it."""
    for name, length in (("day", 86_400), ("h", 3600), ("min", 60)):
        if seconds >= length and seconds % length == 0:
            count = seconds // length
            return f"{count} {name}{'s' if name == 'day' and count > 1 else ''}"
    return f"{seconds} s"


def duration_of(span: timedelta) -> str:
    """A measured time, as finely as it matters: 84 ms, 12 s, 3 min 5 s, 2 h 10 min, 3 days."""
    seconds = span.total_seconds()
    if not seconds:
        return "at once"
    if seconds < 1:
        return f"{round(seconds * 1000)} ms"
    for longer, shorter, length in (("h", "min", 3600), ("min", "s", 60)):
        if seconds >= 48 * 3600:
            return f"{seconds / 86_400:.0f} days"
        if seconds >= length:
            whole, rest = divmod(int(seconds), length)
            rest = rest * 60 // length
            return f"{whole} {longer} {rest} {shorter}" if rest else f"{whole} {longer}"
    return f"{seconds:.0f} s"


def about(number: float) -> str:
    """A number that is only roughly known, with two digits that count: 43,000, 12, 0.5."""
    if number <= 0:
        return "0"
    digits = 1 - math.floor(math.log10(number))
    return (
        f"{round(number, digits):,.{max(0, digits)}f}".rstrip("0").rstrip(".")
        if digits > 0
        else f"{round(number, digits):,.0f}"
    )


def count(number: int) -> str:
    """How many, with its thousands set apart."""
    return f"{number:,}"


def days_since(since: datetime, now: datetime) -> str:
    """How long something has been so, in whole days."""
    days = max(0, (now - since).days)
    return "since today" if not days else f"for {days} day{'' if days == 1 else 's'}"


def who(actor: str) -> str:
    """An actor without the kind that stands beside it anyway."""
    kind, _, name = actor.partition(":")
    return {"user": name, "key": f"API key {name}", "trigger": name}.get(kind, actor)


def holder(hold: str) -> str:
    """Who holds a rollout."""
    if hold == RISK_TIER:
        return "the raised risk tier"
    kind, _, name = hold.partition(":")
    return f"trigger {name}" if kind == "trigger" and name else f"a {hold}" if hold == "person" else hold


def change_word(name: str) -> str:
    """What a change did, in words."""
    return _CHANGES.get(name, name)


def names_of_changes() -> list[tuple[str, str]]:
    """Every kind of change: its name and what it is called, in the order of the words."""
    return sorted(_CHANGES.items(), key=lambda each: each[1].lower())


def names_that_say(text: str) -> frozenset[str]:
    """The names of the changes that are called by a text, or by a part of what they are called."""
    said = text.lower()
    return frozenset(name for name, word in _CHANGES.items() if said and said in word.lower())


def subject(change: RecordedChange) -> str:
    """What a change is about besides its feature: a trigger, a release, a person, a group, a flag, fields or a key."""
    if change.name == "feature.change":
        return ", ".join(change.after)
    told = {**change.before, **change.after} or change.evidence
    if change.name == "group.set":
        return next(iter(change.after), "")
    if change.name in ("key.create", "key.revoke", "key.expire") and told.get("name"):
        return str(told["name"])
    names = [told.get(name) for name in ("trigger", "release", "requirement", "user", "key")]
    return next((who(str(name)) for name in (*names, change.evidence.get("flag")) if name), "")


def decision_words(due: Mapping[str, Any]) -> str:
    """What became of a rung that fell due, in words."""
    action, (result, _, why) = due.get("action", ""), str(due.get("result", "")).partition(": ")
    what = ACTIONS[Action(action)] if action in list(Action) else action or "decided"
    told = ": ".join(part for part in (_RESULTS.get(result, result), why) if part)
    return f"{what} ({told})" if told else what


def moved(change: RecordedChange) -> Iterator[Moved]:
    """What a change moved from where to where; what stayed is left out."""
    if not change.before or not change.after:
        return
    before, after = _told(change.before), _told(change.after)
    for what in after:
        if what in before and before[what] != after[what]:
            yield Moved(what, before[what], after[what])


def _told(state: Mapping[str, Any]) -> dict[str, str]:
    """The parts of a recorded state that are worth telling."""
    told = {name: str(state[name]) for name in ("stage", "mode", "verdict", "arming") if state.get(name)}
    if told.get("mode") in list(Mode):
        told["mode"] = MODES[Mode(told["mode"])].word
    if isinstance(state.get("roles"), list):
        told["roles"] = ", ".join(map(str, state["roles"])) or "none"
    if isinstance(state.get("exposure"), Mapping):
        told["share"] = percent(int(state["exposure"]["share"]))
    if "stable" in state:
        told["stable"] = state["stable"] or "none"
        told["candidate"] = _candidate(state)
        told["holds"] = ", ".join(holder(hold) for hold in state["holds"]) or "none"
    return told


def _candidate(state: Mapping[str, Any]) -> str:
    return (
        f"{state['candidate']} at {percent(state['candidate_share'])}" if state.get("candidate") else "none"
    )
