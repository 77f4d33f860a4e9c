"""A rollout as flagd flag definitions: data that every OpenFeature language can evaluate.

Each rollout becomes two flags: ``<feature>`` with the whole answer as an object, and ``<feature>.enabled``, true only
when an answer may be shown to the user without a person looking at it first.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from stages import EXPOSED, WHOLE, Autonomy, Mode, Rollout

SCHEMA = "https://flagd.dev/schema/v0/flags.json"

JSON = dict[str, Any]
Bundle = Callable[[str], Mapping[str, Any]]
"""Looks up the bundle of a release by its id."""


def flags_of(
    rollout: Rollout,
    bundle: Bundle,
    *,
    fallback: str,
    when_lost: str,
    on_switch: str = "move",
    client_visible: bool = False,
) -> dict[str, JSON]:
    """The two flags of a rollout, by their keys. ``client_visible``: whether client keys may ask about them.

    Raises:
        KeyError: A release it serves is not there.
        ValueError: A share is not one.
    """
    for name, share in (("share", rollout.exposure.share), ("candidate_share", rollout.candidate_share)):
        if type(share) is not int or not 0 <= share <= WHOLE:
            raise ValueError(f"{name} {share!r} is not between 0 and {WHOLE}")
    metadata: JSON = {
        "stage": rollout.stage.value,
        "mode": rollout.mode.value,
        "rollout_version": rollout.version,
        "when_lost": when_lost,
        "on_switch": on_switch,
    }
    if client_visible:
        metadata["client_visible"] = True
    return {
        rollout.feature: _object_flag(rollout, bundle, fallback) | {"metadata": metadata},
        f"{rollout.feature}.enabled": _boolean_flag(rollout) | {"metadata": metadata},
    }


def off_flags(feature: str, why: str) -> dict[str, JSON]:
    """What is served in place of a rollout that cannot be read: nobody has the feature, and the metadata says why."""
    off = _value(Mode.OFF, "unreadable", Autonomy.DRAFT, None, {}, "")
    metadata = {"mode": Mode.OFF.value, "when_lost": "off", "broken": why}
    return {
        feature: _flag({"off": off}, "off", None) | {"metadata": metadata},
        f"{feature}.enabled": _flag({"on": True, "off": False}, "off", None) | {"metadata": metadata},
    }


def document(
    project: str, environment: str, revision: int, valid_for_s: int, flags: Mapping[str, JSON]
) -> JSON:
    """All flags of an environment as one flag document. ``valid_for_s``: how long a client may trust it unheard."""
    metadata = {
        "project": project,
        "environment": environment,
        "revision": revision,
        "valid_for_s": valid_for_s,
    }
    return {"$schema": SCHEMA, "metadata": metadata, "flags": dict(flags)}


def _object_flag(rollout: Rollout, bundle: Bundle, fallback: str) -> JSON:
    variants = {"off": _value(Mode.OFF, rollout.stage.value, Autonomy.DRAFT, None, {}, fallback)}
    if not _serves(rollout):
        return _flag(variants, "off", None)
    for variant, release in (("stable", rollout.stable), ("candidate", rollout.candidate)):
        if release:
            variants[variant] = _release_value(rollout, release, bundle(release), fallback)
    return _flag(variants, "off", {"if": [_is_in(rollout), _which_release(rollout), "off"]})


def _boolean_flag(rollout: Rollout) -> JSON:
    variants = {"on": True, "off": False}
    if not _serves(rollout) or rollout.mode is not Mode.LIVE:
        return _flag(variants, "off", None)
    return _flag(variants, "off", {"if": [_is_in(rollout), "on", "off"]})


def _serves(rollout: Rollout) -> bool:
    return rollout.stage in EXPOSED and rollout.mode is not Mode.OFF and rollout.stable is not None


def _flag(variants: Mapping[str, Any], default: str, targeting: Any) -> JSON:
    flag = {"state": "ENABLED", "variants": dict(variants), "defaultVariant": default}
    return flag if targeting is None else flag | {"targeting": targeting}


def _release_value(rollout: Rollout, release: str, bundle: Mapping[str, Any], fallback: str) -> JSON:
    review = {
        "required": rollout.mode is Mode.REVIEW,
        "sample_rate": rollout.review.sample / WHOLE,
        "below_confidence": rollout.review.below_confidence,
        "reviewers": list(rollout.review.reviewers),
    }
    served = {"id": release, **{name: part for name, part in bundle.items() if name not in ("id", "limits")}}
    value = _value(rollout.mode, rollout.stage.value, rollout.exposure.autonomy, served, review, fallback)
    return value | {"limits": bundle.get("limits", {})}


def _value(
    mode: Mode, stage: str, autonomy: Autonomy, release: JSON | None, review: Mapping[str, Any], fallback: str
) -> JSON:
    nobody: JSON = {"required": False, "sample_rate": 0.0, "below_confidence": None, "reviewers": []}
    return {
        "mode": mode.value,
        "stage": stage,
        "autonomy": autonomy.value,
        "release": release,
        "review": nobody | dict(review),
        "fallback": fallback,
        "limits": {},
    }


def _is_in(rollout: Rollout) -> Any:
    """The rule that decides whether somebody has the feature."""
    exposure = rollout.exposure
    rules: list[Any] = []
    if exposure.cohorts:
        # `merge` makes a list of whatever the caller sent, so that no cohort is found inside another one's name.
        rules.append(
            {"or": [{"in": [cohort, {"merge": [{"var": "cohorts"}]}]} for cohort in sorted(exposure.cohorts)]}
        )
    if exposure.tasks:
        rules.append({"in": [{"var": "task"}, sorted(exposure.tasks)]})
    if exposure.languages:
        rules.append(_speaks(sorted(exposure.languages)))
    if exposure.share < WHOLE:
        rules.append(_bucketed(f"{rollout.feature}:exposure:", exposure.share, True, False))  # noqa: FBT003
    return {"and": rules} if rules else True


def _speaks(tags: list[str]) -> Any:
    """The rule that somebody's language is one of these, or goes on from one: de-CH is de."""
    language = {"var": "language"}
    goes_on = [{"starts_with": [language, f"{tag}-"]} for tag in tags]
    return {"or": [{"in": [language, tags]}, *goes_on]}


def _which_release(rollout: Rollout) -> Any:
    """The rule that decides between the stable and the candidate release; each candidate draws its users anew."""
    if rollout.candidate is None:
        return "stable"
    salt = f"{rollout.feature}:candidate:{rollout.candidate}:"
    return _bucketed(salt, rollout.candidate_share, "candidate", "stable")


def _bucketed(salt: str, share: int, inside: Any, outside: Any) -> Any:
    """``inside`` for ``share`` basis points of users, always the same ones; who has no key is outside.

    The inside comes first, so a growing share only ever adds users.
    """
    key = {"var": "targetingKey"}
    draw = {"fractional": [{"cat": [salt, key]}, [inside, share], [outside, WHOLE - share]]}
    return {"if": [{"!!": [key]}, draw, outside]}
