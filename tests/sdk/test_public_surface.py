"""What products may rely on."""

from __future__ import annotations

import subprocess
import sys

import headgate
import headgate.evaluator
import pytest


def test_the_public_names_are_these() -> None:
    assert headgate.__all__ == [
        "Client",
        "Decision",
        "Details",
        "ErrorCode",
        "Mode",
        "OfflineClient",
        "Reason",
        "Run",
        "Status",
    ]
    assert headgate.evaluator.__all__ == [
        "Document",
        "DocumentError",
        "ErrorCode",
        "Evaluation",
        "FlagError",
        "Reason",
        "check",
        "compile_document",
    ]
    for name in headgate.__all__:
        assert getattr(headgate, name) is not None
    assert dir(headgate) == sorted(headgate.__all__)


def test_other_names_do_not_exist() -> None:
    with pytest.raises(AttributeError, match="nothing_like_it"):
        headgate.nothing_like_it  # noqa: B018


def test_the_evaluator_comes_without_the_client_and_its_http_library() -> None:
    listing = "[m for m in sys.modules if m.startswith(('urllib3', 'headgate.c'))]"
    code = f"import sys, headgate.evaluator; print(*{listing})"
    found = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert found.stdout.strip() == ""


ALONE = """
import importlib, pkgutil, sys

class Alone:
    def find_spec(self, name, path=None, target=None):
        if name.partition(".")[0] not in {*sys.stdlib_module_names, "headgate", "mmh3", "urllib3"}:
            raise ModuleNotFoundError(name)

sys.meta_path.insert(0, Alone())
import headgate

for found in pkgutil.walk_packages(headgate.__path__, "headgate."):
    if found.name not in ("headgate.openfeature", "headgate.pytest_plugin"):
        importlib.import_module(found.name)
"""


def test_it_stands_on_what_its_package_requires_and_nothing_else() -> None:
    subprocess.run([sys.executable, "-c", ALONE], check=True)
