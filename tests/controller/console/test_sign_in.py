from __future__ import annotations

import pytest

from tests.browser.story import EMAIL, PASSWORD, Installation
from tests.controller.console.conftest import Visitor

NEW = "another river, another gate"


def test_a_right_password_opens_a_session_and_the_board(visitor: Visitor) -> None:
    answer = visitor.sign_in()
    cookie = answer.headers["Set-Cookie"]
    assert (answer.status_code, answer.location) == (303, "/")
    assert "headgate_session=" in cookie
    assert "HttpOnly" in cookie
    assert "SameSite=Lax" in cookie
    assert "Path=/" in cookie
    assert "Secure" not in cookie
    assert visitor.get("/").status_code == 200


def test_the_cookie_is_secure_where_the_public_address_is(tmp_path) -> None:
    house = Installation(tmp_path / "x.db", public_url="https://headgate.example")
    house.user()
    try:
        assert "Secure" in Visitor(house).sign_in().headers["Set-Cookie"]
    finally:
        house.close()


@pytest.mark.parametrize(
    ("email", "password"), [(EMAIL, "wrong"), ("nobody@acme.example", PASSWORD), ("a\x00b", "x"), ("", "")]
)
def test_every_failure_says_the_same(visitor: Visitor, email: str, password: str) -> None:
    answer = visitor.sign_in(email, password)
    assert answer.status_code == 403
    assert "do not match" in answer.text
    assert visitor.get("/").status_code == 303


def test_an_unknown_address_costs_a_hash_like_a_known_one(visitor: Visitor, monkeypatch) -> None:
    from controller import passwords
    from controller.console import sign_in

    asked: list[str | None] = []

    def is_password(password_hash: str | None, password: str) -> bool:
        asked.append(password_hash)
        return passwords.is_password(password_hash, password)

    monkeypatch.setattr(sign_in, "is_password", is_password)
    visitor.sign_in("nobody@acme.example", "x")
    assert asked == [None]


def test_a_form_without_the_token_of_its_browser_signs_nobody_in(house: Installation) -> None:
    fields = {"email": EMAIL, "password": PASSWORD}
    answer = house.app.test_client().post("/sign-in", data=fields | {"token": "x"})
    assert answer.status_code == 403
    assert "headgate_session" not in answer.headers.get("Set-Cookie", "")


def test_the_session_is_another_one_after_each_sign_in(house: Installation, visitor: Visitor) -> None:
    form = visitor.get("/sign-in").text
    visitor.sign_in()
    first = visitor.client.get_cookie("headgate_session").value
    token = form.split('name="token" value="')[1].split('"')[0]
    visitor.client.post("/sign-in", data={"email": EMAIL, "password": PASSWORD, "token": token})
    assert visitor.client.get_cookie("headgate_session").value != first
    other = house.app.test_client()
    other.set_cookie("headgate_session", first)
    assert other.get("/").status_code == 303


def test_a_session_ends_after_twelve_hours(house: Installation, ada: Visitor) -> None:
    house.clock.pass_(hours=11, minutes=59)
    assert ada.get("/").status_code == 200
    house.clock.pass_(minutes=2)
    assert ada.get("/").status_code == 303


def test_signing_out_ends_the_session_on_the_server(house: Installation, ada: Visitor) -> None:
    token = ada.client.get_cookie("headgate_session").value
    assert ada.post("/sign-out", "/").location == "/sign-in"
    other = house.app.test_client()
    other.set_cookie("headgate_session", token)
    assert other.get("/").status_code == 303


def test_the_eleventh_failure_has_to_wait_and_others_do_not(house: Installation, visitor: Visitor) -> None:
    for _ in range(10):
        assert visitor.sign_in(password="wrong").status_code == 403
    refused = visitor.sign_in()
    assert (refused.status_code, refused.headers["Retry-After"]) == (429, "300")
    house.user("ben@acme.example")
    assert Visitor(house).sign_in("ben@acme.example").status_code == 303
    house.clock.pass_(minutes=5)
    assert visitor.sign_in().status_code == 303


@pytest.mark.parametrize(
    ("wanted", "led_to"),
    [
        ("/stop/acme/production/claims", "/stop/acme/production/claims"),
        ("/?project=acme", "/?project=acme"),
        ("https://evil.example/", "/"),
        ("//evil.example/", "/"),
        ("/\\evil.example", "/"),
        ("/\t/evil.example", "/"),
        ("javascript:alert(1)", "/"),
        ("", "/"),
    ],
)
def test_signing_in_leads_to_places_of_our_own_only(visitor: Visitor, wanted: str, led_to: str) -> None:
    assert visitor.sign_in(next=wanted).location == led_to


def test_a_one_time_password_has_to_be_changed_before_anything_else(house: Installation) -> None:
    house.user("new@acme.example", "once", must_change=True)
    visitor = Visitor(house)
    visitor.sign_in("new@acme.example", "once")
    assert visitor.get("/").location == "/password?next=/"
    assert visitor.get("/live").status_code == 401
    assert visitor.get("/stop/acme/production/claims").status_code == 303
    answer = visitor.post("/password", current="once", new=NEW, again=NEW)
    assert (answer.status_code, answer.location) == (303, "/")
    assert visitor.get("/").status_code == 200
    assert Visitor(house).sign_in("new@acme.example", NEW).status_code == 303
    assert Visitor(house).sign_in("new@acme.example", "once").status_code == 403


def test_changing_the_password_ends_all_other_sessions(house: Installation, ada: Visitor) -> None:
    elsewhere = Visitor(house)
    elsewhere.sign_in()
    ada.post("/password", current=PASSWORD, new=NEW, again=NEW)
    assert ada.get("/").status_code == 200
    assert elsewhere.get("/").status_code == 303


@pytest.mark.parametrize(
    ("current", "new", "again", "fault"),
    [
        ("wrong", NEW, NEW, "current password is another"),
        (PASSWORD, "short", "short", "at least 12 characters"),
        (PASSWORD, PASSWORD, PASSWORD, "choose another"),
        (PASSWORD, NEW, NEW + "x", "not repeated exactly"),
    ],
)
def test_a_password_that_will_not_do_is_refused_with_the_reason(
    ada: Visitor, current: str, new: str, again: str, fault: str
) -> None:
    answer = ada.post("/password", current=current, new=new, again=again)
    assert answer.status_code == 422
    assert fault in answer.text
    assert NEW not in answer.text
