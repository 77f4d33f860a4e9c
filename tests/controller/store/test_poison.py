"""Whatever stands in a row, it harms that row's item alone."""

from __future__ import annotations

import json
from collections.abc import Iterator
from datetime import datetime

import pytest
from sqlalchemy.exc import DBAPIError, StatementError

from controller.errors import Conflict, InvalidInput
from controller.rollouts import locate
from controller.store.columns import Broken, microseconds
from controller.store.projects import get_environment, get_project
from controller.store.releases import get_release, releases_of
from controller.store.rollouts import rollouts_in
from controller.store.sources import sources_of
from controller.store.triggers import StoredTrigger, triggers_of
from controller.trigger_definitions import Definition
from stages import Refused
from tests.controller.tenant import ADA, Tenant
from triggers import Action, Rung

DEEP = "'" + "[" * 100_000 + "'"
TEXTS = ["'garbage'", "''", "x'ff00'", "CAST(x'ff' AS TEXT)", "7", "NULL"]
JSONS = [
    "''", "'{'", "'null'", "'7'", "'\"text\"'", "'[]'", "'[1]'", "'[[1]]'", "'{}'", "'{\"a\": 1}'", "'NaN'",
    "'Infinity'", "x'ff00'", "CAST(x'ff' AS TEXT)", DEEP, "NULL",
]  # fmt: skip
NUMBERS = [
    "'garbage'",
    "''",
    "-1",
    "2147483647",
    "1.5",
    "9223372036854775807",
    "-9223372036854775808",
    "x'ff'",
    "NULL",
]
EXPOSURE = '"cohorts": [], "tasks": [], "autonomy": "draft"'
SHAPES = [
    f"'{{\"share\": {share}, {EXPOSURE}}}'"
    for share in ("-1", "10001", "1.5", "1e400", "true", "null", '"5"')
] + [
    f"""'{{"share": 5, "cohorts": {cohorts}, "tasks": [], "autonomy": "draft"}}'"""
    for cohorts in ("{}", '"staff"', "null", "[1]", "[null]")
]


ROLLOUTS = {
    "version": NUMBERS,
    "stage": TEXTS,
    "stage_since": NUMBERS,
    "mode": TEXTS,
    "exposure": JSONS + SHAPES,
    "review": [
        *JSONS,
        '\'{"sample": "x", "below_confidence": null, "reviewers": []}\'',
        '\'{"sample": 20000, "below_confidence": null, "reviewers": []}\'',
        '\'{"sample": 5, "below_confidence": "high", "reviewers": []}\'',
        '\'{"sample": 5, "below_confidence": null, "reviewers": "staff"}\'',
    ],
    "stable": ["'r-unknown'", "''", "x'ff00'", "CAST(x'ff' AS TEXT)", "7"],
    "candidate": ["'r-unknown'", "x'ff00'", "7"],
    "candidate_share": NUMBERS,
    "previous": ["x'ff00'"],
    "holds": [
        "''",
        "'{'",
        "'null'",
        "'7'",
        "'\"person\"'",
        "'[1]'",
        "'{}'",
        "'{\"person\": 1}'",
        DEEP,
        "NULL",
    ],
}
ROUNDED = {("stage_since", "1.5"), ("candidate_share", "1.5"), ("previous", "x'ff00'")}
HARMLESS = {("version", value) for value in NUMBERS} | {("stage_since", value) for value in NUMBERS} | ROUNDED
"""Whole numbers where a whole number should be: where these can be read, there is nothing to see in them."""
TRIGGERS = {
        "key": ["x'ff00'", "CAST(x'ff' AS TEXT)"],
        "version": NUMBERS,
        "method": TEXTS,
        "params": [*JSONS, "'{\"limit\": true}'", "'{\"limit\": 1e400}'", "'{\"limit\": \"0.1\"}'", "'[\"limit\"]'"],
        "query": JSONS,
        "window_s": NUMBERS,
        "interval_s": [*NUMBERS, "0"],
        "hold_s": NUMBERS,
        "clear_s": NUMBERS,
        "latch": ["NULL"],
        "max_staleness_s": NUMBERS,
        "arming": TEXTS,
        "scope": TEXTS,
        "ladder": [
            *JSONS,
            "'[{\"do\": \"promote\", \"after_s\": 0, \"args\": {}}]'",
            "'[{\"do\": \"review\", \"after_s\": 1e400, \"args\": {}}]'",
            "'[{\"do\": \"review\", \"after_s\": -5, \"args\": {}}]'",
            "'[{\"do\": \"narrow\", \"after_s\": 0, \"args\": {\"share\": \"all\"}}]'",
            "'[{\"do\": \"narrow\", \"after_s\": 0, \"args\": []}]'",
        ],
        "state": [
            *JSONS,
            "'{\"phase\": \"asleep\"}'",
            "'{\"phase\": \"firing\"}'",
            "'{\"memory\": [1.5]}'",
            "'{\"epoch_at\": \"2026-01-01\"}'",
            "'{\"rungs\": -1}'",
        ],
        "verdict": ["'garbage'", "''", "x'ff00'"],
        "evaluated_at": ["'garbage'", "9223372036854775807", "x'ff'"],
        "due_at": ["'garbage'", "9223372036854775807", "-9223372036854775808", "x'ff'", "1.5", "NULL"],
        "lease_until": ["'garbage'", "9223372036854775807", "-9223372036854775808", "x'ff'"],
        "fence": NUMBERS,
        "sentence": TEXTS,
}  # fmt: skip


def poisoned(tenant: Tenant, table: str, column: str, values: list[str]) -> Iterator[str]:
    """Put each of these into a column of the first row, as far as the database lets us, and take it out again."""
    row = tenant.ask_sql_row(f"SELECT * FROM {table} WHERE id = 1")
    for value in values:
        if poison(tenant, table, column, value):
            yield value
            restored = ", ".join(f"{name} = :{name}" for name in row)
            assert tenant.sql(f"UPDATE {table} SET {restored} WHERE id = :id", **row)


def poison(tenant: Tenant, table: str, column: str, value: str) -> bool:
    if not tenant.parts.database.is_sqlite:
        value = value.replace("x'ff00'", "'\\xff00'").replace("x'ff'", "'\\xff'")
    statement = f"UPDATE {table} SET {column} = {value} WHERE id = 1".replace(":", r"\:")
    try:
        return bool(tenant.sql(statement))
    except (Conflict, DBAPIError, StatementError):
        return False


@pytest.fixture
def two(tenant: Tenant) -> Tenant:
    """Two features that users have, each with a trigger."""
    for key in ("claims", "other"):
        tenant.beta(key)
        tenant.trigger(feature=key)
    tenant.tick()
    tenant.after(10)
    return tenant


def flags(tenant: Tenant) -> dict[str, object]:
    """What is served for each of the two features, from a snapshot that was not there before."""
    with tenant.parts.database.read() as tx:
        environment = get_environment(tx, get_project(tx, "acme").id, "production").id
    tenant.parts.snapshots._built.clear()
    served = tenant.parts.snapshots.current(environment).flags
    return {key: served.evaluate(key, {"targetingKey": "u"}).value["mode"] for key in ("claims", "other")}


def is_broken_rollout(tenant: Tenant) -> bool:
    with tenant.parts.database.read() as tx:
        environment = get_environment(tx, get_project(tx, "acme").id, "production").id
        found = rollouts_in(tx, environment)
    assert len(found) == 2
    assert not isinstance(found[1], Broken)
    return isinstance(found[0], Broken)


@pytest.mark.parametrize("column", ROLLOUTS)
def test_a_rollout_that_cannot_be_read_is_off_and_harms_no_other(two: Tenant, column: str) -> None:
    assert flags(two) == {"claims": "live", "other": "live"}
    for value in poisoned(two, "rollouts", column, ROLLOUTS[column]):
        two.clock.pass_(10)
        served, broken = flags(two), is_broken_rollout(two)
        assert served["other"] == "live"
        if (column, value) not in HARMLESS or broken:
            assert broken or column in ("stable", "candidate"), value
            assert served["claims"] == "off", value
        two.tick()
        assert two.standing(feature="other").evaluated_at == two.clock()
        two.move("hold", "other")
        if broken:
            with pytest.raises(Conflict, match="cannot be read"):
                two.move("disable")
    assert flags(two) == {"claims": "live", "other": "live"}


TRUSTED = {"sentence", "fence", "key"}
"""Columns in which anything goes: nothing is decided by them."""


def broken_triggers(tenant: Tenant, feature: str) -> list[Broken]:
    with tenant.parts.database.read() as tx:
        found = triggers_of(tx, locate(tx, tenant.where(feature)).id)
    return [item for item in found if isinstance(item, Broken)]


@pytest.mark.parametrize("column", TRIGGERS)
def test_a_trigger_that_cannot_be_read_is_set_aside_and_harms_no_other(two: Tenant, column: str) -> None:
    for value in poisoned(two, "triggers", column, TRIGGERS[column]):
        since = two.clock()
        for _ in range(2):
            two.report(1, "other", grounded=True)
            two.clock.pass_(61)
            two.report(1, "other", grounded=True)
            two.clock.pass_(10)
            two.tick()
            assert two.standing(feature="other").evaluated_at == two.clock(), value
        assert two.standing(feature="other").verdict == "ok"
        assert broken_triggers(two, "other") == []
        assert flags(two) == {"claims": "live", "other": "live"}
        assert two.parts.ticks.is_alive
        if broken_triggers(two, "claims"):
            blind_promotion_is_refused(two)
            mended = mend(two)
            two.clock.pass_(10)
            two.tick()
            assert two.standing(mended.trigger.key).evaluated_at == two.clock(), value
        else:
            goes_on(two, column, value, since)
        # Each slot is recorded once, and the row is about to be put back to an earlier one.
        two.sql("DELETE FROM readings WHERE trigger_id = 1")


def blind_promotion_is_refused(two: Tenant) -> None:
    from stages import Stage

    with pytest.raises(Refused) as refused:
        two.ask(Stage.PILOT)
    assert "trigger_blind" in [refusal.code for refusal in refused.value.refusals]


def goes_on(two: Tenant, column: str, value: str, since: datetime) -> None:
    """What could be read is a trigger: it has been evaluated, or says itself why not."""
    [(verdict, at)] = two.ask_sql("SELECT verdict, evaluated_at FROM triggers WHERE id = 1")
    assert at > microseconds(since), f"{column} = {value} stops the trigger, and nothing tells"
    assert column in TRUSTED or verdict in ("insufficient", "ok", "source_error"), value


def mend(two: Tenant) -> StoredTrigger:
    key = broken_triggers(two, "claims")[0].key
    definition = Definition(
        key=key,
        source="outcomes",
        query={"measure": "unsupported"},
        method="threshold",
        params={"limit": 0.1},
        rest={"window_s": 60, "interval_s": 10, "ladder": (Rung(Action.REVIEW),)},
    )
    with pytest.raises(Conflict, match="cannot be read"):
        two.parts.trigger_edits.acknowledge(two.where(), key, ADA, "seen")
    mended = two.parts.trigger_edits.change(two.where(), definition, ADA, "mended", None)
    assert "broken" in two.changes()[-1].before
    assert two.bad_rows() == []
    return mended


def test_a_trigger_that_cannot_be_read_can_be_removed(two: Tenant) -> None:
    two.sql("UPDATE triggers SET ladder = '{' WHERE id = 1")
    two.tick()
    assert [item.why for item in broken_triggers(two, "claims")]
    two.parts.trigger_edits.drop(two.where(), "unsupported", ADA, "broken")
    assert two.ask_sql("SELECT id FROM triggers") == [(2,)]


SOURCES = {
    "kind": TEXTS,
    "settings": JSONS,
    "created_at": ["'garbage'", "9223372036854775807", "x'ff'"],
    "key": ["''", "x'ff00'", "CAST(x'ff' AS TEXT)"],
}


@pytest.mark.parametrize("column", SOURCES)
def test_a_source_that_cannot_be_read_blinds_its_own_triggers_until_it_can(two: Tenant, column: str) -> None:
    settings = {"url": "http://127.0.0.1:1"}
    two.parts.sources.connect("acme", "second", "prometheus", settings, ADA)
    # The first source is the one to be damaged, and the other feature moves to the second row.
    two.sql("UPDATE sources SET kind = 'outcomes', settings = '{}' WHERE id = 2")
    two.sql("UPDATE sources SET kind = 'prometheus', settings = :to WHERE id = 1", to=json.dumps(settings))
    two.sql('UPDATE triggers SET query = \'{"value": "up"}\' WHERE id = 1')
    two.sql("UPDATE triggers SET source_id = 2 WHERE id = 2")
    for value in poisoned(two, "sources", column, SOURCES[column]):
        two.report(1, "other", grounded=True)
        two.clock.pass_(10)
        two.tick()
        assert two.standing(feature="other").verdict == "ok"
        assert two.standing().verdict == "source_error", value
        with two.parts.database.read() as tx:
            assert len(sources_of(tx, 1)) == 3
    two.clock.pass_(10)
    two.tick()
    assert broken_triggers(two, "claims") == []
    assert "the answer" not in two.standing().sentence
    assert two.standing().sentence.startswith("error: value:")


def test_no_trigger_is_put_on_a_source_of_no_kind(two: Tenant) -> None:
    two.sql("UPDATE sources SET kind = 'garbage'")
    with pytest.raises(InvalidInput, match="not a kind of source"):
        two.trigger("another")


RELEASES = {
    "bundle": [value for value in JSONS if value not in ("'{}'", "'{\"a\": 1}'")] + ["'{\"a\": NaN}'"],
    "public_id": ["'garbage'", "x'ff00'", "CAST(x'ff' AS TEXT)"],
    "verdict": ["'garbage'", "''", "x'ff00'"],
    "created_at": ["'garbage'", "9223372036854775807", "x'ff'"],
    "number": ["'garbage'", "-1", "x'ff'"],
    "notes": ["x'ff00'", "CAST(x'ff' AS TEXT)"],
}


@pytest.mark.parametrize("column", RELEASES)
def test_a_release_that_cannot_be_read_turns_its_own_feature_off(two: Tenant, column: str) -> None:
    for value in poisoned(two, "releases", column, RELEASES[column]):
        served = flags(two)
        assert served["other"] == "live"
        assert served["claims"] == ("off" if column in ("bundle", "public_id") else "live"), value
        with two.parts.database.read() as tx:
            assert releases_of(tx, 1)
            assert len(releases_of(tx, 2)) == 1
        two.clock.pass_(10)
        two.tick()
        assert two.standing(feature="other").evaluated_at == two.clock()
        two.release(f"another {value[:40]!r}", "claims")
        two.sql("DELETE FROM releases WHERE feature_id = 1 AND id > 2")


def test_a_release_whose_verdict_cannot_be_read_is_not_introduced(two: Tenant) -> None:
    other = two.release("two")
    two.sql("UPDATE releases SET verdict = 'garbage' WHERE public_id = :id", id=other)
    with two.parts.database.read() as tx:
        assert get_release(tx, 1, other).verdict == "garbage"
    with pytest.raises(Refused) as refused:
        two.move("introduce", release=other, share=100)
    assert [refusal.code for refusal in refused.value.refusals] == ["release_bad"]


def test_a_message_that_cannot_be_read_does_not_keep_back_the_others(two: Tenant) -> None:
    for _ in poisoned(two, "outbox", "payload", ["''", "'{'", "'7'", DEEP]):
        two.sql("UPDATE outbox SET delivered_at = NULL")
        two.tick()
        assert two.ask_sql("SELECT count(*) FROM outbox WHERE delivered_at IS NULL") == [(0,)]
        assert two.parts.ticks.is_alive
