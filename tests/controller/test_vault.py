from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from controller.vault import CannotOpen, Vault

OLD, NEW = "o" * 40, "n" * 40
ORIGIN = "https://metrics.example"


@given(st.text(st.characters(exclude_categories=["Cs"]), max_size=100))
def test_what_was_sealed_is_opened_for_its_origin_alone(secret: str) -> None:
    vault = Vault(OLD)
    sealed = vault.seal(secret, ORIGIN)
    assert vault.open(sealed, ORIGIN) == secret
    for other in ("https://metrics.example:444", "http://metrics.example", "https://evil.example"):
        with pytest.raises(CannotOpen, match="another address"):
            vault.open(sealed, other)


def test_the_same_secret_never_looks_the_same_twice() -> None:
    vault = Vault(OLD)
    assert len({vault.seal("the-secret", ORIGIN) for _ in range(10)}) == 10


def test_a_new_key_opens_what_the_former_sealed_and_renews_it() -> None:
    sealed = Vault(OLD).seal("the-secret", ORIGIN)
    both = Vault(NEW, [OLD])
    assert both.open(sealed, ORIGIN) == "the-secret"
    renewed = both.renew(sealed)
    assert Vault(NEW).open(renewed, ORIGIN) == "the-secret"
    assert renewed.split(".")[3] == sealed.split(".")[3], "only the key around the secret's key changes"
    for forgotten in (lambda: Vault(NEW).open(sealed, ORIGIN), lambda: Vault(OLD).open(renewed, ORIGIN)):
        with pytest.raises(CannotOpen, match="HEADGATE_SECRET_KEY"):
            forgotten()


@pytest.mark.parametrize("part", range(4))
def test_what_was_tampered_with_is_not_opened(part: int) -> None:
    vault = Vault(OLD)
    parts = vault.seal("the-secret", ORIGIN).split(".")
    middle = len(parts[part]) // 2
    flipped = "a" if parts[part][middle] != "a" else "b"
    parts[part] = parts[part][:middle] + flipped + parts[part][middle + 1 :]
    with pytest.raises(CannotOpen) as stopped:
        vault.open(".".join(parts), ORIGIN)
    assert "the-secret" not in str(stopped.value)


@pytest.mark.parametrize(
    "sealed", ["", "sealed:", "sealed:v1.00000000.a.b", "sealed:v2.00000000.YQ.YQ", "env:A"]
)
def test_what_was_never_sealed_is_not_opened(sealed: str) -> None:
    with pytest.raises(CannotOpen):
        Vault(OLD).open(sealed, ORIGIN)


def test_nothing_of_a_key_is_shown() -> None:
    assert OLD not in repr(vars(Vault(OLD)))
