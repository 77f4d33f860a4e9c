from __future__ import annotations

from tests.controller.api.world import FEATURE, ROLLOUT, World


def test_what_a_revert_would_bring_back_is_shown_with_what_is_against_it(world: World) -> None:
    nothing = world.api.ok("GET", f"{ROLLOUT}/revert-target")
    assert (nothing["release"], nothing["viable"], nothing["checked_at"]) == (None, False, None)
    assert [each["code"] for each in nothing["against"]] == ["revert_target_missing"]
    world.move("introduce", release=world.other, share=1000)
    world.parts.viability_checks.run()
    fine = world.api.ok("GET", f"{ROLLOUT}/revert-target")
    assert (fine["release"], fine["viable"], fine["against"], fine["undetermined"]) == (
        world.stable,
        True,
        [],
        [],
    )
    assert fine["checked_at"]
    judgement = {"verdict": "bad", "reason": "it invents"}
    world.api.ok("POST", f"{FEATURE}/releases/{world.stable}/verdict", judgement)
    [against] = world.api.ok("GET", f"{ROLLOUT}/revert-target")["against"]
    assert (against["code"], "it invents" in against["message"]) == ("revert_target_bad", True)
