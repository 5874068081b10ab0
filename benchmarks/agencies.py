"""What does it cost to submit declarations to an agency over SOAP, one at a time and a hundred in a call?

Processor time of the sending side alone, against an agency that acknowledges everything: our adapter; zeep by itself
(which makes the request, sends it with requests and reads the reply into objects), as a router that calls once for
each declaration would use it; and the least, lxml and aiohttp by hand. Rounds are interleaved.
"""

from __future__ import annotations

import hashlib
import statistics
import time
from base64 import b64encode
from collections.abc import Awaitable, Callable
from typing import Any
from uuid import UUID, uuid4

import aiohttp
import uvloop
import zeep
from lxml import etree

from benchmarks.documents import RECIPES
from benchmarks.floor import spread
from benchmarks.load import new_mark
from benchmarks.processes import read_port, started
from benchmarks.results import Form, Result, Row
from benchmarks.series import bars
from singlewindow.adapters.declared.adapter import DeclaredAdapter
from singlewindow.adapters.port import Call, OriginalItem, TaskItem
from singlewindow.adapters.profiles import FOLDERS
from singlewindow.xsd.soap_descriptions import DESCRIPTIONS
from singlewindow.xsd.soap_envelope import EXCHANGE, start_envelope

ROUNDS = {"quick": 3, "full": 7, "long": 15}
DECLARATIONS = {"quick": 200, "full": 1000, "long": 2000}
"""Declarations submitted by each contestant in a round."""

EX = f"{{{EXCHANGE}}}"
LEAST = "lxml and aiohttp by hand"

Submit = Callable[[Call], Awaitable[int]]
"""Submits a call and returns how many declarations were acknowledged."""


def run(form: Form) -> Result:
    """Rows by contestant, for one declaration and for a hundred in a call."""
    with started(["benchmarks.canned_agency"]) as process:
        url = f"http://127.0.0.1:{read_port(process)}/customs"
        times = uvloop.run(_measure(url, form))
    rows = [_describe(who, size, values, times[LEAST, size]) for (who, size), values in times.items()]
    costs = {f"{who}, {size} a call": statistics.median(values) for (who, size), values in times.items()}
    return Result(rows, {"cost": bars("µs a declaration", costs)})


async def _measure(url: str, form: Form) -> dict[tuple[str, int], list[float]]:
    adapter = DeclaredAdapter(FOLDERS / "customs", agencies_url=url.removesuffix("/customs"), environment="sandbox")
    async with aiohttp.ClientSession() as session:
        ways = {"ours": _ours(adapter), "zeep alone": _zeep(url), LEAST: _by_hand(session, url)}
        times: dict[tuple[str, int], list[float]] = {(who, size): [] for size in (1, 100) for who in ways}
        for _ in range(ROUNDS[form]):
            for (who, size), values in times.items():
                values.append(await _micros(ways[who], size, DECLARATIONS[form]))
    await adapter.close()
    return times


async def _micros(submit: Submit, size: int, declarations: int) -> float:
    """Processor time a declaration; the calls are made ready beforehand."""
    calls = [make_call(size) for _ in range(declarations // size)]
    before = time.process_time()
    acknowledged = sum([await submit(call) for call in calls])
    if acknowledged != declarations:
        raise RuntimeError(f"{acknowledged} of {declarations} declarations were acknowledged")
    return (time.process_time() - before) / declarations * 1e6


def make_call(size: int) -> Call:
    """A call with so many originals of one declaration each."""
    recipe, mark = RECIPES["inventory"](), new_mark()
    items = []
    for number in range(size):
        body = recipe.document(number, mark)
        digest = hashlib.sha256(body).hexdigest()
        items.append(OriginalItem(uuid4(), "ceb-2018", "CEB603Message", digest, body, (TaskItem(uuid4(), 1),)))
    return Call(uuid4(), "customs", "declare", "9999960005", tuple(items))


def _ours(adapter: DeclaredAdapter) -> Submit:
    async def submit(call: Call) -> int:
        reply = await adapter.send(adapter.prepare(call), call)
        return sum(answer.verdict == "acknowledged" for answer in reply.answers)

    return submit


def _zeep(url: str) -> Submit:
    client: Any = zeep.Client(str(DESCRIPTIONS / "customs.wsdl"))  # type: ignore[no-untyped-call]
    service = client.create_service(next(iter(client.wsdl.bindings)), url)

    async def submit(call: Call) -> int:
        headers = {"correlation": {"callId": str(call.call_id)}}
        # blocking, as zeep is; nothing else runs meanwhile
        answer: Any = service.Declare(**_arguments(call), _soapheaders=headers)
        return sum(result["verdict"] == "acknowledged" for result in answer["body"]["result"])

    return submit


def _arguments(call: Call) -> dict[str, Any]:
    items = [
        {
            "messageId": str(one.message_id),
            "messageSet": one.message_set,
            "root": one.root,
            "sha256": one.sha256,
            "original": one.original,
            "task": [{"taskId": str(task.task_id), "ordinal": task.ordinal} for task in one.tasks],
        }
        for one in call.items
    ]
    return {"callId": str(call.call_id), "sender": call.sender, "action": call.action, "item": items}


def _by_hand(session: aiohttp.ClientSession, url: str) -> Submit:
    headers = {"Content-Type": "text/xml; charset=utf-8", "SOAPAction": f'"{EXCHANGE}/Declare"'}

    async def submit(call: Call) -> int:
        async with session.post(url, data=_written(call), headers=headers) as response:
            reply = etree.fromstring(await response.read())
        verdicts = [
            (UUID(one.findtext(f"{EX}taskId")), one.findtext(f"{EX}verdict")) for one in reply.iter(f"{EX}result")
        ]
        return sum(verdict == "acknowledged" for _, verdict in verdicts)

    return submit


def _written(call: Call) -> bytes:
    root, body = start_envelope("1.1", call.call_id)
    declare = etree.SubElement(body, f"{EX}Declare")
    _add(declare, callId=str(call.call_id), sender=call.sender, environment="sandbox", action=call.action)
    for one in call.items:
        item = etree.SubElement(declare, f"{EX}item")
        _add(item, messageId=str(one.message_id), messageSet=one.message_set, root=one.root, sha256=one.sha256)
        _add(item, original=b64encode(one.original).decode())
        for task in one.tasks:
            _add(etree.SubElement(item, f"{EX}task"), taskId=str(task.task_id), ordinal=str(task.ordinal))
    return etree.tostring(root, encoding="UTF-8", xml_declaration=True)


def _add(parent: etree._Element, **texts: str) -> None:
    for name, text in texts.items():
        etree.SubElement(parent, f"{EX}{name}").text = text


def _describe(who: str, size: int, values: list[float], least: list[float]) -> Row:
    return {
        "who": who,
        "in a call": size,
        "µs a declaration": statistics.median(values),
        "spread": spread(values),
        "× the least": statistics.median(values) / statistics.median(least),
    }
