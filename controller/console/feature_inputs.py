"""The inputs of a feature's record, part by part.

An input is called as the API calls its place in the record: ``business_metric.target``. In a part with rows it is
called after its row as well: ``data_sources.0.owner``.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from controller.api.feature_schemas import OnSwitch, WhenLost
from stages import Autonomy, Oversight, Tier


@dataclass(frozen=True, slots=True, kw_only=True)
class Input:
    """One input. ``options`` are values with their words; ``rows``: 0 is a single line; ``says``: how it is parsed.

    ``broad``: it takes a line of its own.
    """

    name: str
    label: str
    hint: str = ""
    longest: int = 200
    rows: int = 0
    required: bool = False
    options: tuple[tuple[str, str], ...] = ()
    says: str = "text"
    broad: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Part:
    """A part of the form: inputs, or rows of them where ``each`` names what a row is."""

    title: str
    inputs: tuple[Input, ...]
    name: str = ""
    each: str = ""
    hint: str = ""


_TIERS = (
    (Tier.T1.value, "T1: little harm; a colleague reads it, and nothing follows by itself"),
    (Tier.T2.value, "T2: some harm; a customer reads it, or money and time hang on it"),
    (Tier.T3.value, "T3: much harm; health, rights, large sums, or many people at once"),
)
_OVERSIGHT = (
    ("", "not said yet"),
    (Oversight.HUMAN_DECIDES.value, "a person decides; it recommends at most"),
    (Oversight.REVIEWED_BEFORE_EXECUTION.value, "a person looks at it before anything follows"),
    (Oversight.AUTONOMOUS.value, "it acts by itself"),
)
_AUTONOMY = tuple((each.value, each.value) for each in Autonomy)
_WHEN_LOST = (
    (WhenLost.REVIEW.value, "a person looks at every answer"),
    (WhenLost.OFF.value, "it is off"),
    (WhenLost.KEEP.value, "it goes on as it was"),
)
_ON_SWITCH = (
    (OnSwitch.MOVE.value, "go on with the release that takes its place"),
    (OnSwitch.FINISH.value, "end with the release they began with"),
)

PARTS = (
    Part(
        title="What it is",
        inputs=(
            Input(name="name", label="Name", hint="What users would call it"),
            Input(
                name="owner", label="Owner", hint="The team that is asked when it misbehaves", required=True
            ),
            Input(name="budget_owner", label="Budget owner", hint="Who pays for it"),
            Input(name="description", label="Description", longest=4000, rows=3),
            Input(
                name="hypothesis",
                label="Release hypothesis",
                longest=4000,
                rows=2,
                hint="What is expected to get better, for whom",
            ),
            Input(
                name="success",
                label="Success",
                longest=4000,
                rows=2,
                hint="In production, in the terms of the business",
            ),
        ),
    ),
    Part(
        title="Risk",
        hint="A higher tier counts at once: users keep no more than it allows, and nothing goes up until what it asks "
        "for is there. A lower one takes a rationale, and comes before users of a protected environment have the "
        "feature.",
        inputs=(
            Input(name="risk_tier", label="Risk tier", options=_TIERS, required=True, broad=True),
            Input(
                name="risk_rationale", label="Rationale", longest=4000, rows=2, hint="Why it is of this tier"
            ),
            Input(name="classified_by", label="Classified by"),
            Input(
                name="oversight",
                label="Human oversight",
                options=_OVERSIGHT,
                hint="Limits what it may do by itself",
            ),
            Input(
                name="autonomy_cap",
                label="May at most",
                options=_AUTONOMY,
                hint="In every stage and environment",
            ),
        ),
    ),
    Part(
        title="Business metric",
        name="business_metric",
        hint="The figure that the business watches. Leave all of it empty if there is none yet.",
        inputs=(
            Input(name="business_metric.name", label="Figure"),
            Input(name="business_metric.unit", label="Unit", longest=40),
            Input(name="business_metric.baseline", label="Without it", says="number", longest=20),
            Input(name="business_metric.target", label="Target", says="number", longest=20),
            Input(
                name="business_metric.window_days",
                label="Looked at over",
                hint="Days, 1 to 730",
                says="number",
                longest=3,
            ),
        ),
    ),
    Part(
        title="People",
        inputs=(
            Input(
                name="people",
                label="Roles",
                says="pairs",
                longest=20_000,
                rows=3,
                hint="One a line, such as support: Ada Lovelace",
            ),
            Input(
                name="reviewers",
                label="Reviewers",
                says="lines",
                longest=20_000,
                rows=3,
                hint="One a line: who looks at answers",
            ),
            Input(
                name="review_capacity_per_day",
                label="Answers they can look at in a day",
                says="number",
                longest=10,
                hint="More of it than now loosens triggers, and takes two people while triggers act in a protected "
                "environment.",
            ),
        ),
    ),
    Part(
        title="When it runs",
        inputs=(
            Input(name="fallback", label="Fallback", hint="What users get instead when it is off"),
            Input(
                name="when_lost",
                label="A product that has lost Headgate for too long",
                options=_WHEN_LOST,
                required=True,
            ),
            Input(
                name="on_switch", label="Running conversations, when the release changes", options=_ON_SWITCH
            ),
            Input(
                name="expected_daily_answers", label="Answers expected in a day", says="number", longest=10
            ),
            Input(
                name="automatic_moves_per_day",
                label="Times a day that triggers may move it before they switch it off",
                says="number",
                longest=4,
                hint="6 unless said otherwise. More than now takes two people while triggers act in a protected "
                "environment.",
            ),
            Input(
                name="client_visible",
                label="Browsers and phones may see its answers",
                says="truth",
                hint="By client keys, which anybody can read there",
            ),
        ),
    ),
    Part(
        title="Approved data sources",
        name="data_sources",
        each="source",
        hint="What it may retrieve from. Empty a row to take it out.",
        inputs=(
            Input(name="name", label="Name"),
            Input(name="owner", label="Owner"),
            Input(name="permissions", label="How access is decided", longest=500),
            Input(name="freshness", label="How old it may be"),
            Input(name="revocation", label="How soon withdrawn content is gone"),
        ),
    ),
    Part(
        title="Regulatory classes",
        name="regulatory",
        each="class",
        hint="How frameworks classify it. Empty a row to take it out.",
        inputs=(
            Input(name="framework", label="Framework", longest=100),
            Input(name="edition", label="Edition", longest=100),
            Input(name="id", label="Class", longest=100),
            Input(name="rationale", label="Rationale", longest=2000),
        ),
    ),
)

NEW: Mapping[str, str] = {
    "risk_tier": Tier.T2.value,
    "when_lost": WhenLost.REVIEW.value,
    "on_switch": OnSwitch.MOVE.value,
    "autonomy_cap": Autonomy.EXECUTE.value,
}
"""What stands in the form of a feature that is not there yet."""
