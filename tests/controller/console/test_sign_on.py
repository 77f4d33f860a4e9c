"""Signing on at a real OpenID provider, which runs beside the tests in a process of its own."""

from __future__ import annotations

import base64
import hashlib
import importlib.util
import json
import subprocess
import sys
import urllib.error
import urllib.parse
import urllib.request
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
from werkzeug.test import TestResponse

from controller.permissions import Permission, Role
from controller.rights import rights_of_user
from controller.settings import PasswordSignIn
from controller.store.changes import changes_of, verify
from controller.store.projects import get_project
from controller.store.users import User, find_user
from tests.browser.story import ADA, EMAIL, PASSWORD, Installation
from tests.components import free_port
from tests.controller.console.conftest import Visitor

pytestmark = pytest.mark.skipif(
    importlib.util.find_spec("oidc_provider_mock") is None, reason="there is no OpenID provider to run here"
)

EVE = "eve@acme.example"
ROLES = json.dumps({"risk-officers": {"acme": ["approver"]}, "claims": {"acme": ["owner", "viewer"]}})
CLAIMS = {"email": EVE, "email_verified": True, "groups": ["claims"]}


@pytest.fixture(scope="module")
def provider() -> Iterator[str]:
    """A provider at an address; who signs in there is put there first."""
    port = free_port()
    command = [sys.executable, "-m", "oidc_provider_mock", "--port", str(port)]
    process = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)
    try:
        address = f"http://localhost:{port}"
        while process.poll() is None and not answers(address):
            pass
        yield address
    finally:
        process.terminate()
        process.wait()
        if process.stdout:
            process.stdout.close()


def answers(address: str) -> bool:
    try:
        with urllib.request.urlopen(f"{address}/.well-known/openid-configuration", timeout=5) as answer:
            return bool(answer.status == 200)
    except (urllib.error.URLError, OSError):
        return False


class NoRedirect(urllib.request.HTTPRedirectHandler):
    def redirect_request(self, *_: Any, **__: Any) -> None:
        return None


def agree(provider: str, address: str, sub: str, claims: dict[str, Any]) -> str:
    """Sign in at the provider; gives where it sends the browser back to."""
    body = json.dumps(claims).encode()
    put = urllib.request.Request(
        f"{provider}/users/{sub}", body, {"Content-Type": "application/json"}, method="PUT"
    )
    urllib.request.urlopen(put, timeout=10).close()
    form = urllib.parse.urlencode({"sub": sub}).encode()
    try:
        urllib.request.build_opener(NoRedirect).open(urllib.request.Request(address, form), timeout=10)
    except urllib.error.HTTPError as answer:
        with answer:
            return str(answer.headers["Location"])
    raise AssertionError("the provider did not send anybody back")


@pytest.fixture
def house(provider: str, tmp_path: Path) -> Iterator[Installation]:
    settings: dict[str, Any] = {
        "oidc_issuer": provider,
        "oidc_client_id": "headgate",
        "oidc_client_secret": "a secret of ours",
        "oidc_roles": ROLES,
        "oidc_admin_groups": "platform",
        "oidc_domains": "acme.example",
        "public_url": "http://headgate.example",
    }
    made = Installation(tmp_path / "headgate.db", datetime.now(UTC), **settings)
    made.user()
    made.project()
    yield made
    made.close()


def sign_on(house: Installation, provider: str, sub: str = "eve", **changed: Any) -> TestResponse:
    visitor = Visitor(house)
    left = visitor.get("/sign-on?next=/projects/acme/incidents")
    assert left.status_code == 303, left.text
    back = urllib.parse.urlsplit(agree(provider, left.location, sub, CLAIMS | changed))
    assert back.netloc == "headgate.example"
    return visitor.get(f"{back.path}?{back.query}")


def user(house: Installation, email: str = EVE) -> User | None:
    with house.parts.database.read() as tx:
        return find_user(tx, email)


def held(house: Installation) -> set[str]:
    found = user(house)
    assert found is not None
    with house.parts.database.read() as tx:
        assert list(verify(tx)) == []
        rights, project = rights_of_user(tx, found), get_project(tx, "acme").id
        return {each.value for each in Permission if rights.may(each, project)}


def test_somebody_is_known_from_the_first_sign_in_on_with_what_his_groups_bring(
    house: Installation, provider: str
) -> None:
    arrived = sign_on(house, provider)
    assert (arrived.status_code, arrived.location) == (303, "/projects/acme/incidents")
    assert "headgate_session=" in str(arrived.headers.getlist("Set-Cookie"))
    assert held(house) == {"read", "reduce", "edit"}
    found = user(house)
    assert found is not None
    assert (found.password_hash, found.let_in_by, found.runs_installation) == ("", "", False)
    assert found.subject == f"{provider}|eve"
    with house.parts.database.read() as tx:
        newest = changes_of(tx, get_project(tx, "acme").id, limit=1)[0]
    assert (newest.name, newest.actor, newest.after["by_group"]) == (
        "member.set_by_group",
        "single-sign-on",
        ["viewer", "owner"],
    )
    again = Visitor(house).sign_in(EVE, "")
    assert again.status_code == 403, "who has no password does not sign in with an empty one"


def test_a_group_that_somebody_left_brings_nothing_at_the_next_sign_in(
    house: Installation, provider: str
) -> None:
    sign_on(house, provider, groups=["claims", "risk-officers", "platform"])
    assert held(house) == {each.value for each in Permission}
    house.parts.members.set_member("acme", EVE, [Role.OPERATOR], ADA)
    sign_on(house, provider, groups=["risk-officers"])
    assert held(house) == {"read", "reduce", "approve"}
    sign_on(house, provider, groups=[])
    assert held(house) == {"read", "reduce"}, "what was said here stays"


@pytest.mark.parametrize(
    ("changed", "told"),
    [
        ({"email_verified": False}, "has not verified"),
        ({"email_verified": "true"}, "has not verified"),
        ({"email": ""}, "has not verified"),
        ({"email": "eve@elsewhere.example"}, "domain that is not let in"),
    ],
)
def test_who_is_not_to_come_in_is_told_why(
    house: Installation, provider: str, changed: dict[str, Any], told: str
) -> None:
    refused = sign_on(house, provider, **changed)
    assert refused.status_code == 403
    assert told in refused.text
    assert "headgate_session=" not in str(refused.headers.getlist("Set-Cookie"))
    assert user(house) is None


@pytest.mark.parametrize("part", [0, 1])
def test_a_state_or_a_nonce_of_another_sign_in_opens_nothing(
    house: Installation, provider: str, part: int
) -> None:
    visitor = Visitor(house)
    left = visitor.get("/sign-on")
    back = urllib.parse.urlsplit(agree(provider, left.location, "eve", CLAIMS))
    cookie = visitor.client.get_cookie("headgate_sign_on")
    assert cookie is not None
    kept = cookie.decoded_value.split(" ")
    kept[part] = "x" * 43
    visitor.client.set_cookie("headgate_sign_on", " ".join(kept))
    refused = visitor.get(f"{back.path}?{back.query}")
    assert refused.status_code == 403
    assert user(house) is None


def test_the_provider_is_told_the_hash_of_a_verifier_that_stays_here(house: Installation) -> None:
    visitor = Visitor(house)
    asked = urllib.parse.parse_qs(urllib.parse.urlsplit(visitor.get("/sign-on").location).query)
    kept = visitor.client.get_cookie("headgate_sign_on")
    assert kept is not None
    verifier = kept.decoded_value.split(" ")[2]
    expected = base64.urlsafe_b64encode(hashlib.sha256(verifier.encode()).digest()).decode().rstrip("=")
    assert (asked["code_challenge"], asked["code_challenge_method"]) == ([expected], ["S256"])
    assert asked["response_type"] == ["code"]


def test_a_browser_that_did_not_leave_cannot_come_back(house: Installation, provider: str) -> None:
    left = Visitor(house).get("/sign-on")
    back = urllib.parse.urlsplit(agree(provider, left.location, "eve", CLAIMS))
    refused = Visitor(house).get(f"{back.path}?{back.query}")
    assert refused.status_code == 403
    assert "did not begin in this browser" in refused.text


def test_a_code_is_good_once(house: Installation, provider: str) -> None:
    visitor = Visitor(house)
    left = visitor.get("/sign-on")
    kept = visitor.client.get_cookie("headgate_sign_on")
    assert kept is not None
    back = urllib.parse.urlsplit(agree(provider, left.location, "eve", CLAIMS))
    assert visitor.get(f"{back.path}?{back.query}").status_code == 303
    again = Visitor(house)
    again.client.set_cookie("headgate_sign_on", kept.decoded_value)
    assert again.get(f"{back.path}?{back.query}").status_code == 403


def test_a_token_whose_time_is_over_opens_nothing(house: Installation, provider: str) -> None:
    house.clock.pass_(hours=2)
    refused = sign_on(house, provider)
    assert refused.status_code == 403
    assert "ExpiredTokenError" in refused.text


def test_whoever_was_invited_here_joins_that_user_and_the_password_others_saw_opens_nothing(
    house: Installation, provider: str
) -> None:
    _, password = house.parts.members.set_member("acme", EVE, [Role.OPERATOR], ADA)
    assert password is not None
    assert sign_on(house, provider).status_code == 303
    assert held(house) == {"read", "reduce", "edit"}
    found = user(house)
    assert found is not None
    assert (found.let_in_by, found.password_hash) == ("", "")
    assert Visitor(house).sign_in(EVE, password).status_code == 403


def test_an_address_alone_opens_no_account_of_an_admin(house: Installation, provider: str) -> None:
    refused = sign_on(house, provider, sub="mallory", email=EMAIL)
    assert refused.status_code == 403
    assert "known already" in refused.text
    found = user(house, EMAIL)
    assert found is not None
    assert found.subject == ""


def test_whoever_is_deactivated_here_is_not_let_in_from_there(house: Installation, provider: str) -> None:
    assert sign_on(house, provider).status_code == 303
    house.parts.members.change(EVE, ADA, is_active=False)
    assert sign_on(house, provider).status_code == 403


def test_passwords_can_be_for_admins_alone_and_lock_nobody_out(provider: str, tmp_path: Path) -> None:
    settings: dict[str, Any] = {
        "oidc_issuer": provider,
        "oidc_client_id": "headgate",
        "password_sign_in": PasswordSignIn.ADMINS,
    }
    made = Installation(tmp_path / "headgate.db", datetime.now(UTC), **settings)
    try:
        made.user()
        made.project()
        password = made.parts.members.set_member("acme", EVE, [Role.OWNER], ADA)[1]
        assert Visitor(made).sign_in(EVE, password or "").status_code == 403
        assert Visitor(made).sign_in(EMAIL, PASSWORD).status_code == 303
        assert "organisation" in Visitor(made).get("/sign-in").text
    finally:
        made.close()


def test_a_provider_that_does_not_answer_is_said_calmly(tmp_path: Path) -> None:
    settings: dict[str, Any] = {
        "oidc_issuer": f"http://localhost:{free_port()}",
        "oidc_client_id": "headgate",
    }
    made = Installation(tmp_path / "headgate.db", datetime.now(UTC), **settings)
    try:
        answer = Visitor(made).get("/sign-on")
        assert answer.status_code == 403
        assert "does not answer as it should" in answer.text
    finally:
        made.close()
