"""The use cases that describe things: projects, environments, features, releases, evidence, sources and keys.

Each of them writes its change row in the transaction that makes it true.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping
from datetime import datetime
from typing import Any

from controller.actors import Actor
from controller.cases import Cases
from controller.errors import Conflict, InvalidInput, Problem, VersionConflict
from controller.keys import refuse_past, refuse_wrong_roles
from controller.permissions import Role
from controller.registry_desk import RegistryDesk
from controller.reliance import feature_loosening
from controller.rollouts import Clock, Rollouts
from controller.store.changes import Change, record
from controller.store.database import Database, Transaction
from controller.store.evidence import evidence_of
from controller.store.features import (
    Feature,
    add_feature,
    bury_feature,
    change_feature,
    features_of,
    find_buried,
    get_feature,
    revive_feature,
)
from controller.store.keys import ApiKey, KeyKind, add_key, makers_of, new_secret, revoke_key
from controller.store.projects import (
    Environment,
    Project,
    add_environment,
    add_project,
    environments_of,
    get_environment,
    get_project,
    raise_revision,
)
from controller.store.releases import StoredRelease, add_release, get_release, judge_release
from controller.store.rollouts import add_rollout, rollouts_in
from controller.store.sources import add_source
from controller.store.triggers import drop_triggers_of
from controller.tiers import is_lowered, is_raised, keep_to_raised, refuse_to_lower, where_exposed
from controller.tombstones import refuse_names_of_flags, refuse_retired
from stages import (
    Answer,
    Autonomy,
    Goodness,
    Oversight,
    Requirement,
    Rollout,
    Subject,
    Tier,
    parts,
    refuse_unless_empty,
    seal,
    stand,
)

BUILT_IN_SOURCES = ("outcomes", "records")
"""The kinds of source that every project has from the start, each under its own name."""


class Catalog:
    """Describes what there is. Moving it is the business of `controller.rollouts`."""

    def __init__(
        self,
        database: Database,
        cases: Cases,
        rollouts: Rollouts,
        registries: RegistryDesk,
        now: Clock,
        pepper: str,
    ) -> None:
        self._database = database
        self._cases = cases
        self._rollouts = rollouts
        self._registries = registries
        self._now = now
        self._pepper = pepper

    def make_project(
        self, key: str, name: str, business_unit: str, actor: Actor, *, is_demo: bool = False
    ) -> Project:
        """A new project, with the built-in outcomes as its first metric source.

        ``is_demo`` is written into its record: such a project can be removed.
        """
        with self._database.write() as tx:
            now = self._now()
            project = add_project(tx, key, name or key, business_unit, now)
            for kind in BUILT_IN_SOURCES:
                add_source(tx, project.id, kind, kind, {}, now)
            after = {"key": key, "name": project.name} | ({"demo": True} if is_demo else {})
            self._record(tx, project.id, "project.create", actor, now, after=after)
            return project

    def make_environment(
        self, project_key: str, key: str, name: str, actor: Actor, *, protected: bool
    ) -> Environment:
        """A new environment, with every feature of the project at the beginning of its way."""
        with self._database.write() as tx:
            now, project = self._now(), get_project(tx, project_key)
            environment = add_environment(tx, project, key, name or key, protected=protected, now=now)
            for feature in features_of(tx, project.id):
                _begin(tx, feature, environment, now)
            after = {"key": key, "protected": protected}
            self._record(tx, project.id, "environment.create", actor, now, environment=key, after=after)
            return environment

    def make_feature(self, project_key: str, key: str, described: Mapping[str, Any], actor: Actor) -> Feature:
        """A new feature, at the beginning of its way in every environment of the project."""
        with self._database.write() as tx:
            now, project = self._now(), get_project(tx, project_key)
            _refuse_contradiction(described)
            refuse_retired(tx, project.id, key)
            feature = add_feature(tx, project.id, key, now, **described)
            for environment in environments_of(tx, project.id):
                _begin(tx, feature, environment, now)
            # Now every environment is locked, so that nobody makes a flag of these names meanwhile.
            refuse_names_of_flags(tx, project.id, key)
            self._record(tx, project.id, "feature.create", actor, now, feature=key, after=described)
            return feature

    def change_feature(
        self,
        project_key: str,
        key: str,
        described: Mapping[str, Any],
        actor: Actor,
        expected_version: int | None,
    ) -> Feature:
        """Describe a feature anew.

        Raises:
            Refused: Triggers that act in a protected environment would do less, and nobody else has agreed.
            VersionConflict: The feature is not at the expected version.
        """
        with self._database.write() as tx:
            feature = get_feature(tx, get_project(tx, project_key).id, key)
            if expected_version is not None and expected_version != feature.version:
                raise VersionConflict(f"the feature {key}", feature.version)
            refuse_unless_empty(feature_loosening(tx, feature, described))
            return self.change_feature_in(tx, feature, described, actor)

    def change_feature_in(
        self,
        tx: Transaction,
        feature: Feature,
        described: Mapping[str, Any],
        actor: Actor,
        reason: str = "",
    ) -> Feature:
        """The same within a transaction that is already open, once nobody has to be asked any more."""
        now = self._now()
        _refuse_contradiction({**_described(feature), **described})
        lowered = is_lowered(feature, described)
        if lowered:
            refuse_to_lower(tx, feature, described)
        told = {"tier_lowered_by": actor.name} if lowered else {}
        if described.get("risk_tier") == Tier.T3:
            # Nothing stands above it that it could have been lowered from.
            told = {"tier_lowered_by": ""}
        changed = change_feature(tx, feature, **described, **told)
        if is_raised(feature, described):
            keep_to_raised(tx, self._cases, self._rollouts, feature, actor)
        _redraw(tx, feature.project_id, now)
        before = {name: getattr(feature, name) for name in described}
        change: dict[str, Any] = {
            "feature": feature.key,
            "reason": reason,
            "before": before,
            "after": described,
        }
        self._record(tx, feature.project_id, "feature.change", actor, now, **change)
        return changed

    def delete_feature(self, project_key: str, key: str, reason: str, actor: Actor) -> None:
        """Delete a feature that nobody has any more.

        Raises:
            Conflict: Users still have it somewhere.
        """
        with self._database.write() as tx:
            now, feature = self._now(), get_feature(tx, get_project(tx, project_key).id, key)
            if exposed := where_exposed(tx, feature):
                detail = f"users still have {key} in {', '.join(exposed)}; stop or demote it there first"
                raise Conflict("feature_in_use", detail)
            bury_feature(tx, feature, now)
            drop_triggers_of(tx, feature.id)
            _redraw(tx, feature.project_id, now)
            self._record(tx, feature.project_id, "feature.delete", actor, now, feature=key, reason=reason)

    def revive_feature(self, project_key: str, key: str, tier: Tier, reason: str, actor: Actor) -> Feature:
        """Let a deleted feature be there again as it was, for somebody who knows what it was.

        It is where it was when it was deleted, which nobody had; its triggers are gone.

        Raises:
            InvalidInput: It was of another risk tier.
            Conflict: It was not deleted.
        """
        with self._database.write() as tx:
            now, project = self._now(), get_project(tx, project_key)
            buried = find_buried(tx, project.id, key)
            if buried is None:
                get_feature(tx, project.id, key)
                raise Conflict("not_deleted", f"the feature {key} was not deleted; nothing is to be revived")
            gone, _ = buried
            if tier != gone.risk_tier:
                message = f"the feature {key} was of the tier {gone.risk_tier}"
                raise InvalidInput(Problem("risk_tier", message, f"send {gone.risk_tier}"))
            feature = revive_feature(tx, gone)
            for environment in environments_of(tx, project.id):
                if not rollouts_in(tx, environment.id, feature=key):
                    _begin(tx, feature, environment, now)
            _redraw(tx, project.id, now)
            self._record(tx, project.id, "feature.revive", actor, now, feature=key, reason=reason)
            return feature

    def make_release(
        self, project_key: str, feature_key: str, bundle: Mapping[str, Any], notes: str, actor: Actor
    ) -> tuple[StoredRelease, bool]:
        """Seal a bundle. Sealing the same content again gives the same release, and False.

        Raises:
            InvalidInput: The pointer of a prompt is none that a revert could move.
        """
        with self._database.write() as tx:
            now, feature = self._now(), get_feature(tx, get_project(tx, project_key).id, feature_key)
            self._registries.check_pointers(tx, feature.project_id, bundle)
            release, is_new = add_release(tx, feature.id, seal(bundle), notes, actor.name, now)
            if is_new:
                after = {"release": release.public_id, "digest": release.digest, "notes": notes}
                self._record(
                    tx, feature.project_id, "release.create", actor, now, feature=feature_key, after=after
                )
            return release, is_new

    def judge_release(
        self, project_key: str, feature_key: str, public_id: str, verdict: Goodness, reason: str, actor: Actor
    ) -> StoredRelease:
        """Say what is known of a release, and why.

        Raises:
            Conflict: A revert found it bad, and nothing was shown for it since.
        """
        with self._database.write() as tx:
            now, feature = self._now(), get_feature(tx, get_project(tx, project_key).id, feature_key)
            before = get_release(tx, feature.id, public_id)
            blocked_at = before.blocked_at
            if verdict is not Goodness.BAD:
                needs = self._cases.requirements_of(tx, feature.project_id)
                _refuse_while_blocked(tx, feature, before, needs, now)
                blocked_at = None
            judge_release(tx, feature.id, public_id, verdict.value, reason, blocked_at)
            self._record(
                tx,
                feature.project_id,
                "release.judge",
                actor,
                now,
                feature=feature_key,
                reason=reason,
                before={"release": public_id, "verdict": before.verdict},
                after={"release": public_id, "verdict": verdict.value},
            )
            return get_release(tx, feature.id, public_id)

    def make_key(
        self,
        project_key: str,
        kind: KeyKind,
        name: str,
        environment_key: str | None,
        actor: Actor,
        *,
        roles: Collection[Role] = (),
        may_break_glass: bool = False,
        expires_at: datetime | None = None,
    ) -> tuple[ApiKey, str]:
        """A new API key and its text, which is shown this once and kept nowhere.

        Raises:
            InvalidInput: An admin key without a role, or another one with something that only admin keys have.
        """
        refuse_wrong_roles(kind, roles, may_break_glass=may_break_glass)
        refuse_past(expires_at, self._now())
        with self._database.write() as tx:
            now, project = self._now(), get_project(tx, project_key)
            environment = get_environment(tx, project.id, environment_key) if environment_key else None
            if kind is KeyKind.ADMIN and name in makers_of(tx, project.id):
                # Its name is a key's signature, also after it was revoked.
                detail = f"there is or was an admin key {name!r} already; choose another name"
                raise Conflict("key_taken", detail)
            text = new_secret(kind)
            key = add_key(
                tx,
                text,
                self._pepper,
                name=name,
                by=actor.name,
                now=now,
                project_id=project.id,
                environment_id=environment.id if environment else None,
                roles=roles,
                may_break_glass=may_break_glass,
                expires_at=expires_at,
            )
            after: dict[str, Any] = {"key": key.id, "kind": kind.value, "name": name}
            after |= {"roles": [role.value for role in key.roles], "may_break_glass": may_break_glass}
            after |= {"expires_at": expires_at.isoformat()} if expires_at else {}
            self._record(
                tx, project.id, "key.create", actor, now, environment=environment_key or "", after=after
            )
            return key, text

    def revoke_key(self, project_key: str, id: str, actor: Actor) -> ApiKey:
        """Make a key useless from now on."""
        with self._database.write() as tx:
            now, project = self._now(), get_project(tx, project_key)
            key = revoke_key(tx, project.id, id, now)
            self._record(tx, project.id, "key.revoke", actor, now, after={"key": id, "name": key.name})
            return key

    def _record(
        self, tx: Transaction, project_id: int, name: str, actor: Actor, now: datetime, **told: Any
    ) -> None:
        record(tx, Change(project_id=project_id, name=name, actor=actor, at=now, **told))


def _begin(tx: Transaction, feature: Feature, environment: Environment, now: datetime) -> None:
    rollout = Rollout(feature=feature.key, environment=environment.key, stage_since=now)
    add_rollout(tx, feature.id, environment.id, rollout)


def _described(feature: Feature) -> dict[str, str | None]:
    return {"oversight": feature.oversight, "autonomy_cap": feature.autonomy_cap}


def _refuse_contradiction(described: Mapping[str, Any]) -> None:
    """Where a person decides, the feature does not execute by itself."""
    if not described.get("oversight"):
        return
    oversight, cap = (
        Oversight(described["oversight"]),
        Autonomy(described.get("autonomy_cap", Autonomy.EXECUTE)),
    )
    if cap.exceeds(oversight.most):
        message = f"{cap} contradicts the oversight {oversight}"
        raise InvalidInput(Problem("autonomy_cap", message, f"choose {oversight.most} or less"))


def _refuse_while_blocked(
    tx: Transaction,
    feature: Feature,
    release: StoredRelease,
    needs: Mapping[str, Requirement],
    now: datetime,
) -> None:
    """A release that was reverted stays bad until somebody evaluated it again, and it stood the evaluation."""
    since = release.blocked_at
    if since is None:
        return
    subject = Subject(release=release.public_id, parts=parts(release.bundle))
    shown = [item.judged for item in evidence_of(tx, feature.id) if item.accepted_at > since]
    standings = [
        stand(need, subject, shown, (), now)
        for need in needs.values()
        if need.per_release and any(item.requirement == need.key for item in shown)
    ]
    if not any(each.holds for each in standings) or any(each.answer is Answer.FAILED for each in standings):
        detail = f"{release.public_id} was reverted at {since:%Y-%m-%d %H:%M} UTC: {release.verdict_reason}"
        raise Conflict("release_blocked", f"{detail}. Hand in new evidence for it that holds first.")


def _redraw(tx: Transaction, project_id: int, now: datetime) -> None:
    """A feature's description stands in the flags of every environment."""
    for environment in environments_of(tx, project_id):
        raise_revision(tx, environment.id, now)
