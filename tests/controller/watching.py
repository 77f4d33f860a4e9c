"""Answers that make a trigger fire or calm, with the evaluations that see them."""

from __future__ import annotations

from tests.controller.tenant import Tenant

BY = "trigger:unsupported"


def bad(tenant: Tenant, times: int = 1, seconds: float = 10) -> None:
    """Bad answers, and an evaluation for each."""
    for _ in range(times):
        tenant.report(5, grounded=False)
        assert tenant.after(seconds) == ["done"]


def good(tenant: Tenant, times: int = 1) -> None:
    for _ in range(times):
        tenant.report(200, grounded=True)
        assert tenant.after(10) == ["done"]


def candidate(tenant: Tenant, model: str = "two") -> str:
    release = tenant.release(model)
    tenant.move("introduce", release=release, share=1000)
    return release
