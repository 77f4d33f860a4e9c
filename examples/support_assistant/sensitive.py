"""Detects bank account and payment card numbers by their check digits."""

from __future__ import annotations

import re
import unicodedata

# Lengths by country from the IBAN registry (ISO 13616): the countries a European insurer meets.
_IBAN_LENGTHS = {
    "AT": 20, "BE": 16, "BG": 22, "CH": 21, "CY": 28, "CZ": 24, "DE": 22, "DK": 18, "EE": 20,
    "ES": 24, "FI": 18, "FR": 27, "GB": 22, "GI": 23, "GR": 27, "HR": 21, "HU": 28, "IE": 22,
    "IS": 26, "IT": 27, "LI": 21, "LT": 20, "LU": 20, "LV": 21, "MC": 27, "MT": 31, "NL": 18,
    "NO": 15, "PL": 28, "PT": 25, "RO": 24, "SE": 24, "SI": 19, "SK": 24, "SM": 27, "TR": 26,
}  # fmt: skip
_IBAN_START = re.compile(r"(?<![A-Za-z0-9])[A-Za-z]{2}[ .-]?\d[ .-]?\d(?=[ .-]?[A-Za-z0-9])")
_DIGIT_RUN = re.compile(r"\d(?:[ .-]?\d){12,}")
_SEPARATORS = " .-"


def sensitive_data(text: str) -> bool:
    """Whether a text holds an IBAN (ISO 13616, modulo 97) or a card number (ISO 7812, 13 to 19 digits, Luhn).

    Spaces, dots, hyphens, invisible characters and lower case do not hide a number. A number whose check
    digits are wrong is not one, and an account number in a national format without check digits is not found.
    """
    plain = _plain(text)
    return _holds_iban(plain) or _holds_card(plain)


def is_iban(number: str) -> bool:
    """Whether `number`, without separators, has the length of its country and valid check digits."""
    number = number.upper()
    if _IBAN_LENGTHS.get(number[:2]) != len(number) or not (number.isascii() and number.isalnum()):
        return False
    return int("".join(str(int(character, 36)) for character in number[4:] + number[:4])) % 97 == 1


def is_card_number(digits: str) -> bool:
    """Whether 13 to 19 digits, not all the same, pass the Luhn check."""
    if not (13 <= len(digits) <= 19 and digits.isascii() and digits.isdigit()) or len(set(digits)) == 1:
        return False
    doubled = (sum(divmod(2 * int(digit), 10)) for digit in digits[-2::-2])
    return (sum(int(digit) for digit in digits[-1::-2]) + sum(doubled)) % 10 == 0


def _plain(text: str) -> str:
    compatible = unicodedata.normalize("NFKC", text)
    visible = (character for character in compatible if unicodedata.category(character) != "Cf")
    return "".join(" " if character.isspace() else character for character in visible)


def _holds_iban(text: str) -> bool:
    return any(_iban_at(text, match.start()) for match in _IBAN_START.finditer(text))


def _iban_at(text: str, start: int) -> bool:
    length = _IBAN_LENGTHS.get(text[start : start + 2].upper(), 0)
    # The country fixes the length, so words that follow the number cannot be taken for a part of it.
    characters = (character for character in text[start : start + 2 * length] if character not in _SEPARATORS)
    return length > 0 and is_iban("".join(characters)[:length])


def _holds_card(text: str) -> bool:
    return any(_card_in(re.split("[ .-]", run)) for run in _DIGIT_RUN.findall(text))


def _card_in(groups: list[str]) -> bool:
    # A number that happens to stand before or after the card number must not hide it.
    spans = ((at, end) for at in range(len(groups)) for end in range(at + 1, min(at + 19, len(groups)) + 1))
    return any(is_card_number("".join(groups[at:end])) for at, end in spans)
