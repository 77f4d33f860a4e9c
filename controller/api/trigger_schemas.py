"""What goes in and out of the API about triggers."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from marshmallow import Schema, ValidationError, fields, post_load, validate, validates_schema

from controller.api.fields import Choice, Key, Param, Text, Truth, Whole
from controller.api.schemas import share
from controller.trigger_definitions import Definition
from stages import WHOLE
from triggers import Action, Arming, Baseline, Lack, Policy, Reaction, Rung, Scope, Severity, TriggerClass

_DAY = 86_400


class RungArgsSchema(Schema):
    """What an action needs to know."""

    share = share(0, WHOLE)
    owner = Text(200, shortest=1, metadata={"description": "Who shall do it, if not the feature's owner"})
    webhook = Key(metadata={"description": "The destination that is told of the task besides"})
    force = Truth(metadata={"description": "With revert: go back even to another compatibility class"})
    to = Key(metadata={"description": "With narrow: the name of a narrowing of this rollout"})


_TASKS = frozenset({Action.REFRESH_DATA, Action.UPDATE_EVAL_SET})
_TAKEN_BY: Mapping[str, frozenset[Action]] = {
    "share": frozenset({Action.NARROW}),
    "to": frozenset({Action.NARROW}),
    "owner": _TASKS,
    "webhook": _TASKS,
    "force": frozenset({Action.REVERT}),
}
"""The actions that each argument means something to."""


class RungSchema(Schema):
    """One step of a ladder."""

    do = Choice(Action, required=True)
    after_s = Whole(0, 7 * _DAY, load_default=0)
    args = fields.Nested(RungArgsSchema, load_default=dict)
    severity = Choice(Severity, load_default=Severity.CRITICAL)

    @validates_schema
    def args_belong_to_the_action(self, content: dict[str, Any], **_: object) -> None:
        """An argument means something to one action alone."""
        args, action = content.get("args") or {}, content.get("do")
        for name in args:
            if action not in _TAKEN_BY[name]:
                takers = " and ".join(sorted(_TAKEN_BY[name]))
                raise ValidationError({name: [f"Only {takers} takes this."]}, "args")
        if {"share", "to"} <= set(args):
            raise ValidationError({"to": ["Give either a share or the name of a narrowing."]}, "args")

    @post_load
    def build(self, content: dict[str, Any], **_: object) -> Rung:
        """Make the domain's own object."""
        return Rung(**content)


class PolicySchema(Schema):
    """What to do when there is nothing to judge. Without ``after_s`` it depends on what is done."""

    do = Choice(Reaction, required=True)
    after_s = Whole(0, 7 * _DAY, load_default=None, allow_none=True)

    @post_load
    def build(self, content: dict[str, Any], **_: object) -> Policy:
        """Make the domain's own object."""
        return Policy(**content)


def _policy() -> fields.Nested:
    return fields.Nested(PolicySchema, load_default=None, allow_none=True)


class TriggerSchema(Schema):
    """A stop rule."""

    key = Key(required=True)
    source = Key(required=True)
    query = fields.Dict(keys=fields.String(), values=Text(5000, shortest=1), required=True)
    method = Text(40, shortest=1, required=True)
    params = fields.Dict(keys=fields.String(), values=Param(), load_default=dict)
    window_s = Whole(1, 30 * _DAY, load_default=300)
    interval_s = Whole(1, _DAY, load_default=60)
    hold_s = Whole(0, 7 * _DAY, load_default=0)
    clear_s = Whole(0, 7 * _DAY, load_default=0)
    cooldown_s = Whole(0, 7 * _DAY, load_default=0)
    max_staleness_s = Whole(0, 7 * _DAY, load_default=0)
    latch = Truth(load_default=False)
    trigger_class = Choice(TriggerClass, data_key="class", load_default=TriggerClass.OTHER)
    arming = Choice(Arming, load_default=Arming.SHADOW)
    scope = Choice(Scope, load_default=Scope.ALL)
    baseline = Choice(Baseline, load_default=Baseline.NONE)
    baseline_offset_s = Whole(0, 30 * _DAY, load_default=0)
    on_no_data = _policy()
    on_partial = _policy()
    on_source_error = _policy()
    on_stale = _policy()
    use_partial = Truth(load_default=False)
    ladder = fields.List(fields.Nested(RungSchema), required=True, validate=validate.Length(1, 20))

    @validates_schema
    def ladder_rises(self, content: dict[str, Any], **_: object) -> None:
        """A later rung is not due before an earlier one."""
        waits = [rung.after_s for rung in content.get("ladder", ()) if isinstance(rung, Rung)]
        if waits != sorted(waits):
            raise ValidationError("after_s must not fall from one rung to the next.", "ladder")

    @validates_schema
    def warnings_come_first(self, content: dict[str, Any], **_: object) -> None:
        """A rung for a warning does not stand behind one that waits for worse."""
        ranks = [rung.severity.rank for rung in content.get("ladder", ()) if isinstance(rung, Rung)]
        if ranks != sorted(ranks):
            raise ValidationError("Rungs for a warning come before the others.", "ladder")

    @post_load
    def build(self, content: dict[str, Any], **_: object) -> Definition:
        """Make the use case's own object."""
        named = {name: content.pop(name) for name in ("key", "source", "query", "method", "params")}
        given = {lack: content.pop(f"on_{lack}") for lack in Lack}
        policies = {lack: policy for lack, policy in given.items() if policy is not None}
        rest = content | {"ladder": tuple(content["ladder"]), "policies": policies}
        return Definition(**named, rest=rest)


class StandingTriggerSchema(Schema):
    """A trigger, where it stands and what it last said. ``broken`` says why it was set aside, if it was."""

    key = fields.String()
    version = fields.Integer(allow_none=True)
    source = fields.String(allow_none=True)
    query = fields.Dict(allow_none=True)
    method = fields.String(allow_none=True)
    params = fields.Dict(allow_none=True)
    window_s = fields.Integer()
    interval_s = fields.Integer()
    hold_s = fields.Integer()
    clear_s = fields.Integer()
    cooldown_s = fields.Integer()
    max_staleness_s = fields.Integer()
    latch = fields.Boolean()
    trigger_class = fields.String(data_key="class", allow_none=True)
    arming = fields.String(allow_none=True)
    scope = fields.String()
    baseline = fields.String()
    baseline_offset_s = fields.Integer()
    on_no_data = fields.Dict(allow_none=True)
    on_partial = fields.Dict(allow_none=True)
    on_source_error = fields.Dict(allow_none=True)
    on_stale = fields.Dict(allow_none=True)
    use_partial = fields.Boolean()
    policies = fields.Dict(
        metadata={"description": "what is done in effect, the defaults of the tier included"}
    )
    sharing = fields.Integer()
    ladder = fields.List(fields.Dict())
    phase = fields.String(allow_none=True)
    since = fields.AwareDateTime(allow_none=True)
    verdict = fields.String(allow_none=True)
    sentence = fields.String()
    lack = fields.String(allow_none=True)
    lack_since = fields.AwareDateTime(allow_none=True)
    evaluated_at = fields.AwareDateTime(allow_none=True)
    seen_at = fields.AwareDateTime(allow_none=True)
    due_at = fields.AwareDateTime(allow_none=True)
    watching_since = fields.AwareDateTime(allow_none=True)
    muted_until = fields.AwareDateTime(allow_none=True)
    muted_by = fields.String()
    mute_reason = fields.String()
    broken = fields.String(allow_none=True)


class ReadingSchema(Schema):
    """One evaluation: what was asked and answered, what it meant, and what was done."""

    id = fields.Integer()
    version = fields.Integer(allow_none=True)
    slot = fields.AwareDateTime()
    evaluated_at = fields.AwareDateTime()
    status = fields.String()
    window_start = fields.AwareDateTime()
    window_end = fields.AwareDateTime()
    bad = fields.Integer(allow_none=True)
    total = fields.Integer(allow_none=True)
    value = fields.Float(allow_none=True)
    samples = fields.Integer(allow_none=True)
    newest_sample_at = fields.AwareDateTime(allow_none=True)
    message = fields.String()
    warnings = fields.List(fields.String())
    asked = fields.Dict()
    verdict = fields.String()
    sentence = fields.String()
    numbers = fields.Dict()
    phase = fields.String()
    due = fields.List(fields.Dict())


class ExplainedReadingSchema(ReadingSchema):
    """The same with all that the verdict depended on, and what comes of it when it is judged again."""

    record = fields.Dict(allow_none=True)
    recomputed = fields.String()
