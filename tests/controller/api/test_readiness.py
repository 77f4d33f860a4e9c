"""The score sheet, the pre-ship review and the comparison of releases through the API."""

from __future__ import annotations

import pytest

from tests.controller.api.world import FEATURE, PROJECT, World

ROLLOUT = f"{PROJECT}/environments/production/rollouts/claims-assistant"

NASTY = "<script>alert(1)</script>"


def test_the_sheet_says_how_each_requirement_stands(world: World) -> None:
    sheet = world.api.ok("GET", f"{ROLLOUT}/readiness")
    assert sheet["score"]["of"] == len(sheet["items"]) > 0
    assert sum(gate["of"] for gate in sheet["gates"].values()) == sheet["score"]["of"]
    item = sheet["items"][0]
    assert set(item) >= {
        "requirement",
        "gate",
        "title",
        "answer",
        "message",
        "remedy",
        "role",
        "owner",
        "since",
    }
    assert sheet["reminders"] == sum(
        not each["holds"] and each["missed"] == "remind" for each in sheet["items"]
    )
    scaled = world.api.ok("GET", f"{ROLLOUT}/readiness?stage=scaled")
    assert (scaled["stage"], scaled["score"]["of"] >= sheet["score"]["of"]) == ("scaled", True)


def test_the_review_answers_eight_questions_from_the_records(world: World) -> None:
    review = world.api.ok("GET", f"{ROLLOUT}/pre-ship-review")
    assert len(review["answers"]) == 8
    assert {each["answer"] for each in review["answers"]} <= {"yes", "no", "stale"}
    assert all(each["not_asked"] for each in review["answers"] if each["key"] in ("access", "traceability"))
    assert review["ready"] is all(each["answer"] == "yes" for each in review["answers"])
    assert world.api.ok("GET", f"{ROLLOUT}/pre-ship-review")["digest"] == review["digest"]


def test_the_page_says_the_same_and_runs_nothing_that_somebody_wrote(world: World) -> None:
    world.api.ok("PATCH", FEATURE, {"owner": NASTY, "reviewers": [NASTY]})
    answer = world.api.get(f"{ROLLOUT}/pre-ship-review.html")
    page = answer.get_data(as_text=True)
    assert answer.status_code == 200
    assert answer.mimetype == "text/html"
    assert "script-src" not in answer.headers["Content-Security-Policy"]
    assert "default-src 'none'" in answer.headers["Content-Security-Policy"]
    assert NASTY not in page
    assert "&lt;script&gt;" in page
    for each in world.api.ok("GET", f"{ROLLOUT}/pre-ship-review")["answers"]:
        assert each["question"] in page


@pytest.mark.parametrize("path", ["readiness", "pre-ship-review", "pre-ship-review.html"])
def test_a_stage_that_is_none_is_refused(world: World, path: str) -> None:
    assert world.api.get(f"{ROLLOUT}/{path}?stage=moon").status_code == 422


def test_two_releases_are_compared_part_by_part(world: World) -> None:
    bundle = {"prompt": {"ref": "git:a@1"}, "model": {"provider": "example", "id": "one"}}
    other = bundle | {"model": {"provider": "example", "id": "two"}, "guardrails": "g-2"}
    first, second = (
        world.api.ok("POST", f"{FEATURE}/releases", {"bundle": content})["id"] for content in (bundle, other)
    )
    compared = world.api.ok("GET", f"{FEATURE}/releases/{first}/compare/{second}")
    assert compared["parts"] == ["model", "guardrails"]
    assert compared["differences"] == [
        {"path": "guardrails", "before": None, "after": "g-2"},
        {"path": "model.id", "before": "one", "after": "two"},
    ]
    assert world.api.ok("GET", f"{FEATURE}/releases/{first}/compare/{first}")["differences"] == []
    assert world.api.get(f"{FEATURE}/releases/{first}/compare/r-000000000000").status_code == 404


def test_a_release_with_a_model_that_may_change_is_warned_about(world: World) -> None:
    bundle = {"prompt": {"ref": "git:a@9"}, "model": {"provider": "openai", "id": "gpt-4o"}}
    release = world.api.ok("POST", f"{FEATURE}/releases", {"bundle": bundle})
    assert "model_unpinned" in [warning["code"] for warning in release["warnings"]]
