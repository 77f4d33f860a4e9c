"""The use cases of showing: hand in evidence, let a requirement pass, report the business metric."""

from __future__ import annotations

import hashlib
from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from controller.actors import Actor
from controller.cases import Cases
from controller.errors import InvalidInput, Problem
from controller.importers import read_report
from controller.rollouts import Clock
from controller.store.changes import Change, record
from controller.store.database import Database, Transaction
from controller.store.evidence import (
    StoredEvidence,
    StoredWaiver,
    add_evidence,
    add_waiver,
    end_waiver,
    evidence_of,
    get_waiver,
)
from controller.store.features import Feature, get_feature
from controller.store.measurements import Measurement, add_measurement
from controller.store.projects import get_project
from controller.store.releases import StoredRelease, get_release
from controller.store.reports import report_to_json
from controller.store.triggers import trigger_keys
from stages import Artifact, EvalReport, Missed, Requirement, parts

_RUNS = ("javascript:", "data:", "vbscript:")
LONGEST_WAIVER = timedelta(days=90)


@dataclass(frozen=True, slots=True, kw_only=True)
class ReportUpload:
    """A report file as somebody hands it in. ``tool`` is empty if the file shall say itself what it is."""

    requirement: str
    release: str | None
    data: bytes
    name: str = ""
    tool: str = ""
    expires_at: datetime | None = None


class EvidenceDesk:
    """Takes evidence in; each piece is recorded."""

    def __init__(self, database: Database, cases: Cases, now: Clock) -> None:
        self._database = database
        self._cases = cases
        self._now = now

    def accept(
        self, project_key: str, feature_key: str, answer: Mapping[str, Any], actor: Actor
    ) -> StoredEvidence:
        """Accept an answer to a requirement: a link and the hash of what stands there.

        Raises:
            InvalidInput: There is no such requirement, it needs a release, or the record of the feature answers it.
        """
        with self._database.write() as tx:
            return self.accept_in(tx, project_key, feature_key, dict(answer), None, actor)

    def read_in(
        self, project_key: str, feature_key: str, upload: ReportUpload, actor: Actor
    ) -> StoredEvidence:
        """Read the report file of an evaluation tool, and keep what it says with the hash of the file.

        Raises:
            BadReport: The file cannot be used.
            InvalidInput: As for `accept`.
        """
        report = read_report(upload.data, upload.name, upload.tool)
        answer = {
            "requirement": upload.requirement,
            "release": upload.release,
            "sha256": hashlib.sha256(upload.data).hexdigest(),
            "summary": summary_of(report),
            "uri": "",
            "expires_at": upload.expires_at,
            "made_at": report.finished_at,
        }
        with self._database.write() as tx:
            return self.accept_in(tx, project_key, feature_key, answer, report, actor)

    def waive(
        self, project_key: str, feature_key: str, asked: Mapping[str, Any], actor: Actor
    ) -> StoredWaiver:
        """Let a requirement pass for a while, because a trigger watches in its place.

        Raises:
            InvalidInput: There is no such requirement, it cannot be waived, or the end is out of bounds.
        """
        with self._database.write() as tx:
            now, feature = self._now(), get_feature(tx, get_project(tx, project_key).id, feature_key)
            need = self._need(tx, feature, asked["requirement"])
            missed = self._cases.missed_in(tx, feature, need.key) or {need.missed}
            _refuse_waiver(need, missed, asked, now)
            _refuse_unknown_trigger(asked["trigger"], trigger_keys(tx, feature.id))
            if need.per_release:
                get_release(tx, feature.id, str(asked["release"]))
            waiver = add_waiver(tx, feature_id=feature.id, approver=actor.name, created_at=now, **asked)
            after = {name: getattr(waiver, name) for name in ("requirement", "release", "trigger")}
            after["expires_at"] = waiver.expires_at.isoformat()
            self._record(tx, feature, "evidence.waive", actor, waiver.reason, after)
            return waiver

    def end_waiver(
        self, project_key: str, feature_key: str, id: int, actor: Actor, reason: str
    ) -> StoredWaiver:
        """Let a waiver count no longer."""
        with self._database.write() as tx:
            feature = get_feature(tx, get_project(tx, project_key).id, feature_key)
            waiver = get_waiver(tx, feature.id, id)
            if waiver.revoked_at is None:
                end_waiver(tx, id, self._now())
                self._record(
                    tx, feature, "evidence.unwaive", actor, reason, {"requirement": waiver.requirement}
                )
            return get_waiver(tx, feature.id, id)

    def measure(
        self, project_key: str, feature_key: str, value: float, at: datetime | None, note: str, actor: Actor
    ) -> Measurement:
        """Report a value of the feature's business metric.

        Raises:
            InvalidInput: The feature has no business metric, or the value is from the future.
        """
        with self._database.write() as tx:
            now, feature = self._now(), get_feature(tx, get_project(tx, project_key).id, feature_key)
            if not feature.business_metric:
                problem = Problem("business_metric", "the feature has none", "describe the metric first")
                raise InvalidInput(problem)
            if at and at > now:
                raise InvalidInput(Problem("at", "lies in the future", "give the time it was measured at"))
            measured = add_measurement(
                tx,
                feature_id=feature.id,
                value=value,
                at=at or now,
                note=note,
                reported_by=actor.name,
                reported_at=now,
            )
            after = {"value": value, "at": measured.at.isoformat()}
            self._record(tx, feature, "business_metric.report", actor, note, after)
            return measured

    def accept_in(
        self,
        tx: Transaction,
        project_key: str,
        feature_key: str,
        answer: dict[str, Any],
        report: EvalReport | None,
        actor: Actor,
    ) -> StoredEvidence:
        """Accept an answer, with the report it rests on, within a transaction that is already open."""
        now, feature = self._now(), get_feature(tx, get_project(tx, project_key).id, feature_key)
        need = self._need(tx, feature, answer["requirement"])
        _refuse_answer(need, answer, now)
        release = get_release(tx, feature.id, answer["release"]) if answer.get("release") else None
        if report and release:
            _refuse_anothers_report(need, release, evidence_of(tx, feature.id), answer["sha256"])
        # What was found cannot be younger than its report, whatever clock the tool had.
        made_at = min(answer.pop("made_at", None) or now, now)
        stored = add_evidence(
            tx,
            feature_id=feature.id,
            accepted_by=actor.name,
            accepted_at=now,
            made_at=made_at,
            parts=parts(release.bundle) if release else {},
            report=report_to_json(report) if report else None,
            **answer,
        )
        after = {"requirement": need.key, "release": stored.release, "sha256": stored.sha256}
        self._record(tx, feature, "evidence.accept", actor, stored.summary[:1000], after)
        return stored

    def _need(self, tx: Transaction, feature: Feature, key: str) -> Requirement:
        known = self._cases.requirements_of(tx, feature.project_id)
        if key not in known:
            remedy = f"use one of {', '.join(sorted(known))}"
            raise InvalidInput(Problem("requirement", "is not a requirement", remedy))
        return known[key]

    def _record(
        self,
        tx: Transaction,
        feature: Feature,
        name: str,
        actor: Actor,
        reason: str,
        after: Mapping[str, Any],
    ) -> None:
        change = Change(
            project_id=feature.project_id,
            name=name,
            actor=actor,
            at=self._now(),
            feature=feature.key,
            reason=reason,
            after=after,
        )
        record(tx, change)


def summary_of(report: EvalReport) -> str:
    """A report in one line: its tool, its cases and its metrics."""
    metrics = ", ".join(
        f"{metric.name} {_shown(metric.value)} (n={metric.n})" for metric in report.metrics[:8]
    )
    more = f" and {len(report.metrics) - 8} more" if len(report.metrics) > 8 else ""  # noqa: PLR2004 - as above
    partial = f"; partial: {report.partial}" if report.partial else ""
    return (
        f"{report.tool} {report.tool_version}".strip() + f": {metrics or 'no metrics'}{more}{partial}"[:3900]
    )


def _shown(value: float | None) -> str:
    return "unscored" if value is None else f"{value:.4g}"


def _refuse_answer(need: Requirement, answer: Mapping[str, Any], now: datetime) -> None:
    if need.artifact is Artifact.RECORD:
        remedy = f"fill in {', '.join(need.fields)} of the feature"
        raise InvalidInput(Problem("requirement", f"{need.key} is answered by the feature's record", remedy))
    if need.per_release and not answer.get("release"):
        raise InvalidInput(Problem("release", f"{need.key} is shown for a release", "name the release"))
    expires_at = answer.get("expires_at")
    if expires_at and expires_at <= now:
        raise InvalidInput(Problem("expires_at", "has passed", "give a time to come, or leave it out"))
    if str(answer.get("uri") or "").strip().lower().startswith(_RUNS):
        raise InvalidInput(Problem("uri", "would run in a browser", "give an address where it can be read"))
    made_at = answer.get("made_at")
    if made_at and made_at > now + timedelta(days=1):
        raise InvalidInput(Problem("made_at", "lies in the future", "give the time it was found at"))


def _refuse_unknown_trigger(key: str, known: set[str]) -> None:
    if key not in known:
        remedy = f"use one of {', '.join(sorted(known))}" if known else "add one that watches meanwhile"
        raise InvalidInput(Problem("trigger", f"the feature has no trigger {key!r}", remedy))


def _refuse_anothers_report(
    need: Requirement, release: StoredRelease, known: Iterable[StoredEvidence], sha256: str
) -> None:
    """One run is about one release; its file says nothing of another one that differs in what it proves."""
    mine = parts(release.bundle)
    for item in known:
        differs = any(item.parts.get(part) != mine[part] for part in need.proves)
        if item.sha256 == sha256 and item.release not in (None, release.public_id) and differs:
            message = f"this very file was handed in for {item.release}"
            raise InvalidInput(Problem("body", message, "evaluate this release, and hand in that report"))


def _refuse_waiver(
    need: Requirement, missed: Collection[Missed], asked: Mapping[str, Any], now: datetime
) -> None:
    if missed == {Missed.REMIND}:
        remedy = "go on without, or hand in evidence for it"
        raise InvalidInput(
            Problem("requirement", f"{need.key} only reminds, and keeps nothing from going up", remedy)
        )
    if Missed.WAIVE not in missed:
        raise InvalidInput(Problem("requirement", f"{need.key} cannot be waived", "hand in evidence for it"))
    if need.per_release and not asked.get("release"):
        raise InvalidInput(Problem("release", f"{need.key} is shown for a release", "name the release"))
    if not now < asked["expires_at"] <= now + LONGEST_WAIVER:
        remedy = f"choose an end within {LONGEST_WAIVER.days} days from now"
        raise InvalidInput(Problem("expires_at", "is not in the allowed time", remedy))
