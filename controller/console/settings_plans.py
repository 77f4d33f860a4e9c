"""The plans that the features of a project follow in protected environments, and where it asks for more itself."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

import yaml
from flask import Response, request

from controller.api.auth import services
from controller.cases import tightened
from controller.console import forms
from controller.console.auth import actor
from controller.console.blueprint import blueprint
from controller.console.change_details import differences
from controller.console.frame import frame, page
from controller.console.live import live
from controller.console.onward import onward
from controller.console.words import GATES, MISSED, Moved, duration, percent
from controller.errors import HeadgateError, InvalidInput, NotFound, Problem
from controller.plans import Plans
from controller.store.projects import Project, get_project
from controller.strict_yaml import InvalidYAML, loads
from stages import EXPOSED, Refusal, Requirement, StagePlan, Step, Tier

Problems = tuple[Refusal | Problem, ...]
_SHARES = frozenset({"ceiling", "start"})


@blueprint.get("/projects/<project>/settings/plans")
def show_plans(project: str) -> str:
    """What each stage of each tier asks for and allows in this project, and the form to ask for more."""
    return _shown(project)


@blueprint.post("/projects/<project>/settings/plans")
def tighten_plans(project: str) -> Response | str | tuple[str, int]:
    """Say where the project asks for more than the installation, or only look at what that would change."""
    try:
        wanted = _tightening()
        if request.form.get("do") == "check":
            return _shown(project, would=tuple(_changes(project, wanted)))
        seen = request.form.get("seen", "")
        services().governance.tighten(project, wanted, actor(), forms.reason(), seen)
    except NotFound:
        raise
    except HeadgateError as error:
        problems, status = forms.told(error)
        return _shown(project, problems), status
    return onward("show_plans", project=project, done="tightened")


def _tightening() -> dict[str, Any] | None:
    """What was entered; None: the project asks for nothing besides.

    Raises:
        InvalidInput: It is no YAML, or no mapping.
    """
    try:
        content = loads(forms.given("tightening")["tightening"] or "{}")
    except InvalidYAML as invalid:
        raise InvalidInput(Problem("tightening", f"is not valid YAML: {invalid}", "mend it")) from invalid
    if not isinstance(content, dict):
        raise InvalidInput(Problem("tightening", "is no mapping", "begin with tiers:, as in the example"))
    return content or None


def _changes(project: str, wanted: Mapping[str, Any] | None) -> Iterator[Moved]:
    """Every value that the plans would have anew.

    Raises:
        InvalidInput: It cannot be read, or asks for less than the installation somewhere; names each place.
    """
    with services().database.read() as tx:
        now, _ = _plans(get_project(tx, project))
    yield from differences(_told(now), _told(services().plans.tightened(wanted or {})))


def _told(plans: Plans) -> dict[str, Any]:
    """What plans say, by tier and stage, each value with its unit and each requirement in a few words."""
    told: dict[str, Any] = {}
    for tier, says in plans.as_json()["tiers"].items():
        plan, stages = plans.of(tier, protected=True), says.pop("stages")
        told[tier] = _with_units(says)
        for stage in EXPOSED:
            told[tier][stage.value] = _with_units(stages[stage.value]) | _items(plan[stage])
    return told


def _with_units(says: Mapping[str, Any]) -> dict[str, Any]:
    return dict(_with_unit(name, value) for name, value in says.items())


def _with_unit(name: str, value: Any) -> tuple[str, Any]:
    if name in _SHARES:
        return name, percent(value)
    return (name.removesuffix("_s"), duration(value)) if name.endswith("_s") else (name, value)


def _items(step: StagePlan) -> dict[str, Any]:
    return {
        "requirements": {need.key: ", ".join(_asked_of(need)) for need in step.requirements},
        "exit_criteria": {one.key: f"{one.title}, at most {one.at_most}" for one in step.exit_criteria},
        "ramp": [", ".join(_taken_by(each)) for each in step.ramp],
    }


def _taken_by(step: Step) -> Iterator[str]:
    yield percent(step.share)
    if step.hold_s:
        yield f"for {duration(step.hold_s)}"
    if step.min_samples:
        yield f"{step.min_samples} answers"
    if step.approvals:
        yield f"{step.approvals} approvals"


def _asked_of(need: Requirement) -> Iterator[str]:
    yield need.title
    if need.threshold:
        least, most = need.threshold.at_least, need.threshold.at_most
        yield f"{need.threshold.metric} {f'at least {least}' if least is not None else f'at most {most}'}"
    if need.min_samples:
        yield f"{need.min_samples} cases"
    if need.valid_s:
        yield f"counts for {duration(need.valid_s)}"
    yield MISSED[need.missed]


def _shown(project: str, problems: Problems = (), would: tuple[Moved, ...] | None = None) -> str:
    with services().database.read() as tx:
        here, seen = frame(tx, project), live(tx)
        mine = get_project(tx, project)
    plans, fault = _plans(mine)
    now = _written(mine.tightening)
    entered = request.form.get("tightening", now)
    is_outdated = bool(problems) and request.form.get("seen", mine.seen) != mine.seen
    return page(
        "settings_plans.html",
        here,
        seen,
        tiers=[(tier, plans.of(tier, protected=True)) for tier in Tier],
        stages=EXPOSED,
        gates=_by_gate(plans),
        missed=MISSED,
        is_tightened=bool(mine.tightening),
        fault=fault,
        mine=mine,
        entered=entered,
        reason=request.form.get("reason", ""),
        theirs=now if is_outdated and now != entered else "",
        problems=problems,
        would=would,
    )


def _plans(project: Project) -> tuple[Plans, str]:
    """The plans of a project; those of the installation, and why, where its own cannot be read."""
    plans = services().plans
    try:
        return tightened(plans, project), ""
    except InvalidInput as fault:
        return plans, fault.detail


def _written(tightening: object) -> str:
    """What a project asks for besides, as it is entered."""
    if not isinstance(tightening, Mapping) or not tightening:
        return ""
    return yaml.safe_dump(tightening, sort_keys=False, allow_unicode=True)


def _by_gate(plans: Plans) -> list[tuple[str, list[Requirement]]]:
    needs = plans.requirements.values()
    return [(title, [need for need in needs if need.gate is gate]) for gate, title in GATES.items()]
