"""The page on plans says of the default plans exactly what they ask for, and explains every key of the format."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from pathlib import Path

import pytest
import yaml

from controller.plans import RECORD_FIELDS, load_plans
from controller.plans.definitions import (
    CRITERION_KEYS,
    CRITERION_MEASURES,
    CRITERION_OVERRIDES,
    REQUIREMENT_KEYS,
    REQUIREMENT_OVERRIDES,
    THRESHOLD_KEYS,
)
from controller.plans.node import grow
from controller.plans.plans import Plans
from controller.plans.reading import ADDED_UP, STAGE_KEYS, STEP_KEYS, TIER_KEYS, TOP_KEYS
from stages import (
    EXPOSED,
    Answer,
    Artifact,
    Criterion,
    Gate,
    Missed,
    Part,
    Requirement,
    Stage,
    StagePlan,
    Tier,
)
from stages.bounds import lower_share, upper_share
from triggers import TriggerClass

PAGE = Path(__file__).parents[1] / "docs" / "plans.md"
PLANS = load_plans()
DAY = 86_400
NONE = "–"


def page() -> str:
    return PAGE.read_text(encoding="utf-8")


def steps(tier: Tier) -> list[tuple[Stage, StagePlan]]:
    return list(PLANS.of(tier, protected=True).stages.items())


def line(*cells: str) -> str:
    return f"| {' | '.join(cells)} |"


def percent(share: float) -> str:
    return f"{100 * share:g} %"


def days(seconds: int) -> str:
    return f"{seconds // DAY} days" if seconds != DAY else "1 day"


def asked(key: str, tier: Tier) -> list[tuple[Stage, Requirement]]:
    """The stages of a tier that ask for a requirement."""
    return [(stage, need) for stage, step in steps(tier) for need in step.requirements if need.key == key]


def joined(told: Sequence[tuple[Stage, str]]) -> str:
    """What is told of each stage, without what is the same as in the stage before."""
    new = [
        f"{stage}: {text}"
        for number, (stage, text) in enumerate(told)
        if not number or text != told[number - 1][1]
    ]
    return "; ".join(new) or NONE


def requirement_row(need: Requirement) -> str:
    since = [next((stage.value for stage, _ in asked(need.key, tier)), NONE) for tier in Tier]
    return line(
        f"`{need.key}`",
        need.title,
        need.why,
        _answered_by(need),
        need.owner,
        *since,
        _valid(need),
        _missed(need),
    )


def _answered_by(need: Requirement) -> str:
    fields = ", ".join(f"`{name}`" for name in need.fields)
    return f"`{need.artifact}`: {fields}" if fields else f"`{need.artifact}`"


def _valid(need: Requirement) -> str:
    if need.valid_s is None:
        return NONE
    return days(need.valid_s) + _differently(need, lambda it: str(it.valid_s // DAY if it.valid_s else ""))


def _missed(need: Requirement) -> str:
    return f"`{need.missed}`" + _differently(need, lambda it: f"`{it.missed}`")


def _differently(need: Requirement, tell: object) -> str:
    """In brackets what is told of the tiers in which it is not as it is defined."""
    assert callable(tell)
    others = [(tier, tell(found[0][1])) for tier in Tier if (found := asked(need.key, tier))]
    told = [f"{tier}: {text}" for tier, text in others if text != tell(need)]
    return f" ({', '.join(told)})" if told else ""


def report_row(need: Requirement) -> str:
    cells = [joined([(stage, _size(it)) for stage, it in asked(need.key, tier)]) for tier in Tier]
    parts = (
        "the whole release"
        if need.proves == frozenset(Part)
        else ", ".join(p for p in Part if p in need.proves)
    )
    return line(f"`{need.key}`", parts, *cells)


def _size(need: Requirement) -> str:
    assert need.threshold is not None
    assert need.threshold.at_least is not None
    layers = f" in {', '.join(need.layers)}" if need.layers else ""
    return f"{need.min_samples} cases{layers}, {percent(need.threshold.at_least)}"


def criterion_row(criterion: Criterion) -> str:
    cells = []
    for tier in Tier:
        found = [
            (stage, _limit(each))
            for stage, step in steps(tier)
            if stage is not Stage.SCALED
            for each in step.exit_criteria
            if each.key == criterion.key
        ]
        cells.append(joined(found))
    return line(f"`{criterion.key}`", criterion.title, f"`{criterion.measure}`", *cells)


def _limit(criterion: Criterion) -> str:
    if criterion.measure == "business_metric":
        return "better than the baseline"
    if criterion.measure == "automatic_actions":
        return f"none in {days(criterion.window_s)}"
    above = f" above {criterion.limit:g}" if criterion.limit is not None else ""
    return f"at most {percent(criterion.at_most)}{above}, from {criterion.min_samples} answers"


def stage_row(tier: Tier, stage: Stage, step: StagePlan) -> str:
    people = str(step.approvals) + (
        f", one of `{'`, `'.join(step.approver_groups)}`" if step.approver_groups else ""
    )
    return line(
        tier,
        stage,
        f"{percent(step.start / 10_000)} to {percent(step.ceiling / 10_000)}",
        step.autonomy,
        days(step.soak_s) if step.soak_s else NONE,
        str(step.min_samples or NONE),
        people,
        str(step.armed_triggers),
        ", ".join(step.trigger_classes) or NONE,
        _ramp(step),
        days(step.planned_s),
    )


def release_row(tier: Tier, stage: Stage, step: StagePlan) -> str:
    group = f", one of `{'`, `'.join(step.approver_groups)}`" if step.approver_groups else ""
    return line(
        tier,
        stage,
        str(step.release_approvals) + group,
        f"{step.release_soak_s // 3600} h" if step.release_soak_s else NONE,
        str(step.release_min_samples or NONE),
    )


def _ramp(step: StagePlan) -> str:
    told = []
    for each in step.ramp:
        stay = f" for {each.hold_s // 3600} h and {each.min_samples} answers" if each.hold_s else ""
        by = f" after {each.approvals} approval" if each.approvals else ""
        told.append(f"{percent(each.share / 10_000)}{by}{stay}")
    return ", ".join(told)


def criteria() -> Iterator[Criterion]:
    known: dict[str, Criterion] = {}
    for tier in Tier:
        known = {each.key: each for _, step in steps(tier) for each in step.exit_criteria} | known
    yield from known.values()


ROWS = [
    *(
        pytest.param(requirement_row(need), id=f"requirement-{key}")
        for key, need in PLANS.requirements.items()
    ),
    *(
        pytest.param(report_row(need), id=f"report-{key}")
        for key, need in PLANS.requirements.items()
        if need.artifact is Artifact.EVAL_REPORT
    ),
    *(pytest.param(criterion_row(each), id=f"criterion-{each.key}") for each in criteria()),
    *(
        pytest.param(row(tier, stage, step), id=f"{tier}-{stage}-{name}")
        for name, row in (("stage", stage_row), ("release", release_row))
        for tier in Tier
        for stage, step in steps(tier)
    ),
]


@pytest.mark.parametrize("row", ROWS)
def test_what_the_default_plans_ask_for_is_documented_as_it_is(row: str) -> None:
    assert row in page().splitlines()


@pytest.mark.parametrize(
    "words",
    [
        TOP_KEYS,
        TIER_KEYS,
        STAGE_KEYS,
        STEP_KEYS,
        REQUIREMENT_KEYS,
        CRITERION_KEYS,
        THRESHOLD_KEYS,
        ADDED_UP,
        REQUIREMENT_OVERRIDES,
        CRITERION_OVERRIDES,
        CRITERION_MEASURES,
        RECORD_FIELDS,
        Gate,
        Artifact,
        Part,
        Missed,
        Tier,
        EXPOSED,
        TriggerClass,
        [f"evidence_{answer}" for answer in Answer if answer not in (Answer.MET, Answer.WAIVED)],
    ],
)
def test_every_word_of_the_format_is_documented(words: Sequence[str]) -> None:
    assert [word for word in words if f"`{word}`" not in page()] == []


def test_no_row_tells_of_something_that_is_not_there() -> None:
    known = {*PLANS.requirements, *(each.key for each in criteria())}
    section = page().split("## The plans that come with Headgate", 1)[1].split("\n## ", 1)[0]
    assert set(re.findall(r"^\| `([a-z-]+)` \|", section, re.MULTILINE)) == known


@pytest.mark.parametrize("number", range(2))
def test_the_examples_can_be_used(number: int) -> None:
    """The first example is a file of plans, the second tightens the ones that come with Headgate."""
    examples = re.findall(r"^```yaml\n(.*?)^```$", page(), re.DOTALL | re.MULTILINE)
    content = yaml.safe_load(examples[number])
    if number == 0:
        Plans(grow({**content, "tiers": dict.fromkeys(Tier, content["tiers"]["T2"])}))
    else:
        assert PLANS.tightened(content) is not PLANS


def test_the_figures_on_small_samples_are_right() -> None:
    shares = {"95 of 100": 89.8, "98 of 100": 93.8, "100 of 100": 97.0, "475 of 500": 93.1, "37 of 40": 81.7}
    for sample, figure in shares.items():
        hits, n = (int(number) for number in sample.split(" of "))
        assert round(100 * lower_share(hits, n), 1) == figure
        assert line(sample, f"{100 * hits / n:g} %", f"{figure} %") in page()
    for clean, limit in ((59, 0.05), (149, 0.02), (299, 0.01), (2995, 0.001)):
        assert upper_share(0, clean) <= limit < upper_share(0, clean - 1)
        assert line(percent(limit), f"{clean:,}") in page()
