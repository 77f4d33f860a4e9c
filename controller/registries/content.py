"""One number for what a version says, the same for the same words."""

from __future__ import annotations

import hashlib
import json
from typing import Any


def sha256_of(content: Any) -> str:
    """The SHA-256 in hex: of a text as UTF-8, of bytes as they are, of other JSON with sorted keys and no spaces."""
    if isinstance(content, str):
        content = content.encode()
    if not isinstance(content, bytes):
        content = json.dumps(content, sort_keys=True, separators=(",", ":"), ensure_ascii=False).encode()
    return hashlib.sha256(content).hexdigest()
