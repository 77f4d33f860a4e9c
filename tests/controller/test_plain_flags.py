from __future__ import annotations

import json
from typing import Any

import pytest
from headgate.evaluator import Document
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from controller import flag_files
from controller.errors import Conflict, InvalidInput, NotFound, VersionConflict
from controller.flags.plain import flag_file
from controller.plain_flags import LOOKS, Place, PlainFlags
from controller.rollouts import locate_environment
from controller.store.plain_flags import PlainFlag, flag_set_of, get_plain_flag, plain_flags_in
from tests.controller.tenant import ADA, BOB, Tenant

HERE = Place("acme", "production")
BANNER: dict[str, Any] = {
    "state": "ENABLED",
    "variants": {"on": True, "off": False},
    "defaultVariant": "off",
    "targeting": {"if": [{"in": ["staff", {"var": "cohorts"}]}, "on", None]},
}


def desk(tenant: Tenant) -> PlainFlags:
    return tenant.parts.plain_flags


def set_flag(tenant: Tenant, key: str = "banner", reason: str = "", **content: Any) -> PlainFlag:
    return desk(tenant).set(HERE, key, {**BANNER, **content}, ADA, reason)[0]


def revision(tenant: Tenant) -> int:
    with tenant.parts.database.read() as tx:
        return locate_environment(tx, "acme", "production").revision


def served(tenant: Tenant) -> dict[str, Any]:
    with tenant.parts.database.read() as tx:
        id = locate_environment(tx, "acme", "production").id
    content: dict[str, Any] = json.loads(tenant.parts.snapshots.current(id).body)["flags"]
    return content


def exported(tenant: Tenant, place: Place = HERE) -> dict[str, Any]:
    with tenant.parts.database.read() as tx:
        id = locate_environment(tx, place.project, place.environment).id
        return flag_file(plain_flags_in(tx, id), flag_set_of(tx, id))


def read_in(tenant: Tenant, file: Any, place: Place = HERE, **how: bool) -> Any:
    how = {"replace": False, "dry_run": False, **how}
    return desk(tenant).read_in(place, file, ADA, "from git", **how)


def fields(refused: pytest.ExceptionInfo[InvalidInput]) -> list[str]:
    return [problem.field for problem in refused.value.problems]


def test_a_flag_is_served_recorded_and_announced_at_once(tenant: Tenant) -> None:
    before = revision(tenant)
    flag = set_flag(tenant, reason="a new banner", owner="web", tags=["web"], client_visible=True)
    assert (flag.type, flag.version, flag.created_by) == ("boolean", 1, ADA.name)
    assert revision(tenant) == before + 1
    sent = served(tenant)["banner"]
    assert sent["targeting"] == BANNER["targeting"]
    assert sent["metadata"] == {"when_lost": "keep", "flag_version": 1, "client_visible": True}
    answer = Document.parse({"flags": {"banner": sent}}).evaluate("banner", {"cohorts": ["staff"]})
    assert (answer.value, answer.variant) == (True, "on")
    change = tenant.changes()[-1]
    assert (change.name, change.environment, change.reason) == ("flag.set", "production", "a new banner")
    assert change.before == {}
    assert change.after["definition"]["variants"] == BANNER["variants"]
    assert change.evidence == {"flag": "banner", "revision": before + 1}
    announced = tenant.ask_sql("SELECT event, payload FROM outbox ORDER BY id DESC LIMIT 1")[0]
    assert announced[0] == "change.flag.set"
    assert "variants" not in str(announced[1])
    assert tenant.bad_rows() == []


def test_a_flag_that_is_set_to_what_it_is_changes_nothing(tenant: Tenant) -> None:
    set_flag(tenant)
    before = revision(tenant), len(tenant.changes())
    assert set_flag(tenant).version == 1
    assert (revision(tenant), len(tenant.changes())) == before
    changed = set_flag(tenant, state="DISABLED")
    assert (changed.version, changed.created_by) == (2, ADA.name)
    assert tenant.changes()[-1].before["version"] == 1
    assert served(tenant)["banner"]["state"] == "DISABLED"


def test_a_flag_is_changed_by_whoever_has_seen_it(small: Tenant) -> None:
    set_flag(small)
    set_flag(small, state="DISABLED")
    for expected in (1, 3):
        with pytest.raises(VersionConflict):
            desk(small).set(HERE, "banner", BANNER, BOB, "", expected)
    with pytest.raises(VersionConflict):
        desk(small).delete(HERE, "banner", BOB, "old", 1)
    with pytest.raises(VersionConflict):
        desk(small).set(HERE, "new", BANNER, BOB, "", 1)
    assert desk(small).set(HERE, "banner", BANNER, BOB, "", 2)[0].version == 3


TYPES: dict[str, tuple[dict[str, Any], str]] = {
    "booleans": ({"on": True}, "boolean"),
    "texts": ({"a": "x", "b": ""}, "string"),
    "whole numbers": ({"a": 1, "b": 0}, "integer"),
    "fractions": ({"a": 1, "b": 0.5}, "float"),
    "objects": ({"a": {}, "b": {"x": [1]}}, "object"),
    "lists": ({"a": [1]}, "object"),
}


def test_the_type_of_a_flag_is_that_of_its_variants(small: Tenant) -> None:
    for name, (variants, type) in TYPES.items():
        key = name.replace(" ", "-")
        flag = set_flag(small, key, variants=variants, defaultVariant=None, targeting=None)
        assert flag.type == type, name
        assert "defaultVariant" not in served(small)[key]


def test_a_flag_keeps_its_type_for_good(small: Tenant) -> None:
    rest: dict[str, Any] = {"targeting": None, "defaultVariant": None}
    set_flag(small, "size", variants={"a": 0.5}, **rest)
    assert set_flag(small, "size", variants={"a": 2}, type="number", **rest).definition["variants"] == {
        "a": 2.0
    }
    set_flag(small, "count", variants={"a": 1}, type="number", **rest)
    for key, variants, said, where in (
        ("count", {"a": 1.5}, None, "variants"),
        ("size", {"a": "big"}, None, "variants"),
        ("size", {"a": 1}, "integer", "type"),
        ("new", {"a": 1}, "string", "type"),
    ):
        with pytest.raises(InvalidInput) as refused:
            set_flag(small, key, variants=variants, type=said, **rest)
        assert fields(refused) == [where], (key, said)
        if where == "variants":
            assert "or make a flag with another key" in refused.value.problems[0].remedy
    with pytest.raises(InvalidInput) as refused:
        read_in(small, {"flags": {"size": {"state": "ENABLED", "variants": {"a": "big"}}}})
    assert (
        refused.value.problems[0].remedy == "give variants of the type float, or make a flag with another key"
    )


WRONG: dict[str, tuple[dict[str, Any], list[str]]] = {
    "no variants": ({"variants": {}}, ["variants"]),
    "variants of several types": ({"variants": {"on": True, "off": "no"}}, ["variants"]),
    "a number beside true": ({"variants": {"on": True, "off": 0}}, ["variants"]),
    "a variant without a value": ({"variants": {"on": True, "off": None}}, ["variants.off"]),
    "a variant without a name": ({"variants": {"": True, "on": True, "off": True}}, ["variants"]),
    "a name that PostgreSQL cannot keep": ({"variants": {"on": True, "off": True, "a\0": True}}, ["variants"]),
    "metadata with such a name": ({"metadata": {"a\0": 1}}, ["metadata"]),
    "metadata that is an empty list": ({"metadata": []}, ["metadata"]),
    "too many variants": ({"variants": {"on": True, "off": True} | {f"v{n}": True for n in range(99)}}, ["variants"]),
    "a huge value": (
        {"variants": {"on": {"a": "x" * 60_000, "b": "x" * 60_000}, "off": {}}},
        ["variants.on"],
    ),
    "NaN inside a value": ({"variants": {"on": {"a": [float("nan")]}, "off": {}}}, ["variants.on.a.0"]),
    "a default that is no variant": ({"defaultVariant": "blue"}, ["defaultVariant"]),
    "a default that is a number": ({"defaultVariant": 1}, ["defaultVariant"]),
    "an unknown state": ({"state": "ON"}, ["state"]),
    "several things": ({"state": "ON", "defaultVariant": "x", "targeting": {"near": 1}}, [
        "state", "defaultVariant", "targeting.near",
    ]),
    "metadata that is a list": ({"metadata": {"a": []}}, ["metadata.a"]),
    "metadata of Headgate's own": ({"metadata": {"revision": 1}}, ["metadata.revision"]),
    "metadata that is a field": ({"metadata": {"owner": "x"}}, ["metadata.owner"]),
    "a policy that is none": ({"metadata": {"when_lost": "panic"}}, ["metadata.when_lost"]),
    "loops in loops in loops": (
        {"targeting": {"if": [{"some": [[1], {"some": [[1], {"some": [[1], {"var": ""}]}]}]}, "on", "off"]}},
        ["targeting"],
    ),
}  # fmt: skip


def test_what_is_wrong_with_a_flag_is_refused_by_its_place(small: Tenant) -> None:
    before = small.changes(), revision(small)
    for name, (content, where) in WRONG.items():
        with pytest.raises(InvalidInput) as refused:
            set_flag(small, **content)
        assert fields(refused) == where, name
        assert all(problem.remedy for problem in refused.value.problems), name
    assert (small.changes(), revision(small)) == before


def test_the_key_of_a_flag_can_stand_in_an_address(small: Tenant) -> None:
    for key in ("", "a b", "é", "-a", "a/b", "a\n", "x" * 129):
        with pytest.raises(InvalidInput) as refused:
            set_flag(small, key)
        assert fields(refused) == ["key"], key


def test_a_flag_never_takes_the_name_of_a_feature_nor_the_other_way_around(tenant: Tenant) -> None:
    tenant.feature("claims")
    for key in ("claims", "claims.enabled", "headgate-canary"):
        with pytest.raises(InvalidInput) as refused:
            set_flag(tenant, key)
        assert fields(refused) == ["key"]
    set_flag(tenant, "claims.colour")
    set_flag(tenant, "search.enabled")
    set_flag(tenant, "banner")
    desk(tenant).delete(HERE, "banner", ADA, "done")
    for key in ("search", "banner", "headgate-canary"):
        with pytest.raises(Conflict) as taken:
            tenant.feature(key)
        assert taken.value.code == "key_taken"
    tenant.parts.catalog.delete_feature("acme", "claims", "done", ADA)
    with pytest.raises(InvalidInput, match="was deleted on 2026-11-20"):
        set_flag(tenant, "claims.enabled")


def test_a_deleted_key_does_not_come_back_with_another_meaning(tenant: Tenant) -> None:
    set_flag(tenant)
    desk(tenant).delete(HERE, "banner", BOB, "the banner is gone")
    assert "banner" not in served(tenant)
    change = tenant.changes()[-1]
    assert (change.name, change.actor, change.reason) == ("flag.delete", BOB.name, "the banner is gone")
    assert change.before["definition"] == {**BANNER}
    with pytest.raises(Conflict) as refused:
        set_flag(tenant)
    assert refused.value.code == "key_retired"
    assert "(boolean) was deleted on 2026-11-20 by user:bob (the banner is gone)" in refused.value.detail
    with pytest.raises(NotFound):
        desk(tenant).delete(HERE, "banner", BOB, "again")
    with pytest.raises(InvalidInput) as refused_file:
        read_in(tenant, {"flags": {"banner": BANNER}})
    assert fields(refused_file) == ["flags.banner"]


def test_a_deleted_flag_is_revived_as_it_was_by_who_knows_its_type(tenant: Tenant) -> None:
    before = set_flag(tenant, owner="web")
    with pytest.raises(Conflict) as alive:
        desk(tenant).revive(HERE, "banner", "boolean", ADA, "x")
    assert alive.value.code == "not_deleted"
    desk(tenant).delete(HERE, "banner", BOB, "done")
    with pytest.raises(InvalidInput) as refused:
        desk(tenant).revive(HERE, "banner", "string", ADA, "again")
    assert fields(refused) == ["type"]
    flag = desk(tenant).revive(HERE, "banner", "boolean", ADA, "it is needed again")
    assert (flag.definition, flag.owner, flag.version) == (before.definition, "web", 3)
    assert served(tenant)["banner"]["variants"] == BANNER["variants"]
    assert tenant.changes()[-1].name == "flag.revive"
    with pytest.raises(NotFound):
        desk(tenant).revive(HERE, "nobody", "boolean", ADA, "x")
    assert tenant.bad_rows() == []


FILE: dict[str, Any] = {
    "$schema": "https://flagd.dev/schema/v0/flags.json",
    "$evaluators": {"staff": {"in": ["staff", {"var": "cohorts"}]}},
    "metadata": {"flagSetId": "web", "version": "7"},
    "flags": {
        "myBoolFlag": {
            "state": "ENABLED",
            "variants": {"on": True, "off": False},
            "defaultVariant": "on",
            "metadata": {"owner": "web", "tags": "b, a", "client_visible": True, "ticket": 12},
        },
        "headerColor": {
            "state": "ENABLED",
            "variants": {"red": "#FF0000", "blue": "#0000FF"},
            "defaultVariant": "red",
            "targeting": {"if": [{"$ref": "staff"}, "blue", None]},
        },
        "ratio": {"state": "DISABLED", "variants": {"low": 0.5, "high": 1}, "defaultVariant": None},
    },
}


def test_a_flagd_file_is_taken_over_as_it_is(tenant: Tenant) -> None:
    before = revision(tenant)
    reading = read_in(tenant, FILE)
    assert (sorted(reading.created), reading.shared) == (["headerColor", "myBoolFlag", "ratio"], ("staff",))
    assert revision(tenant) == before + 1
    sent = served(tenant)
    assert sent["headerColor"]["targeting"] == {"if": [FILE["$evaluators"]["staff"], "blue", None]}
    assert sent["headerColor"]["metadata"]["flagSetId"] == "web"
    assert sent["myBoolFlag"]["metadata"] | {"ticket": 12} == sent["myBoolFlag"]["metadata"]
    with tenant.parts.database.read() as tx:
        flag = get_plain_flag(tx, locate_environment(tx, "acme", "production").id, "myBoolFlag")
    assert (flag.owner, flag.tags, flag.client_visible) == ("web", ["b", "a"], True)
    change = tenant.changes()[-1]
    assert (change.name, sorted(change.after)) == ("flags.import", sorted(FILE["flags"]))
    assert read_in(tenant, FILE).is_empty
    assert revision(tenant) == before + 1
    assert tenant.bad_rows() == []


def test_a_dry_run_tells_the_same_and_does_nothing(tenant: Tenant) -> None:
    set_flag(tenant)
    before = revision(tenant), tenant.changes(), served(tenant)
    reading = read_in(tenant, FILE, replace=True, dry_run=True)
    assert [flag.key for flag in reading.deleted] == ["banner"]
    assert len(reading.created) == 3
    assert (revision(tenant), tenant.changes(), served(tenant)) == before


def test_what_is_not_in_the_file_stays_unless_the_file_replaces_it(tenant: Tenant) -> None:
    set_flag(tenant)
    read_in(tenant, FILE)
    smaller = {"flags": {"myBoolFlag": {**FILE["flags"]["myBoolFlag"], "state": "DISABLED"}}}
    reading = read_in(tenant, smaller)
    assert (list(reading.changed), reading.deleted, reading.unchanged) == (["myBoolFlag"], (), 0)
    assert set(served(tenant)) == {"banner", *FILE["flags"]}
    reading = read_in(tenant, smaller, replace=True)
    assert sorted(flag.key for flag in reading.deleted) == ["banner", "headerColor", "ratio"]
    assert reading.unchanged == 1
    assert set(served(tenant)) == {"myBoolFlag"}
    with pytest.raises(InvalidInput) as refused:
        read_in(tenant, FILE)
    assert fields(refused) == ["flags.headerColor", "flags.ratio"]


def test_a_file_is_looked_at_again_where_something_changed_meanwhile(
    tenant: Tenant, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Between the look at the file and the writing of it, somebody deletes a flag that is in it."""
    set_flag(tenant)
    deleted: list[bool] = []

    def meanwhile(*asked: Any, **how: Any) -> Any:
        found = flag_files.prepare_import(*asked, **how)
        if not deleted:
            deleted.append(True)
            monkeypatch.setattr("controller.plain_flags.prepare_import", flag_files.prepare_import)
            desk(tenant).delete(HERE, "banner", BOB, "x")
        return found

    monkeypatch.setattr("controller.plain_flags.prepare_import", meanwhile)
    with pytest.raises(InvalidInput) as refused:
        read_in(tenant, {"flags": {"banner": {**BANNER, "state": "DISABLED"}}})
    assert fields(refused) == ["flags.banner"]


def test_while_a_file_is_looked_at_nobody_waits_however_often_it_is(
    small: Tenant, monkeypatch: pytest.MonkeyPatch
) -> None:
    looks: list[int] = []

    def meanwhile(*asked: Any, **how: Any) -> Any:
        found = flag_files.prepare_import(*asked, **how)
        looks.append(revision(small))
        set_flag(small, "other", description=f"said {len(looks)} times")
        return found

    monkeypatch.setattr("controller.plain_flags.prepare_import", meanwhile)
    with pytest.raises(Conflict) as refused:
        read_in(small, {"flags": {"banner": BANNER}})
    assert (refused.value.code, len(looks)) == ("overtaken", LOOKS)
    assert "banner" not in exported(small)["flags"]


def test_a_file_is_not_refused_for_a_flag_that_it_does_not_touch(small: Tenant) -> None:
    set_flag(small, "old")
    rule = json.dumps({**BANNER, "targeting": {"near": [1]}})
    small.sql("UPDATE plain_flags SET definition = :rule", rule=rule)
    assert list(read_in(small, {"flags": {"banner": BANNER}}).created) == ["banner"]
    with pytest.raises(InvalidInput) as refused:
        read_in(small, {"flags": {}, "$evaluators": {"staff": {"!": [1]}}})
    assert fields(refused) == ["flags.old.targeting.near"]


def test_a_shared_rule_that_changes_changes_who_refers_to_it(small: Tenant) -> None:
    read_in(small, FILE)
    anew = {"$evaluators": {"staff": {"in": ["admin", {"var": "cohorts"}]}}, "flags": {}}
    assert read_in(small, anew).shared == ("staff",)
    sent = served(small)
    assert sent["headerColor"]["targeting"]["if"][0] == anew["$evaluators"]["staff"]
    assert (sent["headerColor"]["metadata"]["flag_version"], sent["ratio"]["metadata"]["flag_version"]) == (
        2,
        1,
    )
    broken = {"$evaluators": {"staff": {"$ref": "staff"}}, "flags": {}}
    with pytest.raises(InvalidInput) as refused:
        read_in(small, broken)
    assert fields(refused) == ["$evaluators.staff", "flags.headerColor.targeting.if.0.$ref"]
    assert served(small) == sent


BAD_FILES: dict[str, tuple[Any, list[str]]] = {
    "a list": ([], ["body"]),
    "no flags": ({}, ["flags"]),
    "flags that are a list": ({"flags": []}, ["flags"]),
    "something unknown": ({"flags": {}, "import": ["x"]}, ["import"]),
    "a flag that is a list": ({"flags": {"a": []}}, ["flags.a"]),
    "something unknown in a flag": ({"flags": {"a": {**BANNER, "rules": []}}}, ["flags.a.rules"]),
    "a key with a space": ({"flags": {"a b": BANNER}}, ["flags.a b"]),
    "too many shared rules": (
        {"flags": {"a": BANNER}, "$evaluators": {f"r{n}": True for n in range(1001)}},
        ["$evaluators"],
    ),
    "shared rules that are a list": ({"flags": {}, "$evaluators": []}, ["$evaluators"]),
    "an owner that is a number": (
        {"flags": {"a": {**BANNER, "metadata": {"owner": 1}}}},
        ["flags.a.metadata.owner"],
    ),
    "an owner with an escape": (
        {"flags": {"a": {**BANNER, "metadata": {"owner": "\x1b[0m"}}}},
        ["flags.a.metadata.owner"],
    ),
    "visible to some": (
        {"flags": {"a": {**BANNER, "metadata": {"client_visible": 1}}}},
        ["flags.a.metadata.client_visible"],
    ),
    "all visible at once": ({"flags": {}, "metadata": {"client_visible": True}}, ["metadata.client_visible"]),
    "too many tags": (
        {"flags": {"a": {**BANNER, "metadata": {"tags": ",".join(f"t{n}" for n in range(21))}}}},
        ["flags.a.metadata.tags"],
    ),
    "a long tag": ({"flags": {"a": {**BANNER, "metadata": {"tags": "x" * 50}}}}, ["flags.a.metadata.tags"]),
    "metadata of Headgate's own": ({"flags": {}, "metadata": {"revision": 4}}, ["metadata.revision"]),
    "everything at once": (
        {"flags": {"a": {**BANNER, "state": 1}, "b": BANNER, "c": {**BANNER, "targeting": {"x": 1}}}, "d": 1},
        ["d", "flags.a.state", "flags.c.targeting.x"],
    ),
}


def test_of_a_file_with_anything_wrong_nothing_is_taken_over(small: Tenant) -> None:
    before = small.changes(), revision(small)
    for name, (file, where) in BAD_FILES.items():
        with pytest.raises(InvalidInput) as refused:
            read_in(small, file)
        assert (refused.value.code, fields(refused)) == ("bad_flag_file", where), name
    assert (small.changes(), revision(small)) == before


def test_a_file_with_endless_mistakes_is_refused_in_a_bearable_length(small: Tenant) -> None:
    with pytest.raises(InvalidInput) as refused:
        read_in(small, {"flags": {f"f{n}": [] for n in range(2000)}})
    assert len(refused.value.problems) == 501
    assert refused.value.problems[-1].message == "there are 1500 further problems"


def test_an_environment_has_so_many_flags_and_no_more(small: Tenant, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("controller.flags.refusing.MAX_FLAGS", 2)
    read_in(small, {"flags": {"a": BANNER, "b": BANNER}})
    with pytest.raises(InvalidInput, match="have 3 flags"):
        set_flag(small, "c")
    with pytest.raises(InvalidInput, match="have 3 flags"):
        read_in(small, {"flags": {"c": BANNER}})
    desk(small).delete(HERE, "b", ADA, "done")
    set_flag(small, "c")
    with pytest.raises(InvalidInput, match="have 3 flags"):
        desk(small).revive(HERE, "b", "boolean", ADA, "again")
    desk(small).delete(HERE, "c", ADA, "done")
    monkeypatch.setattr("controller.flags.refusing.MAX_DOCUMENT_BYTES", 400)
    with pytest.raises(InvalidInput, match="bytes large"):
        desk(small).revive(HERE, "b", "boolean", ADA, "again")
    set_flag(small, "a", targeting=None)
    with pytest.raises(InvalidInput, match="bytes large"):
        set_flag(small, "a", description="", metadata={"note": "x" * 300})


def test_a_flag_that_cannot_be_read_is_served_as_the_callers_default_and_can_be_set_anew(
    tenant: Tenant,
) -> None:
    set_flag(tenant)
    set_flag(tenant, "other")
    tenant.sql("UPDATE plain_flags SET definition = '[]' WHERE key = 'banner'")
    tenant.sql("UPDATE environments SET revision = revision + 1")
    sent = served(tenant)
    assert (sent["banner"]["state"], sent["other"]["state"]) == ("DISABLED", "ENABLED")
    assert "banner" in json.dumps(sent)
    assert Document.parse({"flags": sent}).evaluate("banner", {}).reason == "DISABLED"
    assert set_flag(tenant).broken == ""
    assert served(tenant)["banner"]["state"] == "ENABLED"


_TEXTS = st.text(st.characters(codec="utf-8", exclude_categories=["Cc", "Cs"]), min_size=1, max_size=8)
_VALUES = st.sampled_from(
    [
        {"on": True, "off": False},
        {"a": "x", "b": "ü"},
        {"a": 1, "b": 2},
        {"a": 1, "b": 2.5},
        {"a": {"x": [1, None, {}]}, "b": {}},
    ]
)
_RULES = st.sampled_from(
    [None, {"if": [{"$ref": "staff"}, None]}, {"if": [{"==": [{"var": "a"}, 1]}, None, None]}]
)


@st.composite
def flags(draw: Any) -> dict[str, Any]:
    variants = draw(_VALUES)
    flag = {"state": draw(st.sampled_from(["ENABLED", "DISABLED"])), "variants": variants}
    flag["defaultVariant"] = draw(st.sampled_from([None, *variants]))
    flag["targeting"] = draw(_RULES)
    said: dict[str, Any] = draw(
        st.dictionaries(st.sampled_from(["a", "b"]), st.integers(0, 9) | st.booleans())
    )
    said |= draw(st.fixed_dictionaries({}, optional={"owner": _TEXTS, "description": _TEXTS, "tags": _TEXTS}))
    flag["metadata"] = said | draw(st.fixed_dictionaries({}, optional={"client_visible": st.booleans()}))
    return {name: part for name, part in flag.items() if part is not None}


@given(made=st.dictionaries(st.sampled_from(["a", "b.c", "D_e"]), flags()), metadata=st.booleans())
@settings(max_examples=25, deadline=None, suppress_health_check=list(HealthCheck))
def test_what_was_exported_is_imported_as_it_was(small: Tenant, made: dict[str, Any], metadata: bool) -> None:
    """Whatever is read in comes out as a file that means the same, and reading that in changes nothing."""
    there, copy = (Place("acme", "production"), Place("acme", "copy"))
    if not small.ask_sql("SELECT 1 FROM environments WHERE key = 'copy'"):
        small.parts.catalog.make_environment("acme", "copy", "", ADA, protected=True)
    small.sql("DELETE FROM plain_flags")
    small.sql("DELETE FROM flag_sets")
    file = {
        "flags": made,
        "$evaluators": FILE["$evaluators"],
        "metadata": FILE["metadata"] if metadata else {},
    }
    read_in(small, file, there)
    out = json.loads(json.dumps(exported(small, there)))
    read_in(small, out, copy)
    assert exported(small, copy) == exported(small, there)
    assert read_in(small, out, there, replace=True).is_empty
