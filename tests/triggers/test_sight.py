from __future__ import annotations

from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.triggers.cases import (
    DISABLE_LATER,
    MINUTE,
    START,
    at,
    done,
    evaluate,
    fresh,
    happen,
    missing_readings,
    run,
    sequences,
    trigger_of,
    triggers,
)
from triggers import (
    BY_TIER,
    Action,
    Arming,
    BadParameter,
    Lack,
    News,
    Phase,
    Policy,
    Reaction,
    Reading,
    State,
    Status,
    Trigger,
    Verdict,
    Window,
    asks,
    holds_back,
    is_blind,
    parse_method,
    step,
)

NAMES = {
    Lack.NO_DATA: "no_data",
    Lack.PARTIAL: "partial",
    Lack.SOURCE_ERROR: "error",
    Lack.STALE: "stale",
}


def watching(policy: Policy, lack: Lack = Lack.NO_DATA, **parts: object) -> Trigger:
    return trigger_of(policies={lack: policy}, **parts)


@pytest.mark.parametrize("tier", [*BY_TIER, "T9"])
def test_no_tier_acts_by_itself_and_every_tier_has_an_answer_to_everything(tier: str) -> None:
    policies = trigger_of().on_tier(tier).policies
    assert set(policies) == set(Lack)
    assert Reaction.ACT not in {policy.do for policy in policies.values()}


def test_a_higher_tier_is_never_more_careless() -> None:
    order = list(Reaction)
    for lack in Lack:
        ranks = [order.index(BY_TIER[tier][lack].do) for tier in ("T1", "T2", "T3")]
        assert ranks == sorted(ranks)
    assert trigger_of().on_tier("unheard of").policies == trigger_of().on_tier("T3").policies


def test_what_a_trigger_says_itself_comes_before_its_tier() -> None:
    own = Policy(Reaction.IGNORE)
    policies = watching(own, Lack.STALE).on_tier("T3").policies
    assert policies[Lack.STALE] == own
    assert policies[Lack.NO_DATA] == BY_TIER["T3"][Lack.NO_DATA]


@given(triggers(), st.sampled_from(["T1", "T2", "T3"]), sequences(missing_readings()))
def test_an_outage_moves_nothing_and_looks_like_health_nowhere(
    trigger: Trigger, tier: str, sequence: list[tuple[int, Reading]]
) -> None:
    trigger = trigger.on_tier(tier)
    for _, _, taken in happen(trigger, fresh(), START, sequence):
        assert not taken.due
        assert taken.state.phase is Phase.QUIET
        assert taken.verdict not in {Verdict.OK, Verdict.BREACH}
        assert taken.state.lack


@pytest.mark.parametrize("lack", [Lack.NO_DATA, Lack.PARTIAL, Lack.SOURCE_ERROR])
def test_a_policy_to_act_climbs_the_ladder_once_the_lack_has_lasted(lack: Lack) -> None:
    trigger = watching(Policy(Reaction.ACT, 120), lack, ladder=DISABLE_LATER, hold_s=3600)
    steps = run(trigger, fresh(), *((seconds, NAMES[lack]) for seconds in range(0, 360, 60)))
    assert [taken.state.phase for taken in steps[:3]] == [Phase.QUIET, Phase.QUIET, Phase.FIRING]
    assert [[rung.do for rung in taken.due] for taken in steps] == [
        *([], []),
        [Action.REVIEW],
        *([], []),
        [Action.DISABLE],
    ]
    assert {taken.verdict for taken in steps} <= {Verdict.INSUFFICIENT, Verdict.SOURCE_ERROR}
    calmed = run(trigger, steps[-1].state, (400, "good"))[0]
    assert (calmed.state.phase, calmed.news) == (Phase.QUIET, News.SEES)


def test_a_firing_trigger_is_not_fired_anew_by_going_blind() -> None:
    trigger = watching(Policy(Reaction.ACT, 0), ladder=DISABLE_LATER)
    steps = run(trigger, fresh(), (0, "bad"), (60, "no_data"), (180, "no_data"))
    assert done(steps) == [Action.REVIEW, Action.DISABLE]
    assert steps[-1].state.since == START


def test_somebody_is_told_once_that_it_is_blind_and_once_that_it_sees() -> None:
    trigger = watching(Policy(Reaction.NOTIFY, 60))
    happenings = ["no_data", "no_data", "no_data", "good", "good", "no_data", "good"]
    steps = run(trigger, fresh(), *((60 * number, name) for number, name in enumerate(happenings)))
    assert [taken.news for taken in steps] == [None, News.BLIND, None, News.SEES, None, None, None]


def test_a_lack_that_changes_its_reason_goes_on() -> None:
    both = {Lack.NO_DATA: Policy(Reaction.NOTIFY, 120), Lack.SOURCE_ERROR: Policy(Reaction.NOTIFY, 120)}
    steps = run(trigger_of(policies=both), fresh(), (0, "no_data"), (60, "error"), (120, "no_data"))
    assert [taken.news for taken in steps] == [None, None, News.BLIND]
    assert steps[-1].state.lack_since == START


def test_too_few_samples_are_no_lack() -> None:
    trigger = watching(Policy(Reaction.NOTIFY, 0))
    few = Reading.ratio(MINUTE, 0, 0)
    blind = evaluate(trigger, fresh(), "no_data", START)
    taken = step(trigger, blind.state, [few], at(60))
    assert (taken.verdict, taken.state.lack, taken.news) == (Verdict.INSUFFICIENT, None, News.SEES)


@pytest.mark.parametrize("lack", [Lack.NO_DATA, Lack.PARTIAL, Lack.SOURCE_ERROR])
def test_a_lack_in_any_of_the_windows_is_one(lack: Lack) -> None:
    method = parse_method("budget", {"amount": 100})
    trigger = Trigger(
        key="spend",
        method=method,
        window_s=60,
        interval_s=60,
        ladder=(),
        policies={lack: Policy(Reaction.HOLD, 0)},
    )
    so_far, pace = asks(trigger, fresh(), START)
    status = {Lack.NO_DATA: Status.NO_DATA, Lack.PARTIAL: Status.PARTIAL}.get(lack, Status.ERROR)
    lacking = Reading.missing(status, pace.window, "nobody tells")
    taken = step(trigger, fresh(), [Reading.gauge(so_far.window, 1.0), lacking], START)
    assert taken.state.lack is lack
    assert holds_back(trigger, taken.state, START)
    assert is_blind(trigger, taken.state)


def test_an_empty_window_says_nothing_about_sight() -> None:
    trigger = watching(Policy(Reaction.NOTIFY, 0))
    blind = evaluate(trigger, fresh(), "no_data", START).state
    empty = Reading.missing(Status.NO_DATA, Window(at(60), at(60)), "the window is empty")
    assert step(trigger, blind, [empty], at(60)).news is None
    assert step(trigger, blind, [empty], at(60)).state.lack is Lack.NO_DATA
    assert step(trigger, fresh(), [empty], at(60)).state.lack is None


def test_an_old_sample_is_a_lack_of_its_own() -> None:
    trigger = watching(Policy(Reaction.NOTIFY, 0), Lack.STALE, max_staleness_s=60)
    old = replace(Reading.ratio(MINUTE, 0, 100), newest_sample_at=at(-600))
    taken = step(trigger, fresh(), [old], START)
    assert (taken.state.lack, taken.news) == (Lack.STALE, News.BLIND)


@pytest.mark.parametrize(
    ("policy", "lack", "holding"),
    [
        (Policy(Reaction.IGNORE), Lack.SOURCE_ERROR, [False, False, False]),
        (Policy(Reaction.HOLD), Lack.SOURCE_ERROR, [True, True, True]),
        (Policy(Reaction.HOLD), Lack.NO_DATA, [False, False, True]),
        (Policy(Reaction.HOLD, 60), Lack.SOURCE_ERROR, [False, True, True]),
        (Policy(Reaction.NOTIFY, 600), Lack.NO_DATA, [True, True, True]),
        (Policy(Reaction.ACT, 600), Lack.PARTIAL, [True, True, True]),
    ],
)
def test_what_is_blind_holds_back_as_its_policy_says(policy: Policy, lack: Lack, holding: list[bool]) -> None:
    trigger = watching(policy, lack)
    steps = run(trigger, fresh(), *((seconds, NAMES[lack]) for seconds in (0, 60, 180)))
    found = [holds_back(trigger, each.state, at(s)) for each, s in zip(steps, (0, 60, 180), strict=True)]
    assert found == holding
    assert not holds_back(trigger, run(trigger, steps[-1].state, (240, "good"))[0].state, at(240))


def test_without_a_policy_nothing_follows() -> None:
    steps = run(trigger_of(), fresh(), (0, "no_data"), (9000, "no_data"))
    assert [taken.news for taken in steps] == [None, None]
    assert not holds_back(trigger_of(), steps[-1].state, at(9000))


def test_partial_numbers_are_judged_only_where_that_is_wanted() -> None:
    partial = Reading.ratio(MINUTE, 50, 100).warned(("a shard was away",))
    assert step(trigger_of(), fresh(), [partial], START).verdict is Verdict.SOURCE_ERROR
    taken = step(trigger_of(use_partial=True, arming=Arming.ACT), fresh(), [partial], START)
    assert (taken.verdict, taken.state.lack) == (Verdict.BREACH, None)
    nothing = Reading.missing(Status.PARTIAL, MINUTE, "all shards were away")
    blind = step(trigger_of(use_partial=True), fresh(), [nothing], START)
    assert (blind.verdict, blind.state.lack) == (Verdict.SOURCE_ERROR, Lack.PARTIAL)


def test_a_grace_has_bounds() -> None:
    with pytest.raises(BadParameter, match=r"on_no_data\.after_s"):
        watching(Policy(Reaction.HOLD, -1))


@pytest.mark.parametrize(
    "stored", [{"lack": "no_data"}, {"lack_since": "2026-01-01T00:00:00+00:00"}, {"lack": "weariness"}]
)
def test_a_lack_that_makes_no_sense_is_no_state(stored: dict[str, str]) -> None:
    with pytest.raises(ValueError, match=r"is no state|weariness"):
        State.from_json(stored)


def test_what_is_remembered_of_a_lack_survives_a_restart() -> None:
    trigger = watching(Policy(Reaction.NOTIFY, 0))
    state = evaluate(trigger, fresh(), "no_data", START).state
    assert state.lack_told
    assert State.from_json(state.to_json()) == state


@pytest.mark.parametrize(
    ("lack", "do", "blind"),
    [
        (None, Reaction.NOTIFY, False),
        (Lack.STALE, Reaction.NOTIFY, True),
        (Lack.STALE, Reaction.HOLD, True),
        (Lack.STALE, Reaction.IGNORE, False),
        (Lack.NO_DATA, Reaction.ACT, False),
    ],
)
def test_a_trigger_is_blind_if_it_sees_nothing_and_that_is_not_to_be_ignored(
    lack: Lack | None, do: Reaction, blind: bool
) -> None:
    trigger = trigger_of(policies={Lack.STALE: Policy(do)})
    assert is_blind(trigger, replace(fresh(), lack=lack, lack_since=START)) is blind
