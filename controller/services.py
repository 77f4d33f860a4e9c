"""Everything one process works with, put together once."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import timedelta

from controller.actions import Actions
from controller.asking import Asker
from controller.backtests import Backtests
from controller.blind_alarm import BlindAlarm, Watchdog
from controller.break_glass import END_EVERY_S, BreakGlassDesk
from controller.cases import Cases
from controller.catalog import Catalog
from controller.demo import Demo
from controller.drills import DRILL_EVERY_S, Drills
from controller.egress import PrivateHosts
from controller.evaluations import Evaluations
from controller.evidence import EvidenceDesk
from controller.flags.snapshots import Snapshots
from controller.forecasts import Forecasts
from controller.glances import Glances
from controller.governance import Governance
from controller.guards import Guards
from controller.http import Outbound
from controller.incidents import IncidentDesk
from controller.keys import Keys
from controller.members import Members
from controller.model_calendar import ModelCalendar, asked, chosen, load_calendar
from controller.narrowings import Narrowings
from controller.notice_desk import NoticeDesk
from controller.notices.deliveries import LOOK_EVERY_S as SEND_EVERY_S
from controller.notices.deliveries import Deliveries
from controller.plain_flags import PlainFlags
from controller.plans import Plans, load_plans
from controller.previews import Previews
from controller.promotions import Promotions
from controller.proposals import Proposals
from controller.ramps import EVERY_S as CLIMB_EVERY_S
from controller.ramps import Ramps
from controller.readiness import Readiness
from controller.receipts import FLUSH_EVERY_S, Receipts
from controller.registry_desk import RegistryDesk
from controller.release_approvals import ReleaseApprovals
from controller.restoring import MOVE_EVERY_S, Restoring
from controller.retention import EVERY_S as RETENTION_EVERY_S
from controller.retention import Retention
from controller.rollouts import Clock, Rollouts
from controller.secrets import Secrets
from controller.settings import Settings
from controller.shared_causes import LOOK_EVERY_S as SHARED_EVERY_S
from controller.shared_causes import SharedCauses
from controller.sign_on import SignOn
from controller.source_desk import SourceDesk
from controller.sources.access import Access
from controller.store.database import Database
from controller.tasks import Tasks
from controller.ticks import Chore, Ticks
from controller.trigger_edits import TriggerEdits
from controller.trigger_reviews import TriggerReviews
from controller.vault import Vault
from controller.verifications import VERIFY_EVERY_S, Verifications
from controller.viability import Viability
from controller.viability_checks import LOOK_EVERY_S, ViabilityChecks

_DAY_S = 86_400.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Services:
    """The parts of a process. ``now`` is its clock."""

    settings: Settings
    now: Clock
    database: Database
    plans: Plans
    calendar: ModelCalendar
    cases: Cases
    catalog: Catalog
    evidence: EvidenceDesk
    governance: Governance
    keys: Keys
    sign_on: SignOn
    members: Members
    glances: Glances
    readiness: Readiness
    rollouts: Rollouts
    release_approvals: ReleaseApprovals
    forecasts: Forecasts
    promotions: Promotions
    proposals: Proposals
    ramps: Ramps
    break_glass: BreakGlassDesk
    registries: RegistryDesk
    sources: SourceDesk
    incidents: IncidentDesk
    restoring: Restoring
    verifications: Verifications
    viability: Viability
    viability_checks: ViabilityChecks
    trigger_edits: TriggerEdits
    backtests: Backtests
    previews: Previews
    deliveries: Deliveries
    notices: NoticeDesk
    shared_causes: SharedCauses
    trigger_reviews: TriggerReviews
    narrowings: Narrowings
    tasks: Tasks
    evaluations: Evaluations
    ticks: Ticks
    blind_alarm: BlindAlarm
    watchdog: Watchdog
    plain_flags: PlainFlags
    receipts: Receipts
    drills: Drills
    demo: Demo
    snapshots: Snapshots


def build_services(settings: Settings, now: Clock) -> Services:
    """Put the parts together; nothing runs yet."""
    database = Database(settings.database_url)
    plans = load_plans(settings.plans)
    outbound = Outbound(private=PrivateHosts.parse(settings.outbound_private), now=now)
    vault = Vault(settings.secret_key, settings.former_keys)
    secrets = Secrets(settings.outbound_secrets, vault)
    listings = asked(chosen(settings.model_listings), outbound, secrets)
    calendar = ModelCalendar(load_calendar(settings.model_calendar), listings, now)
    cases = Cases(plans, calendar)
    access = Access(outbound, database, calendar, cases.needs_of, secrets=secrets, now=now)
    rollouts = Rollouts(database, cases, now)
    ramps = Ramps(database, cases, rollouts, now)
    forecasts = Forecasts(cases, now)
    break_glass = BreakGlassDesk(database, cases, rollouts, now)
    deadline_s = settings.read_deadline_s
    registries = RegistryDesk(database, outbound, secrets, now, deadline_s)
    restoring = Restoring(database, registries, now, lease_s=settings.lease_s, deadline_s=deadline_s)
    verifications = Verifications(database, now)
    deliveries = Deliveries(
        database,
        outbound,
        secrets,
        lease_s=settings.lease_s,
        deadline_s=deadline_s,
        now=now,
        console=settings.public_url,
    )
    shared_causes = SharedCauses(database, now)
    viability = Viability(calendar)
    viability_checks = ViabilityChecks(database, viability, registries, now, deadline_s)
    asker = Asker(access, settings.read_deadline_s)
    evaluations = Evaluations(database, Actions(rollouts, Guards(viability), shared_causes, now), asker, now)
    receipts = Receipts(database, now)
    blind_alarm = BlindAlarm(database, now)
    kept = timedelta(days=settings.retention_days)
    retention = Retention(database, now, timedelta(days=settings.quiet_days), kept)
    evidence = EvidenceDesk(database, cases, now)
    drills = Drills(database, cases, evidence, receipts, now)
    catalog = Catalog(database, cases, rollouts, registries, now, settings.secret_key)
    promotions = Promotions(database, cases, rollouts, forecasts, now)
    trigger_edits = TriggerEdits(database, access, now)
    sources = SourceDesk(database, access, vault, now, deadline_s)
    snapshots = Snapshots(database, settings.valid_for_s)
    demo = Demo(database, catalog, rollouts, promotions, trigger_edits, now, (receipts, snapshots))
    ticks = Ticks(
        database,
        evaluations,
        now,
        tick_s=settings.tick_s,
        lease_s=settings.lease_s,
        lane_width=settings.lane_width,
        chores=[
            Chore("retention", RETENTION_EVERY_S, retention.forget_old),
            Chore("models", _DAY_S, calendar.refresh, everywhere=True),
            Chore("break-glass", END_EVERY_S, break_glass.end_overdue),
            Chore("pointer-moves", MOVE_EVERY_S, restoring.run),
            Chore("verifications", VERIFY_EVERY_S, verifications.run),
            Chore("viability", LOOK_EVERY_S, viability_checks.run),
            # Everywhere, because that no worker is left is something to be told too.
            Chore("notices", SEND_EVERY_S, deliveries.run, everywhere=True),
            Chore("shared-incidents", SHARED_EVERY_S, shared_causes.close_those_over),
            Chore("ramps", CLIMB_EVERY_S, ramps.run),
            Chore("receipts", FLUSH_EVERY_S, receipts.flush, everywhere=True),
            Chore("drills", DRILL_EVERY_S, drills.run),
        ],
    )
    return Services(
        settings=settings,
        now=now,
        database=database,
        plans=plans,
        calendar=calendar,
        cases=cases,
        catalog=catalog,
        evidence=evidence,
        governance=Governance(database, plans, now),
        keys=Keys(database, now),
        sign_on=SignOn(settings, database, outbound, now),
        members=Members(database, now),
        glances=Glances(cases),
        readiness=Readiness(database, cases, now),
        rollouts=rollouts,
        release_approvals=ReleaseApprovals(database, cases, now),
        forecasts=forecasts,
        promotions=promotions,
        ramps=ramps,
        break_glass=break_glass,
        registries=registries,
        sources=sources,
        proposals=Proposals(database, sources, catalog, now),
        incidents=IncidentDesk(database, verifications, now),
        restoring=restoring,
        verifications=verifications,
        viability=viability,
        viability_checks=viability_checks,
        deliveries=deliveries,
        notices=NoticeDesk(database, outbound, secrets, vault, deliveries, now),
        shared_causes=shared_causes,
        trigger_reviews=TriggerReviews(database, trigger_edits, now),
        narrowings=Narrowings(database, now),
        tasks=Tasks(database, now),
        trigger_edits=trigger_edits,
        backtests=Backtests(database, access, now),
        previews=Previews(database, access, now, deadline_s),
        evaluations=evaluations,
        ticks=ticks,
        blind_alarm=blind_alarm,
        watchdog=Watchdog(blind_alarm.run),
        plain_flags=PlainFlags(database, now),
        receipts=receipts,
        drills=drills,
        demo=demo,
        snapshots=snapshots,
    )
