"""`singlewindow adapter check`: the robot that certifies an adapter."""

from __future__ import annotations

import asyncio
import sys
from contextlib import AbstractAsyncContextManager
from pathlib import Path

from rich.console import Console
from rich.markup import escape

from singlewindow.adapters.certification.finding import open_stubbed, open_subject
from singlewindow.adapters.certification.reporting import WRITERS, Form
from singlewindow.adapters.certification.robot import Report, certify
from singlewindow.adapters.certification.subject import Subject
from singlewindow.logs import configure_logging
from singlewindow.settings import load_settings

_COLOURS = {"passed": "green", "failed": "red", "not-applicable": "bright_black"}


def check(
    name: str,
    *,
    report: Form | None = None,
    output: Path | None = None,
    service: str = "",
    stub: bool = False,
    live: bool = False,
) -> None:
    """Run the conformance scenarios against an adapter through a faulty network, and give a verdict with evidence.

    A built-in agency is tried against a sandbox that this command starts, a folder whose address is only an example
    (agency.example) before a stub of it. Exit code 0: every scenario that applies passed. 1: at least one failed.
    3: the service cannot be reached.

    Parameters
    ----------
    name
        An agency, an agency's folder, or the URL of a built-in agency's service (https://host/customs).
    report
        Write the report in this form instead of a summary: html (a page to print), json or junit.
    output
        The report's file; standard output without it.
    service
        Base URL of the service, in place of the setting agencies_url; a built-in agency is tried before a sandbox.
    stub
        Try a folder before a stub that is made of its own WSDL and agency.toml: no service is needed.
    live
        Allow duplicates, faults and load against a service that is not on this machine. A duplicate there is a legal
        filing.
    """
    # what a sandbox has to say would stand within a report on standard output
    configure_logging("error")
    settings = load_settings()
    if service:
        settings = settings.model_copy(update={"agencies_url": service.rstrip("/")})
    opened = open_stubbed(Path(name)) if stub else open_subject(name, settings)
    result = asyncio.run(_certify(opened, live=live))
    if report is not None:
        _write(WRITERS[report](result), output)
    else:
        _summarise(result)
    sys.exit(0 if result.passed else 1)


async def _certify(opened: AbstractAsyncContextManager[Subject], *, live: bool) -> Report:
    async with opened as subject:
        return await certify(subject, live=live)


def _write(content: bytes, output: Path | None) -> None:
    if output is None:
        sys.stdout.buffer.write(content)
    else:
        output.write_bytes(content)


def _summarise(result: Report) -> None:
    console = Console(highlight=False, soft_wrap=True)
    if result.stub:
        console.print("before a stub of its own WSDL and agency.toml; the authority was not asked", style="yellow")
    for one in result.results:
        reason = f"  {one.reason}" if one.reason else ""
        console.print(f"[{_COLOURS[one.verdict]}]{one.verdict:<15}[/] {one.id:<22}{escape(reason)}")
    failed, left_out = result.count("failed"), result.count("not-applicable")
    console.print(f"{result.adapter}: {result.score} %, {failed} failed, {left_out} not applicable")
