"""Features and their releases."""

from __future__ import annotations

from typing import Any

from controller.api import feature_schemas, schemas
from controller.api.auth import actor, refuse_unless_allowed, services
from controller.api.expectations import expected_version, with_version
from controller.api.paging import PageQuery, after, page, page_of
from controller.api.parsing import Blueprint
from controller.api.spec import ETAG
from controller.api.views import release_view
from controller.permissions import Permission
from controller.store.features import Feature, features_of, get_feature
from controller.store.projects import get_project
from controller.store.releases import get_release, releases_of
from stages import Goodness, differences, parts

blueprint = Blueprint(
    "features",
    __name__,
    url_prefix="/api/v1/projects/<project>/features",
    description="Features and releases",
)


@blueprint.get("")
@blueprint.arguments(PageQuery, location="query")
@blueprint.response(200, page_of(feature_schemas.FeatureSchema))
def list_features(query: dict[str, Any], project: str) -> dict[str, Any]:
    """The features of a project."""
    with services().database.read() as tx:
        found = features_of(tx, get_project(tx, project).id, after(query) or 0, query["limit"] + 1)
    return page(found, query["limit"], lambda feature: feature.id, _plain)


@blueprint.post("")
@blueprint.arguments(feature_schemas.FeatureSchema)
@blueprint.response(201, feature_schemas.FeatureSchema)
def make_feature(content: dict[str, Any], project: str) -> Feature:
    """Make a feature; it begins its way in every environment."""
    key = content.pop("key")
    return services().catalog.make_feature(project, key, content, actor())


@blueprint.get("/<feature>")
@blueprint.response(200, feature_schemas.FeatureSchema, headers=ETAG)
def show_feature(project: str, feature: str) -> Any:
    """One feature."""
    with services().database.read() as tx:
        found = get_feature(tx, get_project(tx, project).id, feature)
    return with_version(found, found.version)


@blueprint.patch("/<feature>")
@blueprint.arguments(feature_schemas.FeatureChangeSchema)
@blueprint.arguments(schemas.ExpectationSchema, location="headers", unknown="exclude")
@blueprint.response(200, feature_schemas.FeatureSchema, headers=ETAG)
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


@blueprint.post("/<feature>/revive")
@blueprint.arguments(feature_schemas.FeatureRevivalSchema)
@blueprint.response(200, feature_schemas.FeatureSchema, headers=ETAG)
def revive_feature(content: dict[str, Any], project: str, feature: str) -> Any:
    """Let a deleted feature be there again as it was."""
    tier, reason = content["risk_tier"], content["reason"]
    revived = services().catalog.revive_feature(project, feature, tier, reason, actor())
    return with_version(revived, revived.version)


@blueprint.get("/<feature>/releases")
@blueprint.arguments(PageQuery, location="query")
@blueprint.response(200, page_of(feature_schemas.ReleaseSchema))
def list_releases(query: dict[str, Any], project: str, feature: str) -> dict[str, Any]:
    """The releases of a feature, oldest first."""
    with services().database.read() as tx:
        id = get_feature(tx, get_project(tx, project).id, feature).id
        found = releases_of(tx, id, after(query) or 0, query["limit"] + 1)
    return page(found, query["limit"], lambda release: release.id, release_view)


@blueprint.post("/<feature>/releases")
@blueprint.arguments(feature_schemas.ReleaseSchema)
@blueprint.response(201, feature_schemas.ReleaseSchema)
@blueprint.alt_response(
    200, schema=feature_schemas.ReleaseSchema, description="The same bundle was sealed before"
)
def make_release(content: dict[str, Any], project: str, feature: str) -> Any:
    """Seal a bundle. The same content is the same release."""
    release, is_new = services().catalog.make_release(
        project, feature, content["bundle"], content["notes"], actor()
    )
    return release_view(release), 201 if is_new else 200


@blueprint.get("/<feature>/releases/<release>")
@blueprint.response(200, feature_schemas.ReleaseSchema)
def show_release(project: str, feature: str, release: str) -> dict[str, Any]:
    """One release."""
    with services().database.read() as tx:
        found = get_release(tx, get_feature(tx, get_project(tx, project).id, feature).id, release)
    return release_view(found)


@blueprint.post("/<feature>/releases/<release>/verdict")
@blueprint.arguments(feature_schemas.JudgementSchema)
@blueprint.response(200, feature_schemas.ReleaseSchema)
def judge_release(content: dict[str, Any], project: str, feature: str, release: str) -> dict[str, Any]:
    """Say what is known of a release; a release that was reverted is bad until somebody says otherwise."""
    verdict, reason = content["verdict"], content["reason"]
    if verdict is not Goodness.BAD:
        refuse_unless_allowed(Permission.EDIT, project)
    judged = services().catalog.judge_release(project, feature, release, verdict, reason, actor())
    return release_view(judged)


@blueprint.get("/<feature>/releases/<before>/compare/<after_>")
@blueprint.response(200, feature_schemas.ComparisonSchema)
def compare_releases(project: str, feature: str, before: str, after_: str) -> dict[str, Any]:
    """How one release differs from another, part by part."""
    with services().database.read() as tx:
        id = get_feature(tx, get_project(tx, project).id, feature).id
        one, other = (get_release(tx, id, release).bundle for release in (before, after_))
    theirs = parts(other)
    changed = [part.value for part, digest in parts(one).items() if theirs[part] != digest]
    return {"before": before, "after": after_, "parts": changed, "differences": differences(one, other)}


def _plain(record: Feature) -> dict[str, Any]:
    return {name: getattr(record, name) for name in type(record).__slots__}
