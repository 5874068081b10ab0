"""An agency that acknowledges whatever it is sent, and keeps nothing. `python -m benchmarks.canned_agency`.

Prints the port it took. Ends with SIGTERM.
"""

from __future__ import annotations

import uvloop
from aiohttp import web

from benchmarks.bare_server import serve
from singlewindow.xsd.soap_envelope import http_headers, open_envelope
from singlewindow.xsd.soap_replies import TaskResult, write_results
from singlewindow.xsd.soap_requests import read_submission


async def acknowledge(request: web.Request) -> web.Response:
    message = open_envelope(await request.read())
    tasks = [task for item in read_submission(message).items for task in item.tasks]
    reply = write_results(message, [TaskResult(task.task_id, "acknowledged", "0", "taken") for task in tasks])
    return web.Response(body=reply, headers=http_headers(message.version))


if __name__ == "__main__":
    uvloop.run(serve("/customs", acknowledge))
