"""/v1/checkpoints: the signed heads of a trader's history, to be kept where nobody here can reach them."""

from __future__ import annotations

from aiohttp import web

from singlewindow.gateway.answers import answer_json, check_parameters, read_limit, read_number
from singlewindow.gateway.parts import PARTS, TRADER
from singlewindow.gateway.refusals import HttpRefusal

PAGE, MAX_PAGE = 100, 1000
LARGEST = 2**53


async def list_checkpoints(request: web.Request) -> web.Response:
    """A page, oldest first. `next` is the `after` of the next page, null on the last."""
    check_parameters(request, frozenset({"after", "limit"}))
    limit = read_limit(request, default=PAGE, most=MAX_PAGE)
    after = read_number(request, "after", default=0, most=LARGEST)
    found = await request.app[PARTS].heads.page(request[TRADER].id, after=after, limit=limit)
    return answer_json({"checkpoints": found, "next": found[-1]["tree_size"] if len(found) == limit else None})


async def show_consistency(request: web.Request) -> web.Response:
    """That the checkpoint over `to` events begins with the one over `from`; both come along as they were signed."""
    check_parameters(request, frozenset({"from", "to"}))
    earlier, later = (read_number(request, name, default=0, most=LARGEST) for name in ("from", "to"))
    if not 0 < earlier <= later:
        raise HttpRefusal(400, "bad-parameter", "from and to are the tree_size of two checkpoints, the smaller first")
    proof = await request.app[PARTS].heads.extension(request[TRADER].id, earlier=earlier, later=later)
    if proof is None:
        detail = f"no checkpoint was signed over {earlier}, or none over {later} events; /v1/checkpoints lists them"
        raise HttpRefusal(404, "not-found", detail)
    return answer_json({"from": earlier, "to": later, **proof})
