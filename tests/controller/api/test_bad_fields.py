"""What is sent wrong is refused with the field and the remedy, changes nothing, and the flags go on."""

from __future__ import annotations

from typing import Any

import pytest

from tests.controller.api.world import (
    BUNDLE,
    FEATURE,
    FEATURES,
    MOVES,
    PROJECT,
    PROMOTIONS,
    TRIGGER,
    TRIGGERS,
    World,
    nothing_came_of_it,
)

OUTCOMES = "/sdk/v1/outcomes"
EVIDENCE = f"{FEATURE}/evidence"
RELEASES = f"{FEATURE}/releases"
NEW_FEATURE = {"key": "summaries", "owner": "claims", "risk_tier": "T2"}
NEW_TRIGGER = TRIGGER | {"key": "new"}
NARROW = {"move": "narrow", "exposure": {"share": 1}, "reason": "less"}
HASH = "0" * 64
SHOWN = {"requirement": "use-case-brief", "sha256": HASH}
OUTCOME = {"id": "outcome-1", "feature": "claims-assistant", "at": "2026-11-20T12:00:00Z"}


def narrow(exposure: dict[str, Any]) -> dict[str, Any]:
    return NARROW | {"exposure": exposure}


def told(*outcomes: dict[str, Any]) -> dict[str, Any]:
    return {"outcomes": list(outcomes)}


KEYS = {
    "one character": "a",
    "64 characters": "a" * 64,
    "a line break at the end": "abc\n",
    "a capital": "Abc",
    "a dash in front": "-abc",
    "an underscore": "a_b",
    "a dot": "a.b",
    "a slash": "a/b",
    "digits of another script": "a١٢",
    "a letter that looks like a": "аbc",
    "nothing": "",
    "a space": "a b",
    "a NUL": "ab\x00",
    "a number": 12,
    "a list": ["abc"],
    "null": None,
    "true": True,
}


@pytest.mark.parametrize("key", KEYS.values(), ids=KEYS.keys())
@pytest.mark.parametrize(
    ("path", "content"),
    [
        ("/projects", {}),
        (f"{PROJECT}/environments", {}),
        (FEATURES, NEW_FEATURE),
        (f"{PROJECT}/sources", {"kind": "outcomes"}),
        (TRIGGERS, TRIGGER),
    ],
)
def test_a_key_is_what_can_stand_in_addresses_and_flags(
    still: World, path: str, content: dict[str, Any], key: object
) -> None:
    found = nothing_came_of_it(still, "POST", path, json={**content, "key": key})
    assert found == (422, "invalid_field", ["key"])


@pytest.mark.parametrize("key", ["ab", "a" * 63, "0-", "42"])
def test_keys_of_2_to_63_characters_are_taken(world: World, key: str) -> None:
    assert world.api.post(FEATURES, NEW_FEATURE | {"key": key}).status_code == 201


WRONG: dict[str, tuple[str, str, dict[str, Any], str]] = {
    "an unknown field": ("POST", MOVES, NARROW | {"shar": 1}, "shar"),
    "an unknown field inside": ("POST", MOVES, narrow({"share": 1, "x": 1}), "exposure.x"),
    "true for a number": ("POST", MOVES, narrow({"share": True}), "exposure.share"),
    "a text for a number": ("POST", MOVES, narrow({"share": "1"}), "exposure.share"),
    "1.0 for a whole number": ("POST", MOVES, narrow({"share": 1.0}), "exposure.share"),
    "null for a number": ("POST", MOVES, narrow({"share": None}), "exposure.share"),
    "a share below 0": ("POST", MOVES, narrow({"share": -1}), "exposure.share"),
    "a share above all": ("POST", MOVES, narrow({"share": 10_001}), "exposure.share"),
    "a share beyond 64 bits": ("POST", MOVES, narrow({"share": 2**64}), "exposure.share"),
    "an exposure that asks for nothing": ("POST", MOVES, narrow({}), "exposure"),
    "cohorts that are a text": ("POST", MOVES, narrow({"share": 1, "cohorts": "ab"}), "exposure.cohorts"),
    "a cohort that is no key": ("POST", MOVES, narrow({"share": 1, "cohorts": ["A"]}), "exposure.cohorts.0"),
    "too many cohorts": (
        "POST",
        MOVES,
        narrow({"share": 1, "cohorts": [f"c-{i}" for i in range(101)]}),
        "exposure.cohorts",
    ),
    "an unknown autonomy": ("POST", MOVES, narrow({"share": 1, "autonomy": "all"}), "exposure.autonomy"),
    "an unknown stage": ("POST", PROMOTIONS, {"stage": "alpha", "reason": "x"}, "stage"),
    "an unknown mode": ("POST", MOVES, {"move": "resume", "mode": "LIVE", "reason": "x"}, "mode"),
    "a mode that is a number": ("POST", MOVES, {"move": "resume", "mode": 1, "reason": "x"}, "mode"),
    "no reason": ("POST", MOVES, {"move": "disable"}, "reason"),
    "an empty reason": ("POST", MOVES, {"move": "disable", "reason": ""}, "reason"),
    "a reason of nothing but blanks": ("POST", MOVES, {"move": "disable", "reason": " \t\n"}, "reason"),
    "an owner of nothing but blanks": ("PATCH", FEATURE, {"owner": "  "}, "owner"),
    "a target that is the baseline": (
        "PATCH",
        FEATURE,
        {"business_metric": {"name": "x", "baseline": 5, "target": 5, "window_days": 1}},
        "business_metric.target",
    ),
    "a reason that is too long": ("POST", MOVES, {"move": "disable", "reason": "x" * 1001}, "reason"),
    "a NUL in a reason": ("POST", MOVES, {"move": "disable", "reason": "a\x00b"}, "reason"),
    "an escape in a reason": ("POST", MOVES, {"move": "disable", "reason": "\x1b[31m"}, "reason"),
    "a delete in a reason": ("POST", MOVES, {"move": "disable", "reason": "a\x7f"}, "reason"),
    "a C1 control in a reason": ("POST", MOVES, {"move": "disable", "reason": "a\x9bm"}, "reason"),
    "a release id with a line break": (
        "POST",
        MOVES,
        {"move": "introduce", "release": "r-0123456789ab\n", "reason": "x"},
        "release",
    ),
    "a release id in capitals": (
        "POST",
        MOVES,
        {"move": "introduce", "release": "r-0123456789AB", "reason": "x"},
        "release",
    ),
    "a candidate for nobody": ("POST", MOVES, {"move": "introduce", "share": 0, "reason": "x"}, "share"),
    "an unknown tier": ("POST", FEATURES, NEW_FEATURE | {"risk_tier": "T9"}, "risk_tier"),
    "no owner": ("POST", FEATURES, {"key": "ab", "risk_tier": "T1"}, "owner"),
    "a feature that loses its owner": ("PATCH", FEATURE, {"owner": ""}, "owner"),
    "a feature with another key": ("PATCH", FEATURE, {"key": "other"}, "key"),
    "a version that is set": ("PATCH", FEATURE, {"version": 9}, "version"),
    "a metric without a target": (
        "PATCH",
        FEATURE,
        {"business_metric": {"name": "x", "window_days": 1}},
        "business_metric.target",
    ),
    "true for a target": (
        "PATCH",
        FEATURE,
        {"business_metric": {"name": "x", "target": True, "window_days": 1}},
        "business_metric.target",
    ),
    "a control character in a list": (
        "PATCH",
        FEATURE,
        {"data_sources": [{"name": "a\x01", "owner": "b"}]},
        "data_sources.0.name",
    ),
    "a NUL in free settings": (
        "POST",
        RELEASES,
        {"bundle": BUNDLE | {"retrieval": {"index": ["a", {"b": "\x00"}]}}},
        "bundle.retrieval",
    ),
    "a NUL in the name of a free setting": (
        "POST",
        RELEASES,
        {"bundle": BUNDLE | {"tools": {"a\x00": 1}}},
        "bundle.tools",
    ),
    "a bundle without a model": ("POST", RELEASES, {"bundle": {"prompt": {"ref": "x"}}}, "bundle.model"),
    "an unknown part of a bundle": ("POST", RELEASES, {"bundle": BUNDLE | {"id": "r-1"}}, "bundle.id"),
    "an unknown requirement": ("POST", EVIDENCE, {"requirement": "luck", "sha256": HASH}, "requirement"),
    "evidence without a release": (
        "POST",
        EVIDENCE,
        {"requirement": "evaluation-report", "sha256": HASH},
        "release",
    ),
    "evidence of a missing release": (
        "POST",
        EVIDENCE,
        {"requirement": "evaluation-report", "sha256": HASH, "release": "r-000000000000"},
        "release",
    ),
    "a hash that is too short": (
        "POST",
        EVIDENCE,
        {"requirement": "use-case-brief", "sha256": "0" * 63},
        "sha256",
    ),
    "a time without a zone": (
        "POST",
        EVIDENCE,
        SHOWN | {"expires_at": "2027-01-01T00:00:00"},
        "expires_at",
    ),
    "a time before all times": (
        "POST",
        EVIDENCE,
        SHOWN | {"expires_at": "0001-01-01T00:00:00+14:00"},
        "expires_at",
    ),
    "a time after all times": (
        "POST",
        EVIDENCE,
        SHOWN | {"expires_at": "9999-12-31T23:59:59-14:00"},
        "expires_at",
    ),
    "a time as a number": ("POST", EVIDENCE, SHOWN | {"expires_at": 1}, "expires_at"),
    "a date in weeks": (
        "POST",
        EVIDENCE,
        SHOWN | {"expires_at": "2027-W01-1T00:00Z"},
        "expires_at",
    ),
    "a source that is missing": ("POST", TRIGGERS, NEW_TRIGGER | {"source": "nowhere"}, "source"),
    "an unknown kind of source": ("POST", f"{PROJECT}/sources", {"key": "s-1", "kind": "oracle"}, "kind"),
    "an unknown setting": (
        "POST",
        f"{PROJECT}/sources",
        {"key": "s-1", "kind": "outcomes", "settings": {"x": 1}},
        "settings.x",
    ),
    "a source without an address": (
        "POST",
        f"{PROJECT}/sources",
        {"key": "s-1", "kind": "prometheus"},
        "settings.url",
    ),
    "an unknown measure": ("POST", TRIGGERS, NEW_TRIGGER | {"query": {"measure": "luck"}}, "query.measure"),
    "an unknown method": ("POST", TRIGGERS, NEW_TRIGGER | {"method": "luck"}, "method"),
    "an unknown parameter": ("POST", TRIGGERS, NEW_TRIGGER | {"params": {"luck": 1}}, "params.luck"),
    "true for a parameter": (
        "POST",
        TRIGGERS,
        NEW_TRIGGER | {"params": {"limit": True}},
        "params.limit",
    ),
    "no ladder": ("POST", TRIGGERS, NEW_TRIGGER | {"ladder": []}, "ladder"),
    "a ladder that falls": (
        "POST",
        TRIGGERS,
        NEW_TRIGGER | {"ladder": [{"do": "review", "after_s": 9}, {"do": "disable"}]},
        "ladder",
    ),
    "a rung that goes up": ("POST", TRIGGERS, NEW_TRIGGER | {"ladder": [{"do": "widen"}]}, "ladder.0.do"),
    "a share for a rung that has none": (
        "POST",
        TRIGGERS,
        NEW_TRIGGER | {"ladder": [{"do": "disable", "args": {"share": 1}}]},
        "ladder.0.args.share",
    ),
    "an interval of nothing": ("POST", TRIGGERS, NEW_TRIGGER | {"interval_s": 0}, "interval_s"),
    "a window beyond 64 bits": ("POST", TRIGGERS, NEW_TRIGGER | {"window_s": 10**30}, "window_s"),
    "1 for true": ("POST", TRIGGERS, NEW_TRIGGER | {"latch": 1}, "latch"),
    "yes for true": ("POST", TRIGGERS, NEW_TRIGGER | {"latch": "yes"}, "latch"),
    "another key than that of the address": ("PUT", f"{TRIGGERS}/leaks", TRIGGER | {"key": "other"}, "key"),
    "a query about a release over all": (
        "POST",
        TRIGGERS,
        NEW_TRIGGER | {"query": {"measure": "${release}"}},
        "query.measure",
    ),
    "a server key for no environment": (
        "POST",
        f"{PROJECT}/keys",
        {"kind": "server", "name": "x"},
        "environment",
    ),
    "an admin key for an environment": (
        "POST",
        f"{PROJECT}/keys",
        {"kind": "admin", "name": "x", "environment": "staging"},
        "environment",
    ),
    "outcomes that are no list": ("POST", OUTCOMES, {"outcomes": {}}, "outcomes"),
    "too many outcomes": ("POST", OUTCOMES, told(*[OUTCOME] * 501), "outcomes"),
    "an outcome id that is too short": ("POST", OUTCOMES, told(OUTCOME | {"id": "a"}), "outcomes.0.id"),
    "a NUL in an outcome id": ("POST", OUTCOMES, told(OUTCOME | {"id": "12345678\x00"}), "outcomes.0.id"),
    "one bad outcome of two": (
        "POST",
        OUTCOMES,
        told(OUTCOME, OUTCOME | {"id": "outcome-2", "latency_ms": 1.5}),
        "outcomes.1.latency_ms",
    ),
    "a latency that overflows": (
        "POST",
        OUTCOMES,
        told(OUTCOME | {"latency_ms": 2**31}),
        "outcomes.0.latency_ms",
    ),
    "a cost below 0": ("POST", OUTCOMES, told(OUTCOME | {"cost_usd": -0.01}), "outcomes.0.cost_usd"),
    "a text for true": ("POST", OUTCOMES, told(OUTCOME | {"grounded": "true"}), "outcomes.0.grounded"),
    "an unknown review": ("POST", OUTCOMES, told(OUTCOME | {"review": "fine"}), "outcomes.0.review"),
    "a time that is none": ("POST", OUTCOMES, told(OUTCOME | {"at": "yesterday"}), "outcomes.0.at"),
}


@pytest.mark.parametrize(("method", "path", "content", "field"), WRONG.values(), ids=WRONG.keys())
def test_a_field_that_cannot_be_used_is_named(
    still: World, method: str, path: str, content: dict[str, Any], field: str
) -> None:
    status, _, fields = nothing_came_of_it(still, method, path, json=content)
    assert status in (404, 422)
    assert fields == [field]


def test_everything_that_is_wrong_is_told_at_once(still: World) -> None:
    content = {"move": "", "reason": 1, "share": "1", "stage": "x", "what": 1}
    _, _, fields = nothing_came_of_it(still, "POST", MOVES, json=content)
    assert sorted(fields) == ["move", "reason", "share", "stage", "what"]


@pytest.mark.parametrize("variable", ["user", "release", "__class__", ""])
def test_a_query_with_a_variable_that_nobody_knows_is_refused(world: World, variable: str) -> None:
    settings = {"url": "http://127.0.0.1:9"}
    world.api.ok("POST", f"{PROJECT}/sources", {"key": "prom", "kind": "prometheus", "settings": settings})
    query = {"value": f'x{{f="${{{variable}}}"}}'}
    content = TRIGGER | {
        "key": "new",
        "source": "prom",
        "query": query,
        "method": "threshold",
        "params": {"limit": 1},
    }
    assert nothing_came_of_it(world, "POST", TRIGGERS, json=content) == (422, "bad_query", ["query.value"])


def test_every_outcome_of_a_feature_that_is_not_there_is_named_at_once(still: World) -> None:
    named = enumerate(["no-1", "claims-assistant", "no-2"])
    batch = told(*(OUTCOME | {"id": f"outcome-{n}", "feature": feature} for n, feature in named))
    _, _, fields = nothing_came_of_it(still, "POST", OUTCOMES, json=batch)
    assert fields == ["outcomes.0.feature", "outcomes.2.feature"]


def test_a_promotion_that_skips_a_stage_is_refused(still: World) -> None:
    found = nothing_came_of_it(still, "POST", PROMOTIONS, json={"stage": "scaled", "reason": "fast"})
    assert found == (409, "refused", ["move"])


def test_a_promotion_of_a_protected_environment_tells_everything_that_is_missing(still: World) -> None:
    path = f"{PROJECT}/environments/production/rollouts/claims-assistant/promotions"
    status, code, fields = nothing_came_of_it(still, "POST", path, json={"stage": "beta", "reason": "now"})
    assert (status, code) == (409, "refused")
    assert fields == [
        "release",
        "release-hypothesis",
        "production-success",
        "source-inventory",
        "evaluation-report",
        "triggers",
    ]


def test_an_unknown_move_is_refused_with_those_that_exist(still: World) -> None:
    found = nothing_came_of_it(still, "POST", MOVES, json={"move": "explode", "reason": "x"})
    assert found == (409, "refused", ["move"])


@pytest.mark.parametrize(
    ("method", "path", "content"),
    [
        ("POST", MOVES, {"move": "disable", "reason": "x"}),
        ("PATCH", FEATURE, {"name": "Claims"}),
        ("PUT", f"{TRIGGERS}/leaks", TRIGGER),
    ],
)
def test_a_change_of_something_that_has_been_changed_meanwhile_is_refused(
    still: World, method: str, path: str, content: dict[str, Any]
) -> None:
    for etag in ('"0"', '"99"', 'W/"99"', "99", '"999999999999999999"'):
        found = nothing_came_of_it(still, method, path, json=content, headers={"If-Match": etag})
        assert found == (412, "version_conflict", ["If-Match"])
    for etag in ("", "seven", '"7', '"7", "8"', '"-1"', '"1.0"', '"١"', '"9999999999999999999"', "*, 7"):
        found = nothing_came_of_it(
            still, method, path, json=content, environ_overrides={"HTTP_IF_MATCH": etag}
        )
        assert found == (422, "invalid_field", ["If-Match"])


def test_the_key_of_a_deleted_feature_is_not_given_out_again(world: World) -> None:
    world.api.ok("POST", FEATURES, NEW_FEATURE)
    assert world.api.call("DELETE", f"{FEATURES}/summaries", json={"reason": "x"}).status_code == 204
    found = nothing_came_of_it(world, "POST", FEATURES, json=NEW_FEATURE)
    assert found == (409, "key_retired", ["key"])


@pytest.mark.parametrize(
    ("path", "content"),
    [
        ("/projects", {"key": "acme"}),
        (f"{PROJECT}/environments", {"key": "staging"}),
        (FEATURES, NEW_FEATURE | {"key": "claims-assistant"}),
        (f"{PROJECT}/sources", {"key": "outcomes", "kind": "outcomes"}),
        (TRIGGERS, TRIGGER),
    ],
)
def test_a_key_that_is_taken_is_not_given_out_twice(still: World, path: str, content: dict[str, Any]) -> None:
    assert nothing_came_of_it(still, "POST", path, json=content) == (409, "key_taken", ["key"])


def test_a_feature_that_users_have_is_not_deleted(still: World) -> None:
    found = nothing_came_of_it(still, "DELETE", FEATURE, json={"reason": "x"})
    assert found == (409, "feature_in_use", ["feature"])


@pytest.mark.parametrize(
    ("change", "field", "remedy"),
    [
        ({"klass": "latency"}, "klass", "arming, baseline, baseline_offset_s, class, clear_s"),
        (
            {"ladder": [{"do": "review", "wait": 1}]},
            "ladder.0.wait",
            "known here are after_s, args, do, severity",
        ),
        ({"on_stale": {"do": "hold", "soon": 1}}, "on_stale.soon", "known here are after_s, do"),
        ({"query": {"measure": "x" * 6000}}, "query.measure", "keep to that length"),
        ({"params": {"limit": [0.1]}}, "params.limit", "send what the message asks for"),
        ({"query": {}}, "query", "use one of these: measure + [limit]"),
    ],
)
def test_a_mistake_within_something_is_told_by_its_place_and_the_names_that_are_known_there(
    still: World, change: dict[str, Any], field: str, remedy: str
) -> None:
    (found,) = still.api.post(TRIGGERS, NEW_TRIGGER | change).get_json()["errors"]
    assert found["field"] == field
    assert remedy in found["remedy"]
