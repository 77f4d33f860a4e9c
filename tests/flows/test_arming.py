"""A trigger earns trust in shadow; once it is armed, it does what its ladder says."""

from __future__ import annotations

import headgate

from tests.flows.conftest import ROLLOUT, Installation, eventually
from tests.flows.test_lookup import TRIGGER
from tests.flows.test_rollback import UNSUPPORTED, USERS, report

SHADOW = UNSUPPORTED | {"scope": "all", "arming": "shadow", "params": {"limit": 0.1, "min_samples": 10}}


def breach(installation: Installation, product: headgate.Client, release: str) -> None:
    installation.clock.pass_(5)
    report(product, release, grounded=False)
    installation.clock.pass_(5)
    installation.evaluate()


def test_a_trigger_that_fired_in_shadow_acts_once_it_is_armed(
    installation: Installation, product: headgate.Client
) -> None:
    stable = installation.reach_beta(TRIGGER, SHADOW)
    assert eventually(
        lambda: any(product.decide("claims-assistant", user).release == stable for user in USERS)
    )
    breach(installation, product, stable)
    path = f"{ROLLOUT}/triggers/unsupported"
    assert installation.owner.ok("GET", path)["phase"] == "firing"
    assert installation.rollout()["mode"] == "live"
    newest = installation.owner.ok("GET", f"{path}/readings?limit=1")["items"][0]
    assert newest["due"] == [{"action": "review", "result": "shadow: not done"}]

    installation.owner.ok("PUT", path, SHADOW | {"arming": "act"})
    breach(installation, product, stable)
    assert installation.rollout()["mode"] == "review"


def test_a_trigger_armed_to_hold_keeps_a_feature_from_going_up_and_nothing_else(
    installation: Installation, product: headgate.Client
) -> None:
    stable = installation.reach_beta(TRIGGER, SHADOW | {"arming": "hold"})
    assert eventually(
        lambda: any(product.decide("claims-assistant", user).release == stable for user in USERS)
    )
    breach(installation, product, stable)
    rollout = installation.rollout()
    assert (rollout["mode"], rollout["holds"]) == ("live", ["trigger:unsupported"])
    widened = installation.owner.post(
        f"{ROLLOUT}/moves", {"move": "widen", "reason": "more", "exposure": {"autonomy": "recommend"}}
    )
    assert {error["code"] for error in widened.get_json()["errors"]} == {"held", "trigger_firing"}
