"""A real helm for the tests of the chart, and what it makes of a set of values."""

from __future__ import annotations

import os
import shutil
import subprocess
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, NoReturn

import pytest
import yaml

ROOT = Path(__file__).resolve().parents[2]
CHART = ROOT / "helm"

Run = subprocess.CompletedProcess[str]
Manifest = dict[str, Any]


class UniqueKeyLoader(yaml.SafeLoader):
    """Reads YAML as the Kubernetes API does, which refuses a key that is given twice."""


def _mapping(loader: UniqueKeyLoader, node: yaml.MappingNode) -> dict[Any, Any]:
    keys = [loader.construct_object(key, deep=True) for key, _ in node.value]
    doubled = {key for key in keys if keys.count(key) > 1}
    if doubled:
        raise yaml.constructor.ConstructorError(None, None, f"given twice: {doubled}", node.start_mark)
    return yaml.SafeLoader.construct_mapping(loader, node, deep=True)


UniqueKeyLoader.add_constructor(yaml.resolver.BaseResolver.DEFAULT_MAPPING_TAG, _mapping)


def _missing(reason: str) -> NoReturn:
    """Skips on a laptop. Where CI is set, everything must be there, so it fails."""
    if os.environ.get("CI"):
        pytest.fail(reason, pytrace=False)
    pytest.skip(reason)


@pytest.fixture(scope="session")
def helm_binary() -> str:
    """The path of helm 4, from $HEADGATE_HELM or PATH."""
    found = os.environ.get("HEADGATE_HELM") or shutil.which("helm")
    if not found:
        _missing("helm is neither at $HEADGATE_HELM nor on PATH")
    version = subprocess.run([found, "version", "--short"], capture_output=True, text=True, check=True).stdout
    if not version.startswith("v4."):
        _missing(f"{found} is helm {version.strip()}, and these tests need helm 4")
    return found


@pytest.fixture(scope="session")
def helm(helm_binary: str, tmp_path_factory: pytest.TempPathFactory) -> Callable[..., Run]:
    """Runs helm with the arguments given, away from the user's settings and from every cluster."""
    home = tmp_path_factory.mktemp("helm")
    environment = {"PATH": os.defpath, "HOME": str(home), "KUBECONFIG": os.devnull}

    def run(*arguments: str | Path) -> Run:
        command = [helm_binary, *map(str, arguments)]
        return subprocess.run(
            command, check=False, capture_output=True, text=True, env=environment, timeout=60
        )

    return run


def _unique(documents: Iterator[Any]) -> list[Manifest]:
    manifests = [document for document in documents if document]
    names = [(manifest["kind"], manifest["metadata"]["name"]) for manifest in manifests]
    assert len(names) == len(set(names)), "two objects have the same kind and name"
    return manifests


@pytest.fixture(scope="session")
def render(helm: Callable[..., Run]) -> Callable[..., list[Manifest]]:
    """The objects of the release "rel" with a value set of helm/ci and further arguments."""

    def objects(values: str = "minimal", *arguments: str) -> list[Manifest]:
        answer = helm(
            "template",
            "rel",
            CHART,
            "--values",
            CHART / "ci" / f"{values}-values.yaml",
            *arguments,
        )
        assert answer.returncode == 0, answer.stderr
        return _unique(yaml.load_all(answer.stdout, Loader=UniqueKeyLoader))

    return objects
