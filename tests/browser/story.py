"""A story to look at: four features of an insurer, told through the use cases at the times it happened."""

from __future__ import annotations

import uuid
from datetime import UTC, datetime, timedelta
from pathlib import Path

from app import services_of
from controller.actors import Actor
from controller.evidence import ReportUpload
from controller.passwords import hash_password
from controller.permissions import Role
from controller.plain_flags import Place
from controller.rollouts import Order, Where
from controller.services import Services
from controller.settings import Settings
from controller.store.keys import KeyKind
from controller.store.migrate import migrate
from controller.store.outcomes import add_outcomes
from controller.store.projects import get_environment, get_project
from controller.store.users import add_user
from controller.trigger_definitions import Definition
from stages import Mode, Request, Stage
from tests.applications import give_back, take
from tests.report_samples import sample
from triggers import Action, Arming, Rung

ADA, BEN, CHIARA = (Actor(f"user:{name}@acme.example") for name in ("ada", "ben", "chiara"))
PROJECT, PRODUCTION, STAGING = "acme", "production", "staging"
EMAIL, PASSWORD = "ada@acme.example", "a sluice, a gate, a river"
SECRET = "x" * 40
PLANS = Path(__file__).with_name("plans.yaml")


class Clock:
    """A clock that is set by hand."""

    def __init__(self, now: datetime) -> None:
        self.now = now

    def __call__(self) -> datetime:
        return self.now

    def pass_(self, **span: float) -> None:
        """Let time pass."""
        self.now += timedelta(**span)


class Installation:
    """An installation with a clock of its own."""

    def __init__(self, database: Path, now: datetime | None = None, **settings: str) -> None:
        self.clock = Clock(now or datetime(2026, 3, 2, 9, 0, tzinfo=UTC))
        settings = {"plans": str(PLANS)} | settings
        made = Settings(database_url=f"sqlite:///{database}", secret_key=SECRET, **settings)  # type: ignore[arg-type]
        self.app = take(made, self.clock)
        self.parts: Services = services_of(self.app)
        if not database.exists():
            migrate(self.parts.database)

    def close(self) -> None:
        """Give the database back."""
        give_back(self.app)

    def user(self, email: str = EMAIL, password: str = PASSWORD, *, must_change: bool = False) -> None:
        """Let somebody sign in."""
        with self.parts.database.write() as tx:
            add_user(tx, email, hash_password(password), self.clock(), must_change=must_change, is_admin=True)

    def project(self, key: str = PROJECT, name: str = "Acme Insurance") -> None:
        """A project with two environments."""
        catalog = self.parts.catalog
        catalog.make_project(key, name, "", ADA)
        catalog.make_environment(key, STAGING, "Staging", ADA, protected=False)
        catalog.make_environment(key, PRODUCTION, "Production", ADA, protected=True)

    def feature(self, key: str, name: str, owner: str, tier: str, **rest: str) -> None:
        """A feature at the beginning of its way."""
        described = {"name": name, "owner": owner, "risk_tier": tier, "when_lost": "review", **rest}
        self.parts.catalog.make_feature(PROJECT, key, described, ADA)

    def release(self, feature: str, prompt: str, model: str = "m-2026-01-01") -> str:
        """A sealed release."""
        bundle = {"prompt": {"ref": prompt}, "model": {"provider": "acme", "id": model, "params": {}}}
        release, _ = self.parts.catalog.make_release(PROJECT, feature, bundle, "", ADA)
        return release.public_id

    def move(
        self, feature: str, reason: str, by: Actor = ADA, where: str = PRODUCTION, **asked: object
    ) -> None:
        """A move, made by a person."""
        order = Order(request=Request(**asked), actor=by, reason=reason)  # type: ignore[arg-type]
        self.parts.rollouts.move(Where(PROJECT, where, feature), order)

    def prove(self, feature: str, release: str) -> None:
        """Everything that any stage asks for."""
        for need in self.parts.plans.requirements.values():
            answer = {
                "requirement": need.key,
                "release": release if need.per_release else None,
                "sha256": "0" * 64,
            }
            self.parts.evidence.accept(PROJECT, feature, answer, BEN)

    def promote(
        self, feature: str, to: Stage, reason: str, approver: Actor = BEN, share: int | None = None
    ) -> None:
        """A promotion, asked for and approved."""
        where = Where(PROJECT, PRODUCTION, feature)
        exposure = None if share is None else {"share": share}
        standing = self.parts.promotions.ask(where, to, exposure, CHIARA, reason)
        if standing.refusals:
            self.parts.promotions.approve(where, standing.promotion.id, approver)

    def trigger(
        self,
        feature: str,
        key: str,
        measure: str,
        limit: float,
        arming: Arming = Arming.ACT,
        ladder: tuple[Rung, ...] = (Rung(Action.REVIEW),),
        where: str = PRODUCTION,
        **rest: object,
    ) -> None:
        """A trigger on the outcomes that product code reports."""
        query = {"measure": measure} | ({"limit": "8000"} if measure == "slow" else {})
        definition = Definition(
            key=key,
            source="outcomes",
            query=query,
            method="threshold",
            params={"limit": limit, "min_samples": 50},
            rest={"window_s": 7200, "interval_s": 60, "arming": arming, "ladder": ladder} | rest,
        )
        self.parts.trigger_edits.add(Where(PROJECT, where, feature), definition, ADA)

    def outcomes(self, feature: str, count: int, unsupported: int = 0, **told: object) -> None:
        """Answers of the last moments, some of them unsupported."""
        rows = [
            {
                "public_id": uuid.uuid4().hex,
                "feature": feature,
                "at": self.clock(),
                "mode": "live",
                "grounded": number >= unsupported,
                "sensitive_data": False,
                "latency_ms": 900,
                "release": None,
                **told,
            }
            for number in range(count)
        ]
        with self.parts.database.write() as tx:
            environment = get_environment(tx, get_project(tx, PROJECT).id, PRODUCTION)
            add_outcomes(tx, environment.id, rows, self.clock())

    def receipt(self, instance: str, revision: int) -> None:
        """What an instance of the product runs, as it reports it."""
        with self.parts.database.read() as tx:
            environment = get_environment(tx, get_project(tx, PROJECT).id, PRODUCTION)
        receipt = {
            "instance": instance,
            "sdk": "headgate-python/0.1.0",
            "app": "claims-desk",
            "app_version": "4.2.0",
        }
        receipt |= {
            "revision": revision,
            "etag": f"{revision}-x",
            "applied_at": self.clock(),
            "evaluations": {},
        }
        self.parts.receipts.take(environment.id, receipt)
        self.parts.receipts.flush()

    def revision(self) -> int:
        """The revision of the flags in production."""
        with self.parts.database.read() as tx:
            return get_environment(tx, get_project(tx, PROJECT).id, PRODUCTION).revision

    def tick(self) -> None:
        """Evaluate what is due."""
        self.parts.ticks.tick()
        assert self.parts.ticks.join(20)


def tell(stage: Installation, now: datetime) -> None:
    """The story up to now: one feature under way in each stage, one sent to review by its trigger, one given up."""
    clock = stage.clock
    clock.now = now - timedelta(days=41)
    stage.project()
    _describe(stage)
    _connect(stage)
    first = {key: stage.release(key, f"prompts/{key}@1") for key in _WATCHED}
    report = ReportUpload(
        requirement="evaluation-report",
        release=first["claims-assistant"],
        data=sample("deepeval/test_run_20261121_154829.json").data,
    )
    stage.parts.evidence.read_in(PROJECT, "claims-assistant", report, BEN)
    for key, release in first.items():
        stage.move(key, "first release that passed the golden set", move="introduce", release=release)
        stage.prove(key, release)
    stage.move(
        "mail-summaries", "first draft", move="introduce", release=stage.release("mail-summaries", "v1")
    )
    for key in _WATCHED:
        _watch(stage, key)
    _report(stage)
    clock.pass_(minutes=1)
    stage.tick()
    for key in _WATCHED:
        stage.promote(key, Stage.BETA, "evidence complete; beta with staff")
    stage.move("policy-chat", "answers cost more than the calls they save", by=CHIARA, move="stop")
    clock.now = now - timedelta(days=22)
    _report(stage)
    stage.tick()
    for key in ("claims-assistant", "claims-search"):
        stage.promote(key, Stage.PILOT, "beta went well: 3% of answers corrected", share=2500)
    clock.now = now - timedelta(days=9)
    _report(stage)
    stage.tick()
    stage.promote(
        "claims-search", Stage.SCALED, "pilot reached its target of 40% fewer searches", share=10_000
    )
    _revert(stage, now)
    clock.now = now - timedelta(minutes=305)
    better = stage.release("claims-assistant", "prompts/claims-assistant@2")
    stage.prove("claims-assistant", better)
    stage.move(
        "claims-assistant", "shorter answers, new citations", move="introduce", release=better, share=1000
    )
    clock.now = now - timedelta(minutes=302)
    stage.move("letter-drafts", "waiting for the works council", by=BEN, move="hold")
    _last_hours(stage, now)
    clock.now = now - timedelta(minutes=14)
    _report(stage)
    stage.tick()
    clock.now = now - timedelta(minutes=4)
    stage.outcomes("claims-assistant", 96, unsupported=31)
    clock.pass_(seconds=30)
    stage.tick()
    clock.now = now - timedelta(seconds=2)
    stage.tick()


def _last_hours(stage: Installation, now: datetime) -> None:
    """Answers come in all the time, and are looked at."""
    for minutes in range(300, 19, -10):
        stage.clock.now = now - timedelta(minutes=minutes)
        for number, key in enumerate(_WATCHED):
            stage.outcomes(key, 40, unsupported=1 if (minutes // 10 + number) % 3 else 2)
        stage.clock.pass_(seconds=30)
        stage.tick()


def _revert(stage: Installation, now: datetime) -> None:
    """Five days ago a release of the search went wrong; its trigger took it back."""
    clock, key = stage.clock, "claims-search"
    clock.now = now - timedelta(days=5)
    worse = stage.release(key, f"prompts/{key}@2")
    stage.prove(key, worse)
    stage.move(key, "cites the new policies", move="introduce", release=worse, share=2000)
    for minutes in range(0, 26, 2):
        clock.now = now - timedelta(days=5) + timedelta(minutes=minutes + 3)
        stage.outcomes(key, 40, unsupported=1 + minutes)
        clock.pass_(seconds=30)
        stage.tick()
    clock.pass_(hours=3)
    stage.outcomes(key, 240, unsupported=3)
    clock.pass_(seconds=30)
    stage.tick()
    where = Where(PROJECT, PRODUCTION, key)
    stage.parts.trigger_edits.acknowledge(where, "unsupported-answers", ADA, "the release is gone")
    stage.move(key, "the old release is back, 50 answers checked", move="resume", mode=Mode.LIVE)


_WATCHED = ("claims-search", "claims-assistant", "letter-drafts")


def _connect(stage: Installation) -> None:
    """A key of each kind, one of them revoked, and a server with metrics."""
    catalog = stage.parts.catalog
    catalog.make_key(PROJECT, KeyKind.SERVER, "claims-desk", PRODUCTION, ADA)
    catalog.make_key(PROJECT, KeyKind.ADMIN, "release pipeline", None, ADA, roles=[Role.OWNER])
    lost, _ = catalog.make_key(PROJECT, KeyKind.CLIENT, "claims app", STAGING, BEN)
    catalog.revoke_key(PROJECT, lost.id, BEN)
    metrics = {"url": "https://1.1.1.1", "auth": {"scheme": "bearer", "secret": "only for this story"}}
    stage.parts.sources.connect(PROJECT, "metrics", "prometheus", metrics, ADA)
    place, banner = (
        Place(PROJECT, PRODUCTION),
        {"variants": {"on": True, "off": False}, "defaultVariant": "off"},
    )
    rule = {"if": [{"in": [{"var": "country"}, ["ch", "at"]]}, "on", "off"]}
    whole = {"state": "ENABLED", **banner, "targeting": rule, "owner": "web"}
    for key in ("checkout-banner", "old-banner"):
        stage.parts.plain_flags.set(place, key, whole, ADA, "")
    stage.parts.plain_flags.delete(place, "old-banner", ADA, "the campaign is over")


def _describe(stage: Installation) -> None:
    stage.feature("claims-search", "Claims search", "Search team", "T1", fallback="keyword-search")
    stage.feature("claims-assistant", "Claims assistant", "Claims team", "T2", fallback="classic-search")
    stage.feature("letter-drafts", "Letter drafts", "Correspondence", "T2")
    stage.feature("mail-summaries", "Mail summaries", "Service desk", "T1")
    stage.feature("policy-chat", "Policy chat", "Sales", "T1")


def _watch(stage: Installation, key: str) -> None:
    ladder = (Rung(Action.REVIEW), Rung(Action.REVERT, 900), Rung(Action.DISABLE, 2700))
    stage.trigger(key, "unsupported-answers", "unsupported", 0.05, ladder=ladder, clear_s=1800)
    stage.trigger(key, "sensitive-data", "sensitive_data", 0.0, ladder=(Rung(Action.DISABLE),))
    if key == "claims-assistant":
        stage.trigger(key, "slow-answers", "slow", 0.1, arming=Arming.SHADOW)


def _report(stage: Installation) -> None:
    for key in _WATCHED:
        stage.outcomes(key, 240, unsupported=4)
