from __future__ import annotations

import pytest

from controller.errors import Conflict, InvalidInput, NotFound, VersionConflict
from controller.rollouts import Where, locate
from controller.store.columns import Broken
from controller.store.keys import KeyKind, find_key
from controller.store.projects import get_environment, get_project
from controller.store.rollouts import rollouts_in
from stages import Goodness, Stage, Tier
from tests.conftest import SECRET
from tests.controller.tenant import ADA, Tenant

T1 = {"name": "x", "risk_tier": "T1", "when_lost": "review"}


def revision(tenant: Tenant, environment: str = "production") -> int:
    with tenant.parts.database.read() as tx:
        return get_environment(tx, get_project(tx, "acme").id, environment).revision


def places(tenant: Tenant, environment: str) -> list[str]:
    with tenant.parts.database.read() as tx:
        id = get_environment(tx, get_project(tx, "acme").id, environment).id
        return [
            item.key if isinstance(item, Broken) else item.rollout.feature for item in rollouts_in(tx, id)
        ]


def test_a_feature_begins_its_way_in_every_environment_whichever_came_first(tenant: Tenant) -> None:
    tenant.feature("early")
    tenant.parts.catalog.make_environment("acme", "staging", "", ADA, protected=False)
    tenant.feature("late")
    assert places(tenant, "production") == places(tenant, "staging") == ["early", "late"]
    assert tenant.rollout("late").stage is Stage.READINESS


def test_everything_that_is_described_is_recorded(tenant: Tenant) -> None:
    catalog = tenant.parts.catalog
    tenant.feature()
    release = tenant.release()
    catalog.change_feature("acme", "claims", {"name": "Claims"}, ADA, None)
    catalog.judge_release("acme", "claims", release, Goodness.GOOD, "proven", ADA)
    tenant.prove("runbook")
    tenant.parts.sources.connect("acme", "metrics", "prometheus", {"url": "http://127.0.0.1:1"}, ADA)
    key, _ = catalog.make_key("acme", KeyKind.SERVER, "product", "production", ADA)
    catalog.revoke_key("acme", key.id, ADA)
    catalog.delete_feature("acme", "claims", "pruned", ADA)
    assert [change.name for change in tenant.changes()] == [
        "project.create",
        "environment.create",
        "feature.create",
        "release.create",
        "feature.change",
        "release.judge",
        "evidence.accept",
        "source.connect",
        "key.create",
        "key.revoke",
        "feature.delete",
    ]
    assert tenant.bad_rows() == []


def test_keys_of_things_are_taken_once(tenant: Tenant) -> None:
    catalog = tenant.parts.catalog
    tenant.feature()
    for again in (
        lambda: catalog.make_project("acme", "", "", ADA),
        lambda: catalog.make_environment("acme", "production", "", ADA, protected=True),
        lambda: catalog.make_feature("acme", "claims", T1, ADA),
        lambda: tenant.parts.sources.connect("acme", "outcomes", "outcomes", {}, ADA),
    ):
        with pytest.raises(Conflict) as taken:
            again()
        assert taken.value.code == "key_taken"
    tenant.parts.catalog.make_project("other", "", "", ADA)
    catalog.make_feature("other", "claims", T1, ADA)


def test_the_key_of_a_deleted_feature_never_comes_back(tenant: Tenant) -> None:
    tenant.feature()
    tenant.parts.catalog.delete_feature("acme", "claims", "pruned", ADA)
    with pytest.raises(Conflict, match="was deleted on 2026-11-20") as retired:
        tenant.feature()
    assert retired.value.code == "key_retired"


def test_a_feature_that_users_have_cannot_be_deleted(tenant: Tenant) -> None:
    tenant.beta()
    tenant.trigger()
    delete = lambda: tenant.parts.catalog.delete_feature("acme", "claims", "no", ADA)  # noqa: E731
    with pytest.raises(Conflict, match="users still have claims in production"):
        delete()
    tenant.sql("UPDATE rollouts SET mode = 'garbage'")
    with pytest.raises(Conflict, match="users still have claims"):
        delete()
    tenant.sql("UPDATE rollouts SET mode = 'live'")
    tenant.move("stop")
    before = revision(tenant)
    delete()
    assert revision(tenant) == before + 1
    assert tenant.ask_sql("SELECT count(*) FROM triggers") == [(0,)]
    with pytest.raises(NotFound):
        tenant.rollout()


def test_a_new_description_is_a_new_revision_everywhere(tenant: Tenant) -> None:
    tenant.parts.catalog.make_environment("acme", "staging", "", ADA, protected=False)
    tenant.feature()
    before = revision(tenant), revision(tenant, "staging")
    changed = tenant.parts.catalog.change_feature("acme", "claims", {"fallback": "faq"}, ADA, 1)
    assert (changed.fallback, changed.version) == ("faq", 2)
    assert (revision(tenant), revision(tenant, "staging")) == (before[0] + 1, before[1] + 1)
    change = tenant.changes()[-1]
    assert (change.before, change.after) == ({"fallback": "search"}, {"fallback": "faq"})
    with pytest.raises(VersionConflict, match="at version 2 now"):
        tenant.parts.catalog.change_feature("acme", "claims", {"fallback": "x"}, ADA, 1)


def test_the_same_bundle_is_the_same_release_and_recorded_once(tenant: Tenant) -> None:
    tenant.feature()
    bundle = {"model": {"id": "one"}, "prompt": {"ref": "a"}}
    first, is_new = tenant.parts.catalog.make_release("acme", "claims", bundle, "first", ADA)
    changes = len(tenant.changes())
    turned = dict(reversed(bundle.items()))
    again, is_new_again = tenant.parts.catalog.make_release("acme", "claims", turned, "again", ADA)
    assert (is_new, is_new_again) == (True, False)
    assert again == first
    assert len(tenant.changes()) == changes
    other, _ = tenant.parts.catalog.make_release("acme", "claims", bundle | {"x": 1}, "", ADA)
    assert (first.number, other.number) == (1, 2)


def test_evidence_answers_a_known_requirement_with_what_it_needs(tenant: Tenant) -> None:
    tenant.feature()
    with pytest.raises(InvalidInput, match="is not a requirement"):
        tenant.prove("horoscope")
    with pytest.raises(InvalidInput, match="is shown for a release"):
        tenant.prove("evaluation-report")
    with pytest.raises(NotFound, match="no release"):
        tenant.prove("evaluation-report", "r-000000000000")
    tenant.prove("evaluation-report", tenant.release())


def test_a_source_is_checked_before_it_is_connected(tenant: Tenant) -> None:
    connect = tenant.parts.sources.connect
    for kind, settings, named in (
        ("graphite", {}, "kind"),
        ("outcomes", {"url": "x"}, "settings.url"),
        ("prometheus", {"url": "http://169.254.169.254/"}, "settings.url"),
    ):
        with pytest.raises(InvalidInput) as bad:
            connect("acme", "metrics", kind, settings, ADA)
        assert [problem.field for problem in bad.value.problems] == [named]
    assert tenant.ask_sql("SELECT key FROM sources ORDER BY key") == [("outcomes",), ("records",)]


def test_the_text_of_a_key_opens_until_it_is_revoked_and_is_kept_nowhere(tenant: Tenant) -> None:
    key, text = tenant.parts.catalog.make_key("acme", KeyKind.SERVER, "product", "production", ADA)
    with tenant.parts.database.read() as tx:
        found = find_key(tx, text, SECRET)
    assert found is not None
    assert (found.id, found.environment_id, found.project_id) == (key.id, 1, 1)
    secret = text.rsplit("_", 1)[1]
    for table in ("api_keys", "changes", "outbox"):
        assert secret not in str(tenant.ask_sql(f"SELECT * FROM {table}"))
    tenant.parts.catalog.revoke_key("acme", key.id, ADA)
    with tenant.parts.database.read() as tx:
        assert find_key(tx, text, SECRET) is None


def test_nothing_of_a_project_is_found_through_another(tenant: Tenant) -> None:
    catalog = tenant.parts.catalog
    catalog.make_project("other", "", "", ADA)
    tenant.feature()
    release = tenant.release()
    key, _ = catalog.make_key("acme", KeyKind.SERVER, "product", "production", ADA)
    for foreign in (
        lambda: catalog.change_feature("other", "claims", {}, ADA, None),
        lambda: catalog.delete_feature("other", "claims", "", ADA),
        lambda: catalog.make_release("other", "claims", {}, "", ADA),
        lambda: catalog.judge_release("other", "claims", release, Goodness.BAD, "", ADA),
        lambda: catalog.revoke_key("other", key.id, ADA),
        lambda: catalog.make_key("other", KeyKind.SERVER, "x", "production", ADA),
    ):
        with pytest.raises(NotFound):
            foreign()


def test_a_source_at_a_private_address_is_connected_where_the_operator_allows_it(tenant: Tenant) -> None:
    connect = tenant.parts.sources.connect
    connect("acme", "here", "prometheus", {"url": "http://127.0.0.1:9090"}, ADA)
    with pytest.raises(InvalidInput, match="HEADGATE_OUTBOUND_PRIVATE"):
        connect("acme", "inside", "prometheus", {"url": "http://10.0.0.5:9090"}, ADA)


def test_a_deleted_feature_is_revived_as_it_was_by_who_knows_its_tier(tenant: Tenant) -> None:
    tenant.feature("claims", "T2")
    catalog = tenant.parts.catalog
    with pytest.raises(Conflict) as alive:
        catalog.revive_feature("acme", "claims", Tier.T2, "x", ADA)
    assert alive.value.code == "not_deleted"
    catalog.delete_feature("acme", "claims", "nobody used it", ADA)
    with pytest.raises(Conflict, match=r"was deleted on 2026-11-20 by user:ada \(nobody used it\)"):
        tenant.feature("claims")
    catalog.make_environment("acme", "staging", "", ADA, protected=False)
    with pytest.raises(InvalidInput) as refused:
        catalog.revive_feature("acme", "claims", Tier.T1, "again", ADA)
    assert [problem.field for problem in refused.value.problems] == ["risk_tier"]
    feature = catalog.revive_feature("acme", "claims", Tier.T2, "it is needed again", ADA)
    assert (feature.key, feature.risk_tier, feature.version) == ("claims", "T2", 2)
    for environment in ("production", "staging"):
        with tenant.parts.database.read() as tx:
            rollout = locate(tx, Where("acme", environment, "claims")).rollout
        assert rollout.stage is Stage.READINESS
    assert tenant.changes()[-1].name == "feature.revive"
    with pytest.raises(NotFound):
        catalog.revive_feature("acme", "nobody", Tier.T1, "x", ADA)
    assert tenant.bad_rows() == []
