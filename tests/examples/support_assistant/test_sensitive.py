"""The detector of account and card numbers."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from examples.support_assistant.model import INTERNAL_RECORD
from examples.support_assistant.retrieval import load_passages
from examples.support_assistant.sensitive import is_card_number, is_iban, sensitive_data

_IBAN = "GB29NWBK60161331926819"  # the example number of the ISO 13616 registry
_CARD = "4111111111111111"  # a test number of the card networks


@pytest.mark.parametrize(
    "text",
    [
        f"Your account is {_IBAN}.",
        "Your account is GB29 NWBK 6016 1331 9268 19 and IS 12 days old",
        "your account is gb29-nwbk-6016-1331-9268-19",
        "NL91ABNA0417164300, NO9386011117947",
        "account DE89\u00a03704\u00a00044\u00a00532\u00a00130\u00a000",
        "account DE\u200b89370400440532013000",
        f"Card {_CARD}",
        "item 2 4111 1111 1111 1111 on 11-20",
        "Card 3782-822463-10005",
    ],
)
def test_an_account_or_card_number_is_found_however_it_is_written(text: str) -> None:
    assert sensitive_data(text)


@pytest.mark.parametrize(
    "text",
    [
        "",
        "Call 0808 157 0142 or 0808 157 0177.",
        "Your claim reference is GB30NWBK60161331926819.",
        "Order 4111111111111112",
        "0000 0000 0000 0000",
        "The limit is £8,000 for 12 weeks from 08:00 to 18:00.",
        "XX29NWBK60161331926819",
    ],
)
def test_text_without_a_valid_number_is_not_sensitive(text: str) -> None:
    assert not sensitive_data(text)


def test_no_public_document_is_sensitive_and_the_internal_record_is() -> None:
    assert not any(sensitive_data(passage.text) for passage in load_passages())
    assert sensitive_data(INTERNAL_RECORD.read_text("utf-8"))


@given(at=st.integers(2, len(_IBAN) - 1), digit=st.sampled_from("0123456789"))
def test_one_wrong_digit_makes_an_iban_invalid(at: int, digit: str) -> None:
    altered = _IBAN[:at] + digit + _IBAN[at + 1 :]
    assert is_iban(altered) == (altered == _IBAN)


@given(at=st.integers(0, 15), digit=st.sampled_from("0123456789"))
def test_one_wrong_digit_makes_a_card_number_invalid(at: int, digit: str) -> None:
    altered = _CARD[:at] + digit + _CARD[at + 1 :]
    assert is_card_number(altered) == (altered == _CARD)


@given(st.text())
def test_any_text_can_be_examined(text: str) -> None:
    assert sensitive_data(text) in (True, False)
    assert sensitive_data(f"{text} {_IBAN} {text}")
