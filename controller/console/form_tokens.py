"""The token that every form carries, written in another way on each page.

Pages are compressed. How small a page becomes tells whether what somebody wrote into it is the same as something else
on it; a token that is never written twice in the same way cannot be found out like that (BREACH, Prado et al. 2013).
"""

from __future__ import annotations

import secrets
from base64 import urlsafe_b64decode, urlsafe_b64encode
from binascii import Error


def masked(token: str) -> str:
    """The token under a mask that stands before it."""
    plain = token.encode()
    mask = secrets.token_bytes(len(plain))
    return urlsafe_b64encode(mask + _under(mask, plain)).decode()


def unmasked(text: str) -> str:
    """The token that was masked; empty for what nobody masked."""
    try:
        sent = urlsafe_b64decode(text.encode())
        half = len(sent) // 2
        return _under(sent[:half], sent[half:]).decode()
    except (Error, ValueError):
        return ""


def _under(mask: bytes, content: bytes) -> bytes:
    return bytes(one ^ other for one, other in zip(mask, content, strict=True))
