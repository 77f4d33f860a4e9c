from __future__ import annotations

from typing import Any

import pytest

from controller.errors import Conflict, InvalidInput, NotFound
from controller.registries import Pointer
from controller.registry_desk import RegistryDesk
from tests.contract.registry_servers.server import Moment
from tests.controller.reverting import Reverting
from tests.controller.tenant import ADA
from tests.endpoint import replying


def desk(case: Reverting) -> RegistryDesk:
    return case.tenant.parts.registries


def fields(error: pytest.ExceptionInfo[InvalidInput]) -> list[str]:
    assert all(problem.remedy for problem in error.value.problems)
    return [problem.field for problem in error.value.problems]


def test_connecting_a_registry_is_recorded_and_sends_nothing(case: Reverting) -> None:
    [change] = [change for change in case.tenant.changes() if change.name == "registry.connect"]
    assert change.after == {"key": "prompts", "kind": "langfuse"}
    assert case.endpoint.calls == []


@pytest.mark.parametrize(
    ("kind", "settings", "field"),
    [
        ("nothing", {}, "kind"),
        ("langfuse", {}, "settings.url"),
        ("langfuse", {"url": "http://127.0.0.1:1", "secret": "env:NOBODY"}, "settings.secret"),
        ("langfuse", {"url": "http://127.0.0.1:1", "secret": "env:REGISTRY"}, "settings.secret"),
        ("langfuse", {"url": "http://127.0.0.1:1", "other": 1}, "settings.other"),
    ],
)
def test_what_cannot_be_used_is_named(
    case: Reverting, kind: str, settings: dict[str, Any], field: str
) -> None:
    with pytest.raises(InvalidInput) as invalid:
        desk(case).connect("acme", "more", kind, settings, ADA)
    assert fields(invalid) == [field]


def test_a_key_is_given_once(case: Reverting) -> None:
    settings = case.langfuse.settings(case.endpoint.url)
    with pytest.raises(Conflict):
        desk(case).connect("acme", "prompts", "langfuse", settings, ADA)


def changes_named(case: Reverting, name: str) -> list[Any]:
    return [change.after for change in case.tenant.changes() if change.name == name]


def test_a_registry_is_reached_by_its_newest_settings(case: Reverting) -> None:
    settings = case.langfuse.settings(case.endpoint.url)
    case.tenant.sql("UPDATE registries SET settings = '{}'")
    assert "url" in desk(case).test("acme", "prompts", case.langfuse.pointer).message
    assert desk(case).change("acme", "prompts", settings, ADA).settings == settings
    assert desk(case).test("acme", "prompts", case.langfuse.pointer).version == "8"
    assert changes_named(case, "registry.change") == [{"key": "prompts", "kind": "langfuse"}]


def test_settings_that_cannot_be_used_change_nothing(case: Reverting) -> None:
    with pytest.raises(InvalidInput) as invalid:
        desk(case).change("acme", "prompts", {"url": "ftp://127.0.0.1"}, ADA)
    assert fields(invalid) == ["settings.url"]
    assert desk(case).test("acme", "prompts", case.langfuse.pointer).version == "8"


def test_a_registry_that_is_forgotten_can_be_connected_again(case: Reverting) -> None:
    settings = case.langfuse.settings(case.endpoint.url)
    desk(case).disconnect("acme", "prompts", ADA)
    with pytest.raises(NotFound):
        desk(case).test("acme", "prompts", case.langfuse.pointer)
    assert changes_named(case, "registry.disconnect") == [{"key": "prompts", "kind": "langfuse"}]
    desk(case).connect("acme", "prompts", "langfuse", settings, ADA)
    assert desk(case).test("acme", "prompts", case.langfuse.pointer).version == "8"


def test_a_registry_stays_while_pointers_of_it_are_to_be_moved(case: Reverting) -> None:
    case.adopt("8")
    case.revert()
    with pytest.raises(Conflict):
        desk(case).disconnect("acme", "prompts", ADA)
    case.work()
    desk(case).disconnect("acme", "prompts", ADA)


def test_trying_a_registry_reads_where_a_pointer_is(case: Reverting) -> None:
    tried = desk(case).test("acme", "prompts", case.langfuse.pointer)
    assert tried.version == "8"
    assert {call.method for call in case.endpoint.calls} == {"GET"}


def test_trying_tells_what_is_wrong_without_any_secret(case: Reverting) -> None:
    case.langfuse.faults[Moment.READ] = lambda call: case.langfuse.refuse(call, 401)
    tried = desk(case).test("acme", "prompts", case.langfuse.pointer)
    assert tried.version is None
    assert "401" in tried.message
    assert case.langfuse.password not in tried.message
    case.tenant.sql("UPDATE registries SET kind = 'nothing'")
    assert "is not a kind of registry" in desk(case).test("acme", "prompts", case.langfuse.pointer).message


def test_trying_what_can_be_no_pointer_is_refused(case: Reverting) -> None:
    with pytest.raises(InvalidInput) as invalid:
        desk(case).test("acme", "prompts", Pointer("claims", "latest"))
    assert fields(invalid) == ["pointer"]
    with pytest.raises(NotFound):
        desk(case).test("acme", "others", case.langfuse.pointer)


def seal(case: Reverting, *pointers: dict[str, str]) -> None:
    first, *rest = [{"ref": "claims", "pointer": pointer} for pointer in pointers]
    bundle = {"prompt": first, "model": {"provider": "example", "id": "one"}}
    if rest:
        bundle["prompts"] = [{"name": f"more-{place}", **prompt} for place, prompt in enumerate(rest)]  # type: ignore[assignment]
    case.tenant.parts.catalog.make_release("acme", "claims", bundle, "", ADA)


def test_a_release_whose_pointers_no_revert_could_move_is_not_made(case: Reverting) -> None:
    with pytest.raises(InvalidInput) as invalid:
        seal(
            case,
            case.pointer("8"),
            case.pointer("9"),
            case.pointer("7", registry="others", name="a"),
            case.pointer("7", pointer="latest"),
            case.pointer("newest", name="b"),
        )
    assert fields(invalid) == [
        "bundle.prompts.0.pointer.version",
        "bundle.prompts.1.pointer.registry",
        "bundle.prompts.2.pointer.pointer",
        "bundle.prompts.3.pointer.version",
    ]
    assert case.tenant.ask_sql("SELECT count(*) FROM releases") == [(1,)]


def test_a_release_needs_registries_that_can_be_used(case: Reverting) -> None:
    case.tenant.sql("UPDATE registries SET settings = '{}'")
    with pytest.raises(InvalidInput) as invalid:
        seal(case, case.pointer("9"))
    assert fields(invalid) == ["bundle.prompt.pointer.registry"]


def test_making_a_release_asks_the_registry_for_nothing(case: Reverting) -> None:
    case.langfuse.faults[Moment.READ] = replying(500)
    seal(case, case.pointer("9"))
    assert case.endpoint.calls == []
