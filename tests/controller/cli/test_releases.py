from __future__ import annotations

import hashlib
import json
from pathlib import Path

import pytest

from app import services_of
from controller.store.features import get_feature
from controller.store.projects import get_project
from controller.store.releases import add_release
from stages import seal
from tests.controller.cli.conftest import BUNDLE, FEATURE, NOWHERE, Installation
from tests.controller.cli.repository import REST, Repository, new_repository

ANSWER = "prompts/answer.md"


@pytest.fixture
def repository(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Repository:
    repository = new_repository(tmp_path / "product")
    monkeypatch.chdir(repository.folder)
    return repository


@pytest.fixture
def ready(installation: Installation) -> Installation:
    installation.feature()
    return installation


def write(tmp_path: Path, name: str, text: str) -> str:
    (tmp_path / name).write_text(text)
    return str(tmp_path / name)


@pytest.mark.parametrize("name", ["bundle.json", "bundle.yaml"])
def test_a_bundle_in_a_file_is_sealed(ready: Installation, tmp_path: Path, name: str) -> None:
    file = write(tmp_path, name, json.dumps(BUNDLE))
    made = ready.ada.read("release", "create", FEATURE, "--bundle", file, "--notes", "The first")
    assert made["id"] == ready.release()
    assert (made["notes"], made["created_by"]) == ("The first", "key:ada")
    assert ready.ada.ok("release", "create", FEATURE, "--bundle", file).startswith(made["id"])


def test_a_rehearsal_tells_the_very_id_and_sends_nothing(ready: Installation, repository: Repository) -> None:
    asked = ("release", "create", FEATURE, "--from-git", "--prompt", ANSWER)
    rehearsed = ready.ada.read(*asked, "--dry-run")
    assert ready.ada.read("release", "list", FEATURE)["items"] == []
    made = ready.ada.read(*asked)
    assert (rehearsed["id"], rehearsed["digest"]) == (made["id"], made["digest"])
    assert rehearsed["notes"] == made["notes"] == "Answer politely"
    said = ready.ada.ok(*asked, "--dry-run")
    assert said.startswith(f"{made['id']} would be made; nothing was sent\n")
    assert "  model.params.temperature  0.2\n" in said


def test_a_bundle_from_git_names_its_prompts_by_commit_and_hash(
    ready: Installation, repository: Repository
) -> None:
    sha = repository.git("rev-parse", "HEAD")
    asked = ("release", "create", FEATURE, "--from-git", "--prompt", ANSWER)
    made = ready.ada.read(*asked, "--prompt", "router=prompts/router.md", "--prompt", "release.yaml")
    hashed = [
        hashlib.sha256(repository.folder.joinpath(n).read_bytes()).hexdigest()
        for n in (ANSWER, "prompts/router.md")
    ]
    assert made["bundle"]["prompt"] == {"ref": f"git:{ANSWER}@{sha}", "sha256": hashed[0]}
    named = [(each["name"], each["ref"]) for each in made["bundle"]["prompts"]]
    assert named == [("router", f"git:prompts/router.md@{sha}"), ("release", f"git:release.yaml@{sha}")]
    assert made["bundle"]["prompts"][0]["sha256"] == hashed[1]
    assert made["bundle"]["retrieval"] == {"index": "2026-11-01"}


def test_the_rest_may_be_in_a_file_and_the_work_tree_elsewhere(ready: Installation, tmp_path: Path) -> None:
    repository = new_repository(tmp_path / "product")
    (repository.folder / "release.yaml").unlink()
    rest = write(tmp_path, "rest.json", json.dumps({"model": {"provider": "other", "id": "m-2026-01-01"}}))
    asked = ("release", "create", FEATURE, "--from-git", str(repository.folder / "prompts"))
    made = ready.ada.read(*asked, "--bundle", rest, "--prompt", "answer.md")
    assert made["bundle"]["model"]["provider"] == "other"
    assert made["bundle"]["prompt"]["ref"].startswith(f"git:{ANSWER}@")


def test_an_earlier_commit_brings_its_own_rest(ready: Installation, repository: Repository) -> None:
    first = repository.git("rev-parse", "HEAD")
    repository.write("release.yaml", REST.replace("g-7", "g-8"))
    repository.commit("Guard better")
    asked = ("release", "create", FEATURE, "--from-git", "--prompt", ANSWER)
    earlier = ready.ada.read(*asked, "--commit", first[:10])
    assert (earlier["bundle"]["guardrails"], earlier["notes"]) == ("g-7", "Answer politely")
    assert ready.ada.read(*asked)["bundle"]["guardrails"] == "g-8"


def test_a_prompt_may_stand_in_the_bundle_instead(ready: Installation, repository: Repository) -> None:
    repository.write("release.yaml", REST + "prompt: {ref: langfuse:claims-answer@14}\n")
    repository.commit("Take it from the registry")
    made = ready.ada.read("release", "create", FEATURE, "--from-git")
    assert made["bundle"]["prompt"] == {"ref": "langfuse:claims-answer@14"}
    said = ready.ada.refused("release", "create", FEATURE, "--from-git", "--prompt", ANSWER)
    assert "prompt stands in the bundle and is named by --prompt; take one of them" in said


@pytest.mark.parametrize("name", [ANSWER, "release.yaml"])
def test_what_is_not_committed_is_not_released(repository: Repository, name: str) -> None:
    repository.write(name, f"{REST}\n# changed\n")
    said = NOWHERE.refused("release", "create", FEATURE, "--from-git", "--prompt", ANSWER)
    assert f"Error: {name} differs from what is committed; commit first" in said


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        ((), "no prompt is named; name its file with --prompt"),
        (("--prompt", "none.md"), "none.md is not in the commit"),
        (("--prompt", ANSWER, "--prompt", ANSWER, "--prompt", "answer=release.yaml"), "called answer"),
        (("--prompt", ANSWER, "--commit", "nothing"), "there is no commit nothing in"),
    ],
)
def test_what_cannot_be_put_together_is_refused_with_a_remedy(
    repository: Repository, arguments: tuple[str, ...], said: str
) -> None:
    assert said in NOWHERE.refused("release", "create", FEATURE, "--from-git", *arguments)


def test_without_the_rest_nothing_is_released(repository: Repository) -> None:
    repository.git("rm", "release.yaml")
    repository.commit("Lose it")
    said = NOWHERE.refused("release", "create", FEATURE, "--from-git", "--prompt", ANSWER)
    assert "there is no release.yaml in" in said
    repository.write("release.yaml", "model: [")
    repository.commit("Break it")
    said = NOWHERE.refused("release", "create", FEATURE, "--from-git", "--prompt", ANSWER)
    assert "Error: release.yaml: while parsing" in said


def test_a_rehearsal_refuses_what_the_api_would_refuse(ready: Installation, tmp_path: Path) -> None:
    file = write(tmp_path, "bundle.yaml", "prompt: {ref: x}\nmodell: {}\n")
    asked = ("release", "create", FEATURE, "--bundle", file)
    for said in (ready.ada.refused(*asked), ready.ada.refused(*asked, "--dry-run")):
        assert "invalid_field" in said
        assert "Unknown field.; leave it out; known here are" in said


@pytest.mark.parametrize(
    ("name", "text", "said"),
    [
        ("b.json", "{", "expecting property name"),
        ("b.json", '{"a": NaN}', "NaN is not a JSON number"),
        ("b.yaml", "a: 1\na: 2", "the name 'a' stands twice"),
        ("b.yaml", "- a", "it holds no object"),
        ("b.txt", "{}", "ends neither in .json nor in .yaml"),
    ],
)
def test_a_file_that_is_no_bundle_is_a_wrong_call(tmp_path: Path, name: str, text: str, said: str) -> None:
    file = write(tmp_path, name, text)
    assert said in NOWHERE.misused("release", "create", FEATURE, "--bundle", file)


def test_a_bundle_has_to_come_from_somewhere(tmp_path: Path) -> None:
    assert "name a bundle with --bundle" in NOWHERE.misused("release", "create", FEATURE)
    file = write(tmp_path, "b.json", "{}")
    said = NOWHERE.misused("release", "create", FEATURE, "--bundle", file, "--prompt", "x.md")
    assert "--prompt and --commit go with --from-git" in said
    assert "No such file" in NOWHERE.misused("release", "create", FEATURE, "--bundle", "none.json")


def test_releases_are_listed_shown_and_compared(ready: Installation) -> None:
    first, second = ready.release("model-2026-01-01"), ready.release("model-2026-02-01")
    lines = ready.ada.ok("release", "list", FEATURE).splitlines()
    assert [line.split()[:2] for line in lines] == [[first, "unknown"], [second, "unknown"]]
    shown = ready.ada.ok("release", "show", FEATURE, first)
    assert "  model.id        model-2026-01-01\n" in shown
    compared = ready.ada.ok("release", "compare", FEATURE, first, second).splitlines()
    assert compared == [
        f"{first} -> {second}: model",
        "  model.id  model-2026-01-01 -> model-2026-02-01",
    ]
    same = ready.ada.ok("release", "compare", FEATURE, first, first)
    assert same == f"{first} and {first} are the same\n"


def test_all_releases_are_listed_however_many_pages_they_have(ready: Installation) -> None:
    parts = services_of(ready.app)
    sealed = [seal(BUNDLE | {"guardrails": f"g-{number}"}) for number in range(201)]
    with parts.database.write() as tx:
        feature = get_feature(tx, get_project(tx, "acme").id, FEATURE)
        for release in sealed:
            add_release(tx, feature.id, release, "", "tests", parts.now())
    listed = ready.ada.read("release", "list", FEATURE)
    assert [one["id"] for one in listed["items"]] == [release.id for release in sealed]
    assert listed["next_cursor"] is None


def test_a_release_is_judged(ready: Installation) -> None:
    release = ready.release()
    said = ready.ada.ok("release", "judge", FEATURE, release, "bad", "--reason", "it invents sources")
    assert "  verdict  bad it invents sources\n" in said
    assert "not_found" in ready.ada.refused(
        "release", "judge", FEATURE, "r-000000000000", "good", "--reason", "x"
    )


def test_a_model_that_may_change_is_warned_about(ready: Installation) -> None:
    release = ready.release("gpt-4o-latest")
    assert "  warning: the model gpt-4o-latest may change" in ready.ada.ok(
        "release", "show", FEATURE, release
    )


APPROVALS = {"release_approvals": 1}
TIGHTER = {"tiers": {"T1": dict.fromkeys(("beta", "pilot", "scaled"), APPROVALS)}}


@pytest.fixture
def protected(installation: Installation) -> Installation:
    """A feature in beta in production, where one more person has to agree to each new release."""
    installation.feature()
    shell = installation.ada
    shell.ok("introduce", FEATURE, installation.release(), "--reason", "first")
    shell.ok("promote", FEATURE, "--to", "beta", "--reason", "ready")
    installation.api.ok("PUT", "/projects/acme/plans", {"tightening": TIGHTER, "reason": "two of us"})
    return installation


def test_a_release_comes_to_users_after_somebody_else_has_looked_and_agreed(protected: Installation) -> None:
    other = protected.release("model-2026-02-01")
    asked = ("introduce", FEATURE, other, "--share", "5%", "--reason", "better")
    assert "0 of 1 approvals given" in protected.ada.refused(*asked)
    shown = protected.bob.ok("release", "approve", FEATURE, other, "--show")
    assert shown.startswith(f"{FEATURE}: {other} for those who have it in beta\n")
    assert "exposure  10 %, may draft" in shown
    assert "evidence  0 of 0 are met" in shown
    assert "model-2026-02-01" in shown
    declined = protected.bob.run("release", "approve", FEATURE, other, input="n\n")
    assert (declined.exit_code, declined.stdout) == (1, "")
    agreed = protected.bob.read("release", "approve", FEATURE, other, "--yes")
    assert (agreed["needed"], agreed["approved_by"]) == (1, ["key:bob"])
    assert protected.ada.read(*asked)["candidate"] == other


def test_where_nobody_has_the_feature_there_is_nothing_to_agree_to(installation: Installation) -> None:
    installation.feature()
    said = installation.ada.refused("release", "approve", FEATURE, installation.release(), "--yes")
    assert "nobody_exposed  release" in said
