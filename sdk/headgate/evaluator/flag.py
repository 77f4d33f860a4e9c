"""One flag of a document: its shape checked, its rule compiled."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from functools import partial
from typing import Any, NamedTuple

from headgate.evaluator.answer import Evaluation
from headgate.evaluator.answers import Answers, Wrap, error
from headgate.evaluator.compiler import Compiler, Constant, Rule
from headgate.evaluator.expansion import Expansion
from headgate.evaluator.limits import CompileError
from headgate.evaluator.sharing import Values
from headgate.evaluator.targeting import DIALECT, Targeting

Clock = Callable[[], float]
"""Returns seconds since the epoch."""


class Common(NamedTuple):
    """What the flags of a document have in common: its metadata, and how their answers are made."""

    metadata: Mapping[str, Any]
    values: Values
    clock: Clock
    wrap: Wrap


def compile_flag(key: str, flag: Any, common: Common, expansion: Expansion) -> Rule:
    """Compile a flag into a function from a context to what ``common.wrap`` makes of its ``Evaluation``.

    A flag that cannot be used becomes one that always answers ERROR / PARSE_ERROR.
    """
    metadata = common.metadata
    try:
        check_shape(flag)
        if own := flag.get("metadata"):
            metadata = common.values.mapping({**metadata, **own})
        return _compile_checked(key, flag, metadata, common, expansion)
    except CompileError as problem:
        answer = error("PARSE_ERROR", f"The flag cannot be used: {problem}", metadata)
        return Constant(common.wrap(key, answer))


def is_metadata(metadata: Any) -> bool:
    """Return whether ``metadata`` is nothing, or an object of texts, numbers and booleans."""
    if metadata is None:
        return True
    return isinstance(metadata, dict) and all(map(_is_metadatum, metadata.items()))


def _is_metadatum(item: tuple[Any, Any]) -> bool:
    key, value = item
    return isinstance(key, str) and key != "" and isinstance(value, (str, int, float))


def check_shape(flag: Any) -> None:
    """Raise CompileError when ``flag`` is not shaped like one."""
    if not isinstance(flag, dict):
        raise CompileError("it is not an object.")
    if flag.get("state") not in ("ENABLED", "DISABLED"):
        raise CompileError("its state is neither ENABLED nor DISABLED.")
    variants = flag.get("variants")
    if not isinstance(variants, dict) or not variants:
        raise CompileError("it has no variants.")
    if not isinstance(flag.get("defaultVariant"), (str, bool, type(None))):
        raise CompileError("its default variant is not a name.")
    if flag.get("targeting") and not isinstance(flag["targeting"], dict):
        raise CompileError("its targeting is not an object.")
    if not is_metadata(flag.get("metadata")):
        raise CompileError("its metadata is not an object of texts, numbers and booleans.")


def _compile_checked(
    key: str, flag: dict[str, Any], metadata: Mapping[str, Any], common: Common, expansion: Expansion
) -> Rule:
    wrap = partial(common.wrap, key)
    answers = Answers(flag["variants"], _name(flag.get("defaultVariant")), metadata, wrap)
    if flag["state"] == "DISABLED":
        return Constant(wrap(Evaluation(reason="DISABLED", metadata=metadata)))
    if not flag.get("targeting"):
        return Constant(answers.static())
    compiler = Compiler(key, DIALECT)
    rule = Targeting(compiler, answers).compile(expansion.expand(flag["targeting"]))
    return _with_runtime(rule, key, common.clock) if compiler.reads_runtime else rule


def _name(variant: Any) -> str | None:
    if isinstance(variant, bool):
        return "true" if variant else "false"
    return variant or None


def _with_runtime(rule: Rule, key: str, clock: Clock) -> Rule:
    def run(context: dict[str, Any]) -> Any:
        return rule({**context, "$flagd": {"flagKey": key, "timestamp": int(clock())}})

    return run
