"""Every code that the source can send stands in docs/errors.md, with its meaning and its remedy, and no other does."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator
from pathlib import Path

import pytest
from headgate.evaluator.answer import ErrorCode

import controller
import stages
from controller.api import errors
from controller.errors import HeadgateError, InvalidInput

ROOT = Path(controller.__file__).parent.parent
PAGE = ROOT / "docs" / "errors.md"
ROW = re.compile(r"^\| `([A-Za-z_]+)` \| ([^|]+) \| ([^|]+) \| ([^|]+) \|$", re.MULTILINE)
PASSED_ON = {"Problem", "on_headgate_error", "on_http_exception", "_failure"}


def kinds(base: type[HeadgateError]) -> Iterator[str]:
    yield base.__name__
    for kind in base.__subclasses__():
        yield from kinds(kind)


def literal(node: ast.expr | None) -> str | None:
    return node.value if isinstance(node, ast.Constant) and isinstance(node.value, str) else None


def codes_of_errors(tree: ast.Module) -> Iterator[str | None]:
    """The codes in calls that make an error: the first argument, or the keyword of `InvalidInput`."""
    for node in ast.walk(tree):
        if not isinstance(node, ast.Call):
            continue
        name = node.func.attr if isinstance(node.func, ast.Attribute) else getattr(node.func, "id", "")
        if name in {*kinds(InvalidInput), "NotFound", "VersionConflict", "Unauthenticated"}:
            yield from (literal(keyword.value) for keyword in node.keywords if keyword.arg == "code")
        elif name in set(kinds(HeadgateError)):
            yield literal(node.args[0])


def codes_of_classes(tree: ast.Module) -> Iterator[str | None]:
    """The codes that classes of errors bring with them."""
    for node in ast.walk(tree):
        if isinstance(node, ast.ClassDef) and node.name in set(kinds(HeadgateError)):
            for call in ast.walk(node):
                if (
                    isinstance(call, ast.Call)
                    and isinstance(call.func, ast.Attribute)
                    and call.func.attr == "__init__"
                ):
                    yield literal(call.args[0])
                    yield from (literal(keyword.value) for keyword in call.keywords if keyword.arg == "code")
            for function in node.body:
                if isinstance(function, ast.FunctionDef):
                    yield from (literal(default) for default in function.args.kw_defaults if default)


def is_init(node: ast.AST) -> bool:
    """Whether this is a call of the base class's initialiser with a status and a code."""
    is_call = isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute)
    return is_call and node.func.attr == "__init__" and len(node.args) > 1


def codes_of_answers(tree: ast.Module) -> Iterator[str | None]:
    for node in ast.walk(tree):
        if isinstance(node, ast.Call) and getattr(node.func, "id", "") in (
            "problem",
            "problem_content",
            "Refused",
        ):
            # stages.Refused has no code of its own: it carries refusals.
            yield from (literal(code) for code in node.args[1:2])
        if isinstance(node, ast.ClassDef) and node.name in ("BadContext", "_Unusable"):
            yield from (literal(call.args[1]) for call in ast.walk(node) if is_init(call))


def codes_of_refusals(tree: ast.Module) -> Iterator[str | None]:
    for node in ast.walk(tree):
        if isinstance(node, ast.Call) and getattr(node.func, "id", "") == "Refusal":
            assert node.args, "a refusal names its code first"
            code = literal(node.args[0])
            assert code, f"line {node.lineno}: the code of a refusal is written down, not made up"
            yield code


def sources(package: str) -> Iterator[ast.Module]:
    for path in sorted((ROOT / package).rglob("*.py")):
        yield ast.parse(path.read_text(encoding="utf-8"), str(path))


@pytest.fixture(scope="module")
def in_source() -> set[str]:
    found: set[str | None] = set(errors.CODES.values()) | {"http_error"}
    for package in ("controller", "stages"):
        for tree in sources(package):
            found |= {
                *codes_of_errors(tree),
                *codes_of_classes(tree),
                *codes_of_answers(tree),
                *codes_of_refusals(tree),
            }
    # Errors of a registry bear names like ours, and begin with a sentence.
    return {code for code in found if code and " " not in code}


@pytest.fixture(scope="module")
def documented() -> dict[str, tuple[str, ...]]:
    rows = ROW.findall(PAGE.read_text(encoding="utf-8"))
    assert len(rows) == len({row[0] for row in rows}), "a code stands in the page twice"
    return {code: tuple(cell.strip() for cell in cells) for code, *cells in rows}


def test_the_search_finds_codes_of_every_kind(in_source: set[str]) -> None:
    assert {
        "not_found",
        "key_taken",
        "invalid_field",
        "bad_query",
        "refused",
        "held",
        "body_too_large",
    } <= in_source
    assert {"unauthenticated", "invalid_json", "invalid_context", "promotion_needed"} <= in_source
    assert stages.Refusal is not None


def test_every_code_in_the_source_is_documented(
    in_source: set[str], documented: dict[str, tuple[str, ...]]
) -> None:
    assert sorted(in_source - set(documented)) == []


def test_every_documented_code_is_in_the_source(
    in_source: set[str], documented: dict[str, tuple[str, ...]]
) -> None:
    protocol = {*ErrorCode.__args__, "INVALID_CONTEXT"}  # type: ignore[attr-defined]
    assert sorted(set(documented) - in_source - protocol) == []


def test_every_code_has_a_meaning_and_a_remedy(documented: dict[str, tuple[str, ...]]) -> None:
    assert [code for code, cells in documented.items() if not all(cells)] == []


def test_a_code_that_names_no_field_itself_is_told_one(in_source: set[str]) -> None:
    assert set(errors._FIELDS) <= in_source
