"""A report as HTML to print, as JSON, and as JUnit XML."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import asdict
from pathlib import Path
from typing import Literal

import orjson
from jinja2 import Environment, StrictUndefined

from singlewindow.adapters.certification.robot import Report, Result
from singlewindow.xsd.junit_writing import JUnitCase, write_junit

Form = Literal["html", "json", "junit"]

TEMPLATE = Path(__file__).parent / "report.html"


def write_html(report: Report) -> bytes:
    """One page without scripts or anything from elsewhere; every text is escaped."""
    environment = Environment(autoescape=True, undefined=StrictUndefined, trim_blocks=True, lstrip_blocks=True)
    page = environment.from_string(TEMPLATE.read_text("utf-8")).render(report=report)
    return page.encode()


def write_json(report: Report) -> bytes:
    """Score, counts and every result with its evidence."""
    counts = {verdict: report.count(verdict) for verdict in ("passed", "failed", "not-applicable")}
    summary = {"score": report.score, "passed": report.passed, "counts": counts}
    return orjson.dumps(asdict(report) | summary, option=orjson.OPT_INDENT_2 | orjson.OPT_APPEND_NEWLINE)


def write_junit_xml(report: Report) -> bytes:
    """Each scenario as a test case; one that does not apply is skipped."""
    cases = [_describe_case(result) for result in report.results]
    suite = f"adapter.{report.adapter}{'.stub' if report.stub else ''}"
    return write_junit(suite, report.started_at.isoformat(timespec="seconds"), cases)


WRITERS: dict[Form, Callable[[Report], bytes]] = {"html": write_html, "json": write_json, "junit": write_junit_xml}


def _describe_case(result: Result) -> JUnitCase:
    exchanges = (
        f"--- {exchange.fault}, reached the service {exchange.reached} times\n{exchange.request}\n\n{exchange.reply}"
        for exchange in result.exchanges
    )
    output = "\n".join([result.must, *result.said, *exchanges])
    verdict = "skipped" if result.verdict == "not-applicable" else result.verdict
    return JUnitCase(result.id, verdict, result.reason, result.seconds, output)
