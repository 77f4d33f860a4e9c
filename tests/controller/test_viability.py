from __future__ import annotations

import pytest

from controller.errors import InvalidInput
from controller.rollouts import locate
from controller.store.revert_checks import find_revert_check
from stages import Goodness, Mode
from tests.controller.reverting import Reverting
from tests.controller.tenant import ADA
from tests.controller.watching import bad
from tests.endpoint import replying, serving
from triggers import Action, Rung


def adopted(case: Reverting, **other: object) -> Reverting:
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


INDEX = "kb-2026-11-01"


def indexed(case: Reverting, url: str, registry: str = "indexes", *, content: bool = True) -> Reverting:
    """The same with releases that retrieve from an index, which a registry of its own knows of."""
    read = {"url": url + "/${name}/${pointer}", "path": "$.name"}
    write = {"method": "PUT", "url": url + "/${name}", "body": {}}
    settings = {"read": read, "write": write, "auth": "none"}
    settings |= {"content": {"url": url + "/indexes/${version}", "path": "$.name"}} if content else {}
    case.tenant.parts.registries.connect(case.tenant.project, "indexes", "http", settings, ADA)
    retrieval = {"index": INDEX} | ({"registry": registry} if registry else {})
    case.adopt("7", retrieval=retrieval)
    return adopted(case, retrieval={"index": "another"})


def test_an_index_that_is_there_is_no_reason_against_a_revert(case: Reverting) -> None:
    with serving(replying(200, b'{"name": "kb"}')) as endpoint:
        indexed(case, endpoint.url)
        assert look(case) == {"viable": True, "missing": (), "unknown": ()}
        assert [call.path for call in endpoint.calls] == [f"/indexes/{INDEX}"]


def test_an_index_that_is_gone_is_one(case: Reverting) -> None:
    with serving(replying(404)) as endpoint:
        indexed(case, endpoint.url)
        found = look(case)
    assert (found["viable"], found["unknown"]) == (False, ())
    assert f"the retrieval index {INDEX} in indexes" in str(found["missing"])
    assert went(case) == ["disable"]


def test_an_index_that_cannot_be_looked_for_counts_for_nothing_and_is_named(case: Reverting) -> None:
    with serving(replying(503)) as endpoint:
        indexed(case, endpoint.url)
        found = look(case)
    assert (found["viable"], found["missing"]) == (True, ())
    assert f"the retrieval index {INDEX} in indexes" in str(found["unknown"])


@pytest.mark.parametrize(("registry", "content"), [("", True), ("indexes", False)])
def test_an_index_that_nobody_is_asked_about_is_recorded_as_not_checked(
    case: Reverting, registry: str, content: bool
) -> None:
    with serving(replying(200, b"{}")) as endpoint:
        indexed(case, endpoint.url, registry, content=content)
        found = look(case)
        assert endpoint.calls == []
    assert found["viable"]
    assert "not checked" in str(found["unknown"])


def test_a_release_names_a_registry_for_its_index_that_is_there(case: Reverting) -> None:
    with pytest.raises(InvalidInput, match="nowhere") as bad:
        case.release("8", retrieval={"index": INDEX, "registry": "nowhere"})
    assert bad.value.problems[0].field == "bundle.retrieval.registry"
