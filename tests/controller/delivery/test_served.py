"""What is served of an environment: patches lead from one document to the next, and never anywhere else."""

from __future__ import annotations

import hashlib
import json
from typing import Any

from headgate.evaluator import Document
from hypothesis import given, settings
from hypothesis import strategies as st

from controller.delivery.served import Served, patch_between
from controller.flags.snapshots import Snapshot


def snapshot(revision: int, flags: dict[str, Any], **rest: Any) -> Snapshot:
    content = {"$schema": "x", "metadata": {"revision": revision}, "flags": flags, **rest}
    body = json.dumps(content).encode()
    etag = f"{revision}-{hashlib.sha256(body).hexdigest()[:16]}"
    return Snapshot(revision, body, etag, content, Document.parse(content))


def flag(value: Any) -> dict[str, Any]:
    return {"state": "ENABLED", "variants": {"a": value, "b": "x" * 200}, "defaultVariant": "a"}


def event(raw: bytes) -> tuple[str, str, Any]:
    lines = dict(line.split(": ", 1) for line in raw.decode().strip().split("\n"))
    return lines["event"], lines["id"], json.loads(lines["data"])


def applied(content: dict[str, Any], etag: str, events: list[bytes]) -> tuple[dict[str, Any], str]:
    """What a client makes of events."""
    for raw in events:
        name, id, data = event(raw)
        if name == "put":
            content = data
        else:
            assert data["from"] == etag
            flags = {key: value for key, value in content["flags"].items() if key not in data["unset"]}
            content = {**content, "metadata": data["metadata"], "flags": {**flags, **data["set"]}}
            assert content["metadata"]["revision"] == data["revision"]
        etag = id
    return content, etag


DOCUMENTS = st.lists(
    st.dictionaries(st.sampled_from("abcdef"), st.integers(0, 3).map(flag), max_size=6),
    min_size=1,
    max_size=8,
)


@settings(max_examples=60, deadline=None)
@given(documents=DOCUMENTS, place=st.integers(0, 7))
def test_whoever_follows_the_events_ends_with_the_newest_document(
    documents: list[dict[str, Any]], place: int
) -> None:
    snapshots = [snapshot(number + 1, flags) for number, flags in enumerate(documents)]
    served = Served(snapshots[0], 0)
    for newer in snapshots[1:]:
        served = Served(newer, 0, served)
    known = snapshots[min(place, len(snapshots) - 1)]
    content, etag = applied(dict(known.content), known.etag, served.since(known.etag))
    assert (content, etag) == (snapshots[-1].content, snapshots[-1].etag)


def test_whoever_is_up_to_date_is_sent_nothing_and_whoever_is_unknown_everything() -> None:
    served = Served(snapshot(2, {"a": flag(1)}), 0, Served(snapshot(1, {}), 0))
    assert served.since(served.etag) == []
    for unknown in ("", "1-0000", "nonsense"):
        assert [event(raw)[0] for raw in served.since(unknown)] == ["put"]


def test_a_patch_has_the_changed_flags_alone() -> None:
    many = {f"f{number}": flag(number) for number in range(20)}
    before, after = snapshot(1, many), snapshot(2, {**many, "f3": flag(99)})
    [raw] = Served(after, 0, Served(before, 0)).since(before.etag)
    name, id, data = event(raw)
    assert (name, id, data["from"]) == ("patch", after.etag, before.etag)
    assert (set(data["set"]), data["unset"]) == ({"f3"}, [])


def test_patches_that_weigh_more_than_two_documents_are_not_sent() -> None:
    steps = [snapshot(number, {"a": flag(number)}) for number in range(1, 9)]
    served = Served(steps[0], 0)
    for newer in steps[1:]:
        served = Served(newer, 0, served)
    assert [event(raw)[0] for raw in served.since(steps[-2].etag)] == ["patch"]
    assert [event(raw)[0] for raw in served.since(steps[0].etag)] == ["put"]


def test_shared_rules_that_change_are_sent_with_everything() -> None:
    many = {f"f{number}": flag(number) for number in range(20)}
    before, after = snapshot(1, many), snapshot(2, many, **{"$evaluators": {"staff": {"==": [1, 1]}}})
    assert patch_between(before, after) is None
    [raw] = Served(after, 0, Served(before, 0)).since(before.etag)
    assert event(raw)[2]["$evaluators"] == {"staff": {"==": [1, 1]}}


def test_only_so_many_steps_are_remembered() -> None:
    many = {f"f{number}": flag(number) for number in range(50)}
    steps = [snapshot(number, {**many, "f0": flag(number)}) for number in range(1, 80)]
    served = Served(steps[0], 0)
    for newer in steps[1:]:
        served = Served(newer, 0, served)
    assert [event(raw)[0] for raw in served.since(steps[0].etag)] == ["put"]
    assert [event(raw)[0] for raw in served.since(steps[-9].etag)] == ["patch"] * 8


def test_a_notice_tells_an_ofrep_client_to_ask_again() -> None:
    served = Served(snapshot(7, {}), 1_771_622_898)
    assert event(served.notice) == (
        "message",
        served.etag,
        {"type": "refetchEvaluation", "etag": served.etag, "lastModified": 1_771_622_898},
    )
