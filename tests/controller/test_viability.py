from __future__ import annotations

from controller.rollouts import locate
from controller.store.revert_checks import find_revert_check
from stages import Goodness, Mode
from tests.controller.reverting import Reverting
from tests.controller.tenant import ADA
from tests.controller.watching import bad
from tests.endpoint import replying
from triggers import Action, Rung


def adopted(case: Reverting, **other: str) -> Reverting:
    """Version 8 for everybody, with a trigger that would go back to version 7."""
    case.adopt("8", **other)
    case.tenant.trigger("unsupported", Rung(Action.REVERT), Rung(Action.DISABLE, 600))
    case.tenant.evaluate()
    return case


def look(case: Reverting) -> dict[str, object]:
    case.tenant.parts.viability_checks.run()
    with case.tenant.parts.database.read() as tx:
        check = find_revert_check(tx, locate(tx, case.tenant.where()).id)
    assert check is not None
    return {"viable": check.viable, "missing": check.missing, "unknown": check.unknown}


def warnings(case: Reverting) -> int:
    [(count,)] = case.tenant.ask_sql("SELECT count(*) FROM outbox WHERE event = 'revert.unviable'")
    return int(count)


def went(case: Reverting) -> list[str]:
    bad(case.tenant)
    return [name for name, _ in case.tenant.moves()]


def test_a_release_that_is_whole_comes_back(reverting: Reverting) -> None:
    adopted(reverting)
    assert look(reverting) == {"viable": True, "missing": (), "unknown": ()}
    assert warnings(reverting) == 0
    assert went(reverting) == ["revert"]


def test_a_prompt_that_is_gone_is_said_once_and_the_next_rung_is_taken(case: Reverting) -> None:
    adopted(case)
    del case.langfuse.labels[7]
    found = look(case)
    assert (found["viable"], found["unknown"]) == (False, ())
    assert "at 7 in prompts" in str(found["missing"])
    look(case)
    assert warnings(case) == 1
    assert went(case) == ["disable"]


def test_a_registry_that_does_not_answer_is_named_and_counts_for_nothing(case: Reverting) -> None:
    adopted(case)
    case.endpoint.behaviour = replying(503)
    found = look(case)
    assert (found["viable"], found["missing"]) == (True, ())
    assert "at 7 in prompts" in str(found["unknown"])
    assert went(case) == ["revert"]


def test_a_release_known_to_be_bad_does_not_come_back_by_itself_and_a_person_may_bring_it(
    case: Reverting,
) -> None:
    adopted(case)
    with case.tenant.parts.database.read() as tx:
        earlier = locate(tx, case.tenant.where()).rollout.previous
    case.tenant.parts.catalog.judge_release("acme", "claims", earlier or "", Goodness.BAD, "worse", ADA)
    assert look(case)["viable"] is False
    assert went(case) == ["disable"]
    case.tenant.move("revert")
    assert (case.tenant.rollout().stable, case.tenant.rollout().mode) == (earlier, Mode.OFF)


def test_another_compatibility_class_is_gone_back_to_only_with_force(case: Reverting) -> None:
    adopted(case, compatibility="2")
    assert went(case) == ["disable"]


def test_with_force_another_compatibility_class_is_gone_back_to(case: Reverting) -> None:
    case.adopt("8", compatibility="2")
    case.tenant.trigger("unsupported", Rung(Action.REVERT, 0, {"force": True}))
    case.tenant.evaluate()
    assert went(case) == ["revert"]
