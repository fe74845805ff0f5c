"""XML as a tree that knows the line of each element. There are no entities in it but those of XML itself."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from xml.parsers import expat

from reconciler.engines.neo4j.scripts.reader import NotRead


@dataclass(slots=True)
class Element:
    """`tag`: without its name space. `line`: where it begins, from 1."""

    tag: str
    attributes: dict[str, str]
    line: int
    children: list[Element] = field(default_factory=list)
    text: str = ""

    def all(self, tag: str) -> Iterator[Element]:
        """The elements of this name below it."""
        for child in self.children:
            if child.tag == tag:
                yield child
            yield from child.all(tag)


def parsed(text: str) -> tuple[Element, list[tuple[str, str]]]:
    """The root, and the processing instructions as (name, the rest).

    Raises NotRead for what is no XML or has a document type.
    """
    parser = expat.ParserCreate("utf-8", " ")
    parser.buffer_text = True
    open_elements = [Element("", {}, 0)]
    instructions: list[tuple[str, str]] = []

    def start(tag: str, attributes: dict[str, str]) -> None:
        element = Element(tag.rpartition(" ")[2], attributes, parser.CurrentLineNumber)
        open_elements[-1].children.append(element)
        open_elements.append(element)

    def said(data: str) -> None:
        open_elements[-1].text += data

    def refused(*_type: object) -> None:
        raise NotRead("a document type is not read")

    parser.StartElementHandler = start
    parser.EndElementHandler = lambda _tag: open_elements.pop()
    parser.CharacterDataHandler = said
    parser.ProcessingInstructionHandler = lambda name, rest: instructions.append((name, rest.strip()))
    parser.StartDoctypeDeclHandler = refused
    try:
        parser.Parse(text.encode(), True)
    except expat.ExpatError as error:
        raise NotRead(f"it is no XML: {expat.ErrorString(error.code)} in line {error.lineno}") from None
    return open_elements[0].children[0], instructions
