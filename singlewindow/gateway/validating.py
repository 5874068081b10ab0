"""POST /v1/validations: the same checks as filing, and nothing is stored."""

from __future__ import annotations

from typing import Any

from aiohttp import web

from singlewindow.gateway.answers import answer_json
from singlewindow.gateway.deliveries import judge_delivery, read_delivery
from singlewindow.gateway.languages import language_headers, localise, preferred_language
from singlewindow.gateway.negotiation import choose_form
from singlewindow.gateway.parts import IN_FLIGHT, PARTS, TRADER
from singlewindow.gateway.verdicts import Foreign, describe_unit, find_foreign, list_problems
from singlewindow.gateway.xml_view import write_validation
from singlewindow.messages.judgement import MAX_ERRORS, Judgement, Problem


async def validate(request: web.Request) -> web.Response:
    """200 with every error found; 4xx only where the body cannot be judged at all."""
    form, parts = choose_form(request), request.app[PARTS]
    with request.app[IN_FLIGHT].admit(request[TRADER].id) as hold:
        judged = await judge_delivery(parts, request[TRADER], await read_delivery(request, hold))
        judgement = judged.judgement
    foreign = _find_foreign(request, judgement)
    report = _report(judgement, foreign)
    language = preferred_language(request)
    told, headers = localise(report, language), language_headers(language)
    if form == "xml":
        return web.Response(body=write_validation(told), content_type="application/xml", headers=headers)
    return answer_json(told, headers=headers)


def _find_foreign(request: web.Request, judgement: Judgement) -> Foreign:
    if judgement.direction == "response":
        return {}
    return find_foreign(judgement, request[TRADER], request.app[PARTS].sets[judgement.message_set])


def _report(judgement: Judgement, foreign: Foreign) -> dict[str, Any]:
    problems = list_problems(judgement, foreign)
    errors = [problem for problem in problems if problem.severity == "error"]
    warnings = [problem for problem in problems if problem.severity != "error"] + _warn_of_direction(judgement)
    return {
        "valid": not errors,
        "message_set": judgement.message_set,
        "type": judgement.root,
        "direction": judgement.direction,
        "errors": [problem.as_json() for problem in errors[:MAX_ERRORS]],
        "warnings": [problem.as_json() for problem in warnings[:MAX_ERRORS]],
        "truncated": judgement.truncated or len(errors) > MAX_ERRORS,
        "declarations": [describe_unit(unit, foreign) for unit in judgement.units],
    }


def _warn_of_direction(judgement: Judgement) -> list[Problem]:
    if judgement.direction != "response":
        return []
    return [Problem("wrong-direction", f"{judgement.root} is an authority's answer; it cannot be filed", "warning")]
