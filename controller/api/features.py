"""Features, their releases and their evidence."""

from __future__ import annotations

from typing import Any

from controller.api import schemas
from controller.api.auth import actor, services
from controller.api.expectations import expected_version, with_version
from controller.api.paging import PageQuery, after, page, page_of
from controller.api.parsing import Blueprint
from controller.api.spec import ETAG
from controller.store.evidence import StoredEvidence, evidence_of
from controller.store.features import Feature, features_of, get_feature
from controller.store.projects import get_project
from controller.store.releases import StoredRelease, get_release, releases_of

blueprint = Blueprint(
    "features",
    __name__,
    url_prefix="/api/v1/projects/<project>/features",
    description="Features, releases, evidence",
)


@blueprint.get("")
@blueprint.arguments(PageQuery, location="query")
@blueprint.response(200, page_of(schemas.FeatureSchema))
def list_features(query: dict[str, Any], project: str) -> dict[str, Any]:
    """The features of a project."""
    with services().database.read() as tx:
        found = features_of(tx, get_project(tx, project).id, after(query) or 0, query["limit"] + 1)
    return page(found, query["limit"], lambda feature: feature.id, _plain)


@blueprint.post("")
@blueprint.arguments(schemas.FeatureSchema)
@blueprint.response(201, schemas.FeatureSchema)
def make_feature(content: dict[str, Any], project: str) -> Feature:
    """Make a feature; it begins its way in every environment."""
    key = content.pop("key")
    return services().catalog.make_feature(project, key, content, actor())


@blueprint.get("/<feature>")
@blueprint.response(200, schemas.FeatureSchema, headers=ETAG)
def show_feature(project: str, feature: str) -> Any:
    """One feature."""
    with services().database.read() as tx:
        found = get_feature(tx, get_project(tx, project).id, feature)
    return with_version(found, found.version)


@blueprint.patch("/<feature>")
@blueprint.arguments(schemas.FeatureChangeSchema)
@blueprint.arguments(schemas.ExpectationSchema, location="headers", unknown="exclude")
@blueprint.response(200, schemas.FeatureSchema, headers=ETAG)
def change_feature(content: dict[str, Any], headers: dict[str, Any], project: str, feature: str) -> Any:
    """Describe a feature anew; what is not sent stays."""
    version = expected_version(headers)
    changed = services().catalog.change_feature(project, feature, content, actor(), version)
    return with_version(changed, changed.version)


@blueprint.delete("/<feature>")
@blueprint.arguments(schemas.ReasonSchema)
@blueprint.response(204)
def delete_feature(content: dict[str, Any], project: str, feature: str) -> None:
    """Delete a feature that nobody has any more. Its key is not given out again."""
    services().catalog.delete_feature(project, feature, content["reason"], actor())


@blueprint.get("/<feature>/releases")
@blueprint.arguments(PageQuery, location="query")
@blueprint.response(200, page_of(schemas.ReleaseSchema))
def list_releases(query: dict[str, Any], project: str, feature: str) -> dict[str, Any]:
    """The releases of a feature, oldest first."""
    with services().database.read() as tx:
        id = get_feature(tx, get_project(tx, project).id, feature).id
        found = releases_of(tx, id, after(query) or 0, query["limit"] + 1)
    return page(found, query["limit"], lambda release: release.id, _plain)


@blueprint.post("/<feature>/releases")
@blueprint.arguments(schemas.ReleaseSchema)
@blueprint.response(201, schemas.ReleaseSchema)
@blueprint.alt_response(200, schema=schemas.ReleaseSchema, description="The same bundle was sealed before")
def make_release(content: dict[str, Any], project: str, feature: str) -> Any:
    """Seal a bundle. The same content is the same release."""
    release, is_new = services().catalog.make_release(
        project, feature, content["bundle"], content["notes"], actor()
    )
    return release, 201 if is_new else 200


@blueprint.get("/<feature>/releases/<release>")
@blueprint.response(200, schemas.ReleaseSchema)
def show_release(project: str, feature: str, release: str) -> StoredRelease:
    """One release."""
    with services().database.read() as tx:
        return get_release(tx, get_feature(tx, get_project(tx, project).id, feature).id, release)


@blueprint.post("/<feature>/releases/<release>/verdict")
@blueprint.arguments(schemas.JudgementSchema)
@blueprint.response(200, schemas.ReleaseSchema)
def judge_release(content: dict[str, Any], project: str, feature: str, release: str) -> StoredRelease:
    """Say what is known of a release; a release that was reverted is bad until somebody says otherwise."""
    verdict, reason = content["verdict"], content["reason"]
    return services().catalog.judge_release(project, feature, release, verdict, reason, actor())


@blueprint.get("/<feature>/evidence")
@blueprint.arguments(PageQuery, location="query")
@blueprint.response(200, page_of(schemas.EvidenceSchema))
def list_evidence(query: dict[str, Any], project: str, feature: str) -> dict[str, Any]:
    """The evidence that was accepted for a feature, oldest first."""
    with services().database.read() as tx:
        id = get_feature(tx, get_project(tx, project).id, feature).id
        found = evidence_of(tx, id, after(query) or 0, query["limit"] + 1)
    return page(found, query["limit"], lambda evidence: evidence.id, _plain)


@blueprint.post("/<feature>/evidence")
@blueprint.arguments(schemas.EvidenceSchema)
@blueprint.response(201, schemas.EvidenceSchema)
def accept_evidence(content: dict[str, Any], project: str, feature: str) -> StoredEvidence:
    """Accept an answer to a requirement."""
    return services().catalog.accept_evidence(project, feature, content, actor())


def _plain(record: Feature | StoredRelease | StoredEvidence) -> dict[str, Any]:
    return {name: getattr(record, name) for name in type(record).__slots__}
