"""The pre-ship review for people who sign in: the page that auditors get, and the records it rests on."""

from __future__ import annotations

from flask import Response, jsonify

from controller.api.auth import services
from controller.api.evidence_schemas import EvidenceSchema
from controller.api.feature_schemas import ReleaseSchema
from controller.api.readiness import PreShipReviewSchema, review_page, review_view
from controller.api.views import release_view
from controller.console.blueprint import blueprint
from controller.console.feature import FEATURE, head
from controller.console.frame import page
from controller.console.live import live
from controller.rollouts import Where
from controller.store.database import Transaction
from controller.store.evidence import get_evidence
from controller.store.features import get_feature
from controller.store.projects import get_project
from controller.store.releases import get_release


@blueprint.get(f"{FEATURE}/pre-ship-review")
def show_review(project: str, environment: str, feature: str) -> Response:
    """The eight questions before the feature ships."""
    where = Where(project, environment, feature)
    return review_page(services().readiness.review(where), where)


@blueprint.get(f"{FEATURE}/pre-ship-review.json")
def download_review(project: str, environment: str, feature: str) -> Response:
    """The same as JSON."""
    review = services().readiness.review(Where(project, environment, feature))
    return jsonify(PreShipReviewSchema().dump(review_view(review)))


@blueprint.get(f"{FEATURE}/evidence/<int:id>")
def show_evidence(project: str, environment: str, feature: str, id: int) -> str:
    """One piece of evidence: what it says, of which release, and what was read from its report."""
    with services().database.read() as tx:
        about = head(tx, Where(project, environment, feature))
        found = get_evidence(tx, about.feature.id, id)
        need = services().cases.requirements_of(tx, about.feature.project_id).get(found.requirement)
        title = need.title if need else found.requirement
        return page(
            "evidence.html", about.frame, live(tx, about.stored.id), about=about, item=found, title=title
        )


@blueprint.get(f"{FEATURE}/evidence/<int:id>.json")
def download_evidence(project: str, environment: str, feature: str, id: int) -> Response:  # noqa: ARG001 - of the address
    """The same as JSON."""
    with services().database.read() as tx:
        found = get_evidence(tx, _feature_id(tx, project, feature), id)
    return jsonify(EvidenceSchema().dump(found))


@blueprint.get(f"{FEATURE}/releases/<release>")
def show_release(project: str, environment: str, feature: str, release: str) -> Response:  # noqa: ARG001 - the same
    """The release that a review names."""
    with services().database.read() as tx:
        found = get_release(tx, _feature_id(tx, project, feature), release)
    return jsonify(ReleaseSchema().dump(release_view(found)))


def _feature_id(tx: Transaction, project: str, feature: str) -> int:
    return get_feature(tx, get_project(tx, project).id, feature).id
