"""Registries of prompts that a revert can move: one file each, and one line here."""

from __future__ import annotations

from collections.abc import Mapping

from controller.registries.git import Git
from controller.registries.http import GenericHTTP
from controller.registries.langfuse import Langfuse
from controller.registries.launchdarkly import LaunchDarkly
from controller.registries.mlflow import MLflow
from controller.registries.moving import Moved, Outcome, move_pointer
from controller.registries.registry import BadPointer, Pointer, Registry, RegistryError

REGISTRIES: Mapping[str, type[Registry]] = {
    "git": Git,
    "http": GenericHTTP,
    "langfuse": Langfuse,
    "launchdarkly": LaunchDarkly,
    "mlflow": MLflow,
}
"""Every kind of registry by its name in settings."""

__all__ = [
    "REGISTRIES",
    "BadPointer",
    "Moved",
    "Outcome",
    "Pointer",
    "Registry",
    "RegistryError",
    "move_pointer",
]
