"""/v1/dead-letters: what was given up, of all traders, for operators to try again or to discard."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any
from uuid import UUID

import structlog
from aiohttp import web

from singlewindow.gateway.answers import (
    answer_document,
    answer_json,
    check_parameters,
    parse_id,
    parse_time,
    read_id,
    read_limit,
    read_optional_id,
)
from singlewindow.gateway.objects import read_object
from singlewindow.gateway.parts import IN_FLIGHT, PARTS, TRADER
from singlewindow.gateway.reasons import read_reason
from singlewindow.gateway.refusals import HttpRefusal, not_found
from singlewindow.ledger.dead_letters import Outcome, Selection
from singlewindow.messages.lifecycle import NEEDS_PERSON

FILTERS = frozenset({"agency", "reason", "state", "since", "until"})
PAGE, MAX_PAGE = 50, 200
MAX_IDS = 1000

log = structlog.get_logger()


async def list_dead_letters(request: web.Request) -> web.Response:
    """A page. `next` is the `after` of the next page, null on the last."""
    check_parameters(request, FILTERS | {"after", "limit"})
    limit = read_limit(request, default=PAGE, most=MAX_PAGE)
    after = read_optional_id(request, "after")
    selection = _read_selection(request.query)
    found = await request.app[PARTS].dead_letters.page(selection, after=after, limit=limit)
    return answer_json({"dead_letters": found, "next": found[-1]["id"] if len(found) == limit else None})


async def show_dead_letter(request: web.Request) -> web.Response:
    """One of them, with links to the raw bytes and the last exchange."""
    found = await request.app[PARTS].dead_letters.show(read_id(request))
    if found is None:
        raise not_found()
    return answer_json(found)


async def show_dead_letter_document(request: web.Request) -> web.Response:
    """The message as received, byte for byte."""
    found = await request.app[PARTS].dead_letters.document(read_id(request))
    if found is None:
        raise not_found()
    return answer_document(found.content, "xml" if found.derived is None else "json")


async def show_dead_letter_exchange(request: web.Request) -> web.Response:
    """The newest call that carried it; 404 too where nothing was ever sent."""
    found = await request.app[PARTS].dead_letters.exchange(read_id(request))
    if found is None:
        raise not_found()
    return answer_json(found)


async def replay_dead_letter(request: web.Request) -> web.Response:
    """Try one again under its task id; `replayed` is false where it was tried again before."""
    task_id, by = read_id(request), request[TRADER].key_id
    work = request.app[PARTS].dead_letters.replay(task_id, by=by)
    outcome = _judge(await request.app[IN_FLIGHT].keep(work))
    log.warning("gateway.dead_letter_replayed", task=str(task_id), by=str(by), outcome=outcome)
    return answer_json({"id": str(task_id), "replayed": outcome == "done"})


async def replay_dead_letters(request: web.Request) -> web.Response:
    """Try those with these ids, or all that the filters select, again; `more` where the time did not suffice."""
    selection, by = _read_range(await read_object(request)), request[TRADER].key_id
    work = request.app[PARTS].dead_letters.replay_range(selection, by=by)
    replayed, more = await request.app[IN_FLIGHT].keep(work)
    log.warning("gateway.dead_letters_replayed", count=len(replayed), by=str(by))
    return answer_json({"replayed": [str(task_id) for task_id in replayed], "more": more})


async def discard_dead_letter(request: web.Request) -> web.Response:
    """Give one up for good, with a reason that stands in the declaration's sealed history."""
    dead_letters, task_id, by = request.app[PARTS].dead_letters, read_id(request), request[TRADER].key_id
    if await dead_letters.show(task_id) is None:
        outcome = _judge(await dead_letters.judge(task_id, wanted="cancelled"))
    else:
        reason = read_reason(await read_object(request))
        outcome = _judge(await request.app[IN_FLIGHT].keep(dead_letters.discard(task_id, by=by, reason=reason)))
    log.warning("gateway.dead_letter_discarded", task=str(task_id), by=str(by), outcome=outcome)
    return answer_json({"id": str(task_id), "discarded": outcome == "done"})


def _judge(outcome: Outcome) -> Outcome:
    if outcome == "unknown":
        raise not_found()
    if outcome == "not-dead":
        raise HttpRefusal(409, "not-dead-letter", "its agency has answered, or it was withdrawn: nothing is left to do")
    return outcome


def _read_selection(stated: Mapping[str, str]) -> Selection:
    state = stated.get("state")
    if state is not None and state not in NEEDS_PERSON:
        raise HttpRefusal(400, "bad-parameter", f"state is one of {', '.join(sorted(NEEDS_PERSON))}")
    since, until = stated.get("since"), stated.get("until")
    return Selection(
        None,
        stated.get("agency"),
        stated.get("reason"),
        state,
        None if since is None else parse_time("since", since),
        None if until is None else parse_time("until", until),
    )


def _read_range(stated: dict[str, Any]) -> Selection:
    """Ids or filters, never nothing: an empty object must not send everything again."""
    unknown = sorted(set(stated) - FILTERS - {"ids"})
    if unknown or not stated or ("ids" in stated and len(stated) > 1):
        raise HttpRefusal(400, "bad-parameter", f"state ids, or one or more of {', '.join(sorted(FILTERS))}")
    if "ids" in stated:
        return Selection(_read_ids(stated["ids"]))
    if not all(isinstance(value, str) for value in stated.values()):
        raise HttpRefusal(400, "bad-parameter", "filters are texts")
    return _read_selection(stated)


def _read_ids(stated: Any) -> tuple[UUID, ...]:
    if not isinstance(stated, list) or len(stated) > MAX_IDS or not all(isinstance(one, str) for one in stated):
        raise HttpRefusal(400, "bad-parameter", f"ids must be a list of at most {MAX_IDS} ids")
    return tuple(parse_id("ids", one) for one in stated)
