"""Data path (a): a rollout becomes a flag, and product code asks it in process."""

from __future__ import annotations

import headgate
import pytest

from tests.flows.conftest import Installation, eventually

USERS = [f"user-{n}" for n in range(400)]
TRIGGER = {
    "key": "errors",
    "source": "outcomes",
    "query": {"measure": "error"},
    "method": "any_event",
    "arming": "act",
    "ladder": [{"do": "disable"}],
}


def exposed(product: headgate.Client) -> set[str]:
    return {user for user in USERS if product.decide("claims-assistant", user).enabled}


def test_nobody_has_a_feature_in_readiness(product: headgate.Client) -> None:
    decision = product.decide("claims-assistant", "user-1")
    assert (decision.mode, decision.enabled, decision.release) == ("off", False, None)


def test_a_growing_share_reaches_more_users_and_loses_none(
    installation: Installation, product: headgate.Client
) -> None:
    release = installation.reach_beta(TRIGGER, share=1000)
    assert eventually(lambda: 0 < len(exposed(product)) < 100)
    first = exposed(product)
    installation.move("widen", exposure={"share": 5000})
    assert eventually(lambda: len(exposed(product)) > 120)
    assert first < exposed(product)
    decision = product.decide("claims-assistant", next(iter(first)))
    assert (decision.mode, decision.release, decision.fallback) == ("live", release, "search")
    assert decision.value["release"]["model"]["id"] == "model-2026-01-01"


def test_a_candidate_is_given_to_a_steady_part_of_the_exposed_users(
    installation: Installation, product: headgate.Client
) -> None:
    stable = installation.reach_beta(TRIGGER)
    candidate = installation.release("model-2026-06-01")
    installation.prove("evaluation-report", candidate)
    installation.move("introduce", release=candidate, share=2000)

    def who_gets(release: str) -> set[str]:
        return {user for user in USERS if product.decide("claims-assistant", user).release == release}

    assert eventually(lambda: bool(who_gets(candidate)))
    first = who_gets(candidate)
    assert 15 < len(first) < 75
    assert first | who_gets(stable) == exposed(product)
    installation.move("introduce", release=candidate, share=6000)
    assert eventually(lambda: len(who_gets(candidate)) > len(first))
    assert first < who_gets(candidate)


def test_a_person_takes_it_down_with_nothing_but_a_reason(
    installation: Installation, product: headgate.Client
) -> None:
    installation.reach_beta(TRIGGER)
    assert eventually(lambda: bool(exposed(product)))
    installation.move("review")
    assert eventually(lambda: all(product.decide("claims-assistant", u).mode != "live" for u in USERS))
    someone = next(iter(exposed(product)))
    assert product.decide("claims-assistant", someone).review_required
    assert not product.enabled("claims-assistant", someone)
    installation.move("disable")
    assert eventually(lambda: not exposed(product))


@pytest.mark.usefixtures("own_app")
def test_product_code_keeps_its_answers_when_headgate_is_gone(
    installation: Installation, product: headgate.Client
) -> None:
    installation.reach_beta(TRIGGER)
    assert eventually(lambda: bool(exposed(product)))
    before = exposed(product)
    installation.app.before_request_funcs.setdefault(None, []).insert(0, lambda: ("gone", 503))
    assert exposed(product) == before


def test_an_unknown_feature_is_off_with_a_reason(product: headgate.Client) -> None:
    decision = product.decide("no-such-feature", "user-1")
    assert (decision.mode, decision.reason, decision.error_code) == ("off", "ERROR", "FLAG_NOT_FOUND")
