"""XML without what XML is attacked through: no document type, hence no entities; bounded in depth and size."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from xml.parsers import expat

from controller.importers.limits import MAX_DEPTH, MAX_ELEMENTS


class NotXML(ValueError):
    """The text is not XML, or not XML that can be trusted; says what is wrong and where."""


@dataclass(frozen=True, slots=True)
class Element:
    """An element with its attributes and the elements in it. Text is left out: no report needs it."""

    tag: str
    attributes: Mapping[str, str]
    children: list[Element] = field(default_factory=list)

    def inside(self, *tags: str) -> Iterator[Element]:
        """The elements directly inside that have one of these tags."""
        return (child for child in self.children if child.tag in tags)


def loads(text: str) -> Element:
    """Read XML and give its outermost element.

    Raises:
        NotXML: It is not well formed, has a document type, or is too deep or too large.
    """
    if text.count("<") > 2 * MAX_ELEMENTS:
        raise NotXML(f"has more than {MAX_ELEMENTS} elements")
    tree = _Tree()
    try:
        tree.parser().Parse(text, True)  # noqa: FBT003 - expat's own way to say that this is all.
    except expat.ExpatError as error:
        said = expat.errors.messages[error.code]
        raise NotXML(f"is not XML: {said} at line {error.lineno}, column {error.offset + 1}") from None
    return tree.root.children[0]


def outermost_tag(text: str) -> str:
    """The tag of the outermost element, read from the first characters alone; empty if there is none."""
    tree = _Tree()
    with contextlib.suppress(expat.ExpatError, NotXML):  # What came before an error counts.
        tree.parser().Parse(text[:_HEAD], False)  # noqa: FBT003
    return tree.root.children[0].tag if tree.root.children else ""


class _Tree:
    """Grows while expat reads."""

    def __init__(self) -> None:
        self.root = Element("", {})
        self._open = [self.root]
        self._left = MAX_ELEMENTS

    def parser(self) -> expat.XMLParserType:
        parser = expat.ParserCreate()
        parser.StartDoctypeDeclHandler = self._refuse
        parser.StartElementHandler = self._start
        parser.EndElementHandler = self._end
        return parser

    def _start(self, tag: str, attributes: dict[str, str]) -> None:
        self._left -= 1
        if self._left < 0:
            raise NotXML(f"has more than {MAX_ELEMENTS} elements")
        if len(self._open) > MAX_DEPTH:
            raise NotXML(f"has more than {MAX_DEPTH} levels of nesting")
        element = Element(tag, attributes)
        self._open[-1].children.append(element)
        self._open.append(element)

    def _end(self, _tag: str) -> None:
        self._open.pop()

    def _refuse(self, *_declared: object) -> None:
        raise NotXML("has a document type, which a report does not need")


_HEAD = 4096
