"""How properties are tried: without a deadline, because how long a case takes says nothing about rules."""

from __future__ import annotations

from hypothesis import settings

settings.register_profile("rules", deadline=None)
settings.load_profile("rules")
