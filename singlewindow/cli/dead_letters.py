"""`singlewindow dead-letters`: see what was given up, have it tried again, or discard it."""

from __future__ import annotations

import asyncio
from http import HTTPStatus
from typing import Any
from urllib.parse import urlencode

from cyclopts import App
from rich.console import Console
from rich.markup import escape

from singlewindow.cli.client import Answer, Gateway
from singlewindow.errors import TraderMistake

dead_letters = App(
    name="dead-letters",
    help=(
        "What was given up and waits for an operator. `list` says why; mend the cause; `replay` sends it again under "
        "the same task id, so that nothing takes effect twice; `discard` withdraws it for good. Needs a key with the "
        "scope operate: --key, SINGLEWINDOW_OPERATOR_KEY, or the one `singlewindow up` made."
    ),
)
Words = dict[str, str]


@dead_letters.default
@dead_letters.command(name="list")
def show(
    *,
    agency: str | None = None,
    reason: str | None = None,
    state: str | None = None,
    since: str | None = None,
    until: str | None = None,
    url: str | None = None,
    key: str | None = None,
) -> None:
    """List them, oldest task first, one line each with the last error below it.

    Parameters
    ----------
    agency
        Only of this agency; `match` is our own matching.
    reason
        Only for this reason: attempts, age, refused, erased, no-end, asked-again, outcome-unknown, matching-failed.
    state
        dead_letter (it failed) or needs_reconciliation (nobody knows whether the agency acted).
    since
        Given up at or after this time, such as 2026-11-22T09:00:00Z.
    until
        Given up before this time.
    url
        The gateway; default SINGLEWINDOW_URL.
    key
        An operator's API key.
    """
    filters = _stated(agency=agency, reason=reason, state=state, since=since, until=until)
    asyncio.run(_list(filters, url, key))


@dead_letters.command
def replay(
    *ids: str,
    agency: str | None = None,
    reason: str | None = None,
    state: str | None = None,
    since: str | None = None,
    until: str | None = None,
    url: str | None = None,
    key: str | None = None,
) -> None:
    """Send again those with these ids, or all that the filters select. Doing so twice is harmless.

    Each keeps its task id, by which its agency deduplicates, and begins with its first attempt. Of what waits for
    reconciliation the agency is asked first.

    Parameters
    ----------
    ids
        Ids, as `list` shows them; with ids no filters.
    agency
        All of this agency.
    reason
        All given up for this reason.
    state
        All in this state.
    since
        All given up at or after this time.
    until
        All given up before this time.
    url
        The gateway; default SINGLEWINDOW_URL.
    key
        An operator's API key.
    """
    filters: dict[str, Any] = dict(_stated(agency=agency, reason=reason, state=state, since=since, until=until))
    if bool(ids) == bool(filters):
        raise TraderMistake("say which: ids, or filters such as --agency customs --reason attempts")
    asyncio.run(_replay({"ids": list(ids)} if ids else filters, url, key))


@dead_letters.command
def discard(task: str, *, reason: str, url: str | None = None, key: str | None = None) -> None:
    """Withdraw one for good; the declaration's key is free for the next attempt.

    Your reason and your key's id stand in the trader's sealed history.

    Parameters
    ----------
    task
        Its id, as `list` shows it.
    reason
        Why, in your words.
    url
        The gateway; default SINGLEWINDOW_URL.
    key
        An operator's API key.
    """
    asyncio.run(_discard(task, reason, url, key))


async def _list(filters: Words, url: str | None, key: str | None) -> None:
    console, count = Console(highlight=False), 0
    async with Gateway(url, key, operator=True) as gateway:
        after: Words = {}
        while True:
            page = _expect(await gateway.get(f"/v1/dead-letters?{urlencode({**filters, **after, 'limit': '200'})}"))
            for letter in page["dead_letters"]:
                _print(console, letter)
            count += len(page["dead_letters"])
            if page["next"] is None:
                break
            after = {"after": page["next"]}
    console.print(f"{count} waiting for an operator")


async def _replay(body: dict[str, Any], url: str | None, key: str | None) -> None:
    count, more = 0, True
    async with Gateway(url, key, operator=True) as gateway:
        while more:
            answer = _expect(await gateway.post_json("/v1/dead-letters/replay", body))
            count, more = count + len(answer["replayed"]), answer["more"]
    print(f"{count} sent again")


async def _discard(task: str, reason: str, url: str | None, key: str | None) -> None:
    async with Gateway(url, key, operator=True) as gateway:
        answer = _expect(await gateway.post_json(f"/v1/dead-letters/{task}/discard", {"reason": reason}))
    print("discarded" if answer["discarded"] else "was withdrawn before")


def _stated(**filters: str | None) -> Words:
    return {name: value for name, value in filters.items() if value is not None}


def _expect(answer: Answer) -> dict[str, Any]:
    status, value = answer
    if status != HTTPStatus.OK:
        raise TraderMistake(f"{value.get('code', status)}: {value.get('detail', '')}")
    return value


def _print(console: Console, letter: dict[str, Any]) -> None:
    what = f"{letter['agency']} {letter['action']} [bold]{letter['reason']}[/bold] ({letter['state']})"
    console.print(f"{letter['id']} {what}, {letter['attempts']} attempts, {letter['since']}", soft_wrap=True)
    console.print(f"    declaration {letter['declaration_id']}", style="dim", soft_wrap=True)
    if letter["last_error"]:
        console.print(f"    {escape(letter['last_error'])}", style="dim", soft_wrap=True)
