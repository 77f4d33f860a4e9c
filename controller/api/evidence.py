"""Evidence of features: what was handed in, waived and measured."""

from __future__ import annotations

from typing import Any

from flask import request

from controller.api import evidence_schemas, schemas
from controller.api.auth import actor, services
from controller.api.paging import PageQuery, after, page, page_of
from controller.api.parsing import Blueprint, read_file
from controller.api.spec import FILE
from controller.evidence import ReportUpload
from controller.store.evidence import StoredEvidence, StoredWaiver, evidence_of, get_evidence, waivers_of
from controller.store.features import get_feature
from controller.store.measurements import Measurement, measurements_of
from controller.store.projects import get_project

blueprint = Blueprint(
    "evidence",
    __name__,
    url_prefix="/api/v1/projects/<project>/features/<feature>",
    description="Evidence, waivers, measurements of the business metric",
)


@blueprint.get("/evidence")
@blueprint.arguments(PageQuery, location="query")
@blueprint.response(200, page_of(evidence_schemas.EvidenceSchema))
def list_evidence(query: dict[str, Any], project: str, feature: str) -> dict[str, Any]:
    """The evidence that was handed in for a feature, oldest first."""
    with services().database.read() as tx:
        id = get_feature(tx, get_project(tx, project).id, feature).id
        found = evidence_of(tx, id, after(query) or 0, query["limit"] + 1)
    return page(found, query["limit"], lambda evidence: evidence.id, _plain)


@blueprint.post("/evidence")
@blueprint.arguments(evidence_schemas.EvidenceSchema)
@blueprint.response(201, evidence_schemas.EvidenceSchema)
def accept_evidence(content: dict[str, Any], project: str, feature: str) -> StoredEvidence:
    """Hand in something for a requirement: a link, and the hash of what stands there."""
    return services().evidence.accept(project, feature, content, actor())


@blueprint.get("/evidence/<row:id>")
@blueprint.response(200, evidence_schemas.EvidenceSchema)
def show_evidence(project: str, feature: str, id: int) -> StoredEvidence:
    """One piece of evidence."""
    with services().database.read() as tx:
        return get_evidence(tx, get_feature(tx, get_project(tx, project).id, feature).id, id)


@blueprint.post("/evidence/reports")
@blueprint.doc(**FILE)
@blueprint.arguments(evidence_schemas.UploadQuerySchema, location="query")
@blueprint.response(201, evidence_schemas.EvidenceSchema)
def import_report(query: dict[str, Any], project: str, feature: str) -> StoredEvidence:
    """Hand in the report file of an evaluation tool: it is read, and checked whenever its requirement is."""
    upload = ReportUpload(data=read_file(request), **query)
    return services().evidence.read_in(project, feature, upload, actor())


@blueprint.get("/waivers")
@blueprint.arguments(PageQuery, location="query")
@blueprint.response(200, page_of(evidence_schemas.WaiverSchema))
def list_waivers(query: dict[str, Any], project: str, feature: str) -> dict[str, Any]:
    """The requirements that were waived for a feature, oldest first."""
    with services().database.read() as tx:
        id = get_feature(tx, get_project(tx, project).id, feature).id
        found = waivers_of(tx, id, after(query) or 0, query["limit"] + 1)
    return page(found, query["limit"], lambda waiver: waiver.id, _plain)


@blueprint.post("/waivers")
@blueprint.arguments(evidence_schemas.WaiverSchema)
@blueprint.response(201, evidence_schemas.WaiverSchema)
def waive(content: dict[str, Any], project: str, feature: str) -> StoredWaiver:
    """Let a requirement pass for at most 90 days, because a trigger watches in its place."""
    return services().evidence.waive(project, feature, content, actor())


@blueprint.delete("/waivers/<row:id>")
@blueprint.arguments(schemas.ReasonSchema)
@blueprint.response(200, evidence_schemas.WaiverSchema)
def end_waiver(content: dict[str, Any], project: str, feature: str, id: int) -> StoredWaiver:
    """Let a waiver count no longer."""
    return services().evidence.end_waiver(project, feature, id, actor(), content["reason"])


@blueprint.get("/measurements")
@blueprint.arguments(PageQuery, location="query")
@blueprint.response(200, page_of(evidence_schemas.MeasurementSchema))
def list_measurements(query: dict[str, Any], project: str, feature: str) -> dict[str, Any]:
    """The values of the business metric, in the order they were reported."""
    with services().database.read() as tx:
        id = get_feature(tx, get_project(tx, project).id, feature).id
        found = measurements_of(tx, id, after(query) or 0, query["limit"] + 1)
    return page(found, query["limit"], lambda measured: measured.id, _plain)


@blueprint.post("/measurements")
@blueprint.arguments(evidence_schemas.MeasurementSchema)
@blueprint.response(201, evidence_schemas.MeasurementSchema)
def report_measurement(content: dict[str, Any], project: str, feature: str) -> Measurement:
    """Report a value of the business metric, as of now or of an earlier moment."""
    return services().evidence.measure(
        project, feature, content["value"], content["at"], content["note"], actor()
    )


def _plain(record: StoredEvidence | StoredWaiver | Measurement) -> dict[str, Any]:
    return {name: getattr(record, name) for name in type(record).__slots__}
