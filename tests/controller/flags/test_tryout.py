from __future__ import annotations

from datetime import UTC, datetime

from headgate.evaluator import Document
from hypothesis import given, settings
from hypothesis import strategies as st

from controller.flags.document import document, flags_of
from controller.flags.tryout import Somebody, candidate_rule, explain
from stages import Exposure, Mode, Rollout, Stage

names = st.sampled_from(["staff", "testers", "summarise", "answer"])
rollouts = st.builds(
    Rollout,
    feature=st.just("claims"),
    environment=st.just("production"),
    stage=st.sampled_from(list(Stage)),
    mode=st.sampled_from(list(Mode)),
    stable=st.sampled_from([None, "r-1"]),
    candidate=st.sampled_from([None, "r-2"]),
    candidate_share=st.integers(0, 10_000),
    stage_since=st.just(datetime(2026, 3, 2, tzinfo=UTC)),
    exposure=st.builds(
        Exposure,
        share=st.integers(0, 10_000),
        cohorts=st.frozensets(names),
        tasks=st.frozensets(names),
        languages=st.frozensets(st.sampled_from(["de", "de-CH", "en"])),
    ),
)
people = st.builds(
    Somebody,
    user=st.text(max_size=8),
    cohorts=st.frozensets(names),
    task=names,
    language=st.sampled_from(["", "de", "de-CH", "de-AT", "den", "en"]),
)


@settings(max_examples=200, deadline=None)
@given(rollouts, people)
def test_what_is_explained_is_what_a_lookup_answers(rollout: Rollout, who: Somebody) -> None:
    flags = flags_of(rollout, lambda _release: {}, fallback="", when_lost="off")
    context = {
        "targetingKey": who.user,
        "cohorts": sorted(who.cohorts),
        "task": who.task,
        "language": who.language,
    }
    answer = Document.parse(document("p", "e", 1, 60, flags)).evaluate("claims", context)
    has_it = all(rule.holds for rule in explain(rollout, who))
    tried = candidate_rule(rollout, who)
    assert answer.variant == ("off" if not has_it else "candidate" if tried and tried.holds else "stable")
