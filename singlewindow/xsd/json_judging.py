"""Judging a message that came as JSON: written as XML by its schema, judged as XML, errors pointing into the JSON."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace

from singlewindow.messages.judgement import Judgement, Problem
from singlewindow.xsd.catalogue import Catalogue, InstalledSet
from singlewindow.xsd.json_mapping.pointers import json_pointer
from singlewindow.xsd.json_mapping.read_json import JsonRefused, read_json_root, to_xml
from singlewindow.xsd.json_mapping.shape import ElementShape
from singlewindow.xsd.parser import Refused

JudgeXml = Callable[[bytes, str], Judgement]
"""Judges a document by the set of this name."""

ShapeOf = Callable[[InstalledSet, str], ElementShape]


def judge_json(
    catalogue: Catalogue, body: bytes, editions: Sequence[str], *, shape_of: ShapeOf, judge_xml: JudgeXml
) -> tuple[Judgement, bytes]:
    """The verdict and the XML that was judged, by the first edition that takes the message.

    Raises JsonRefused where the body has no XML form, Refused where its root is unknown.
    """
    root = read_json_root(body)
    known = catalogue.knowing(root, editions)
    if not known:
        raise Refused(422, "unknown-root", f"no installed message set has a root {root[:80]}")
    verdicts: list[tuple[Judgement, bytes]] = []
    refusals: list[JsonRefused] = []
    for installed in known:
        shape = shape_of(installed, root)
        try:
            document = to_xml(body, shape)
        except JsonRefused as refused:
            refusals.append(refused)
            continue
        verdict = judge_xml(document, installed.message_set.name)
        verdicts.append((_point_into_json(verdict, shape), document))
        if _is_taken(verdict):
            break
    if not verdicts:
        raise refusals[0]
    return min(verdicts, key=lambda one: (not _is_taken(one[0]), sum(not unit.valid for unit in one[0].units)))


def _is_taken(verdict: Judgement) -> bool:
    return not verdict.refused and all(unit.valid for unit in verdict.units)


def _point_into_json(verdict: Judgement, shape: ElementShape) -> Judgement:
    """Line and column are those of XML that the sender never saw."""

    def point(problems: tuple[Problem, ...]) -> tuple[Problem, ...]:
        return tuple(
            replace(
                problem,
                line=None,
                column=None,
                json_pointer=json_pointer(problem.pointer, shape) if problem.pointer else None,
            )
            for problem in problems
        )

    units = tuple(replace(unit, problems=point(unit.problems)) for unit in verdict.units)
    return replace(verdict, units=units, problems=point(verdict.problems))
