"""Secrets that users enter, as they are kept: encrypted, and of use for one origin alone.

Each secret has a data key of its own, which is wrapped by a key made of ``HEADGATE_SECRET_KEY``; the name of that key
stands beside it. With another secret key only the data keys are wrapped anew.
"""

from __future__ import annotations

import base64
import re
import secrets
from collections.abc import Sequence
from dataclasses import dataclass, field

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.kdf.hkdf import HKDF

PREFIX = "sealed:"

_NONCE = 12
_KEY = 32
_SEALED = re.compile(
    r"sealed:v1\.(?P<key>[0-9a-f]{8})\.(?P<wrapped>[A-Za-z0-9_-]+)\.(?P<secret>[A-Za-z0-9_-]+)"
)


class CannotOpen(ValueError):
    """A sealed secret cannot be opened; never holds any of it."""


@dataclass(frozen=True, slots=True)
class _Key:
    """A key that wraps other keys, made of a secret key of the installation."""

    id: str
    key: bytes = field(repr=False)

    @classmethod
    def of(cls, secret_key: str) -> _Key:
        made = _derived(secret_key, b"headgate vault", _KEY)
        return cls(_derived(secret_key, b"headgate vault: name of the key", 4).hex(), made)

    def wrap(self, data_key: bytes) -> str:
        return _encrypted(self.key, data_key, self.id.encode())

    def unwrap(self, wrapped: str) -> bytes:
        return _decrypted(self.key, wrapped, self.id.encode())


class Vault:
    """Seals with the current secret key, and opens what that or a former one sealed."""

    def __init__(self, secret_key: str, former: Sequence[str] = ()) -> None:
        """``former`` are secret keys that were in use before."""
        self._current = _Key.of(secret_key)
        self._keys = {key.id: key for key in (*map(_Key.of, former), self._current)}

    def seal(self, secret: str, origin: str) -> str:
        """A secret as it is kept. It can be opened for ``origin`` alone."""
        data_key = secrets.token_bytes(_KEY)
        encrypted = _encrypted(data_key, secret.encode(), origin.encode())
        return f"{PREFIX}v1.{self._current.id}.{self._current.wrap(data_key)}.{encrypted}"

    def open(self, sealed: str, origin: str) -> str:
        """The secret, if it is for ``origin``.

        Raises:
            CannotOpen: It is for another one, its key is not known any more, or it was tampered with.
        """
        taken, data_key = self._unwrapped(sealed)
        try:
            return _decrypted(data_key, taken["secret"], origin.encode()).decode()
        except (InvalidTag, ValueError):
            raise CannotOpen("the secret was entered for another address; enter it again") from None

    def renew(self, sealed: str) -> str:
        """The same secret under the current secret key.

        Raises:
            CannotOpen: Its key is not known any more, or it was tampered with.
        """
        taken, data_key = self._unwrapped(sealed)
        return f"{PREFIX}v1.{self._current.id}.{self._current.wrap(data_key)}.{taken['secret']}"

    def _unwrapped(self, sealed: str) -> tuple[re.Match[str], bytes]:
        taken = _SEALED.fullmatch(sealed)
        if taken is None:
            raise CannotOpen("what is kept of the secret cannot be read; enter it again")
        key = self._keys.get(taken["key"])
        if key is None:
            raise CannotOpen("the secret was sealed under another HEADGATE_SECRET_KEY; enter it again")
        try:
            return taken, key.unwrap(taken["wrapped"])
        except (InvalidTag, ValueError):
            raise CannotOpen("what is kept of the secret cannot be read; enter it again") from None


def _derived(secret_key: str, purpose: bytes, length: int) -> bytes:
    return HKDF(SHA256(), length, salt=None, info=purpose).derive(secret_key.encode())


def _encrypted(key: bytes, text: bytes, bound_to: bytes) -> str:
    nonce = secrets.token_bytes(_NONCE)
    return base64.urlsafe_b64encode(nonce + AESGCM(key).encrypt(nonce, text, bound_to)).decode().rstrip("=")


def _decrypted(key: bytes, encrypted: str, bound_to: bytes) -> bytes:
    raw = base64.urlsafe_b64decode(encrypted + "=" * (-len(encrypted) % 4))
    return AESGCM(key).decrypt(raw[:_NONCE], raw[_NONCE:], bound_to)
