"""Scenarios of replies that are no acceptance: statuses, Faults, and what is malformed, huge or meant for others."""

from __future__ import annotations

import re
from functools import partial

from singlewindow.adapters.certification.scenario import NotApplicable, Outcome, Scenario, Trial, require, task_ids
from singlewindow.adapters.faults import (
    CorruptCorrelation,
    Fault,
    ForeignTasks,
    Malformation,
    Malformed,
    SoapFaultReply,
    Status,
)

RETRY_AFTER_SECONDS = 7
_CORRELATED = re.compile(rb"callId|RelatesTo")


async def _submit(trial: Trial, fault: Fault) -> Outcome:
    return await trial.submit(trial.subject.specimen.make_call(trial.adapter.agency), fault)


async def _fail(trial: Trial) -> None:
    for status in (500, 502):
        outcome = await _submit(trial, Status(status))
        require(outcome.is_doubt, f"to HTTP {status} the adapter says {outcome}")


async def _postpone(trial: Trial) -> None:
    for status in (503, 429):
        outcome = await _submit(trial, Status(status, RETRY_AFTER_SECONDS))
        error = outcome.error
        require(error is not None and error.temporary, f"to HTTP {status} the adapter says {outcome}")
        waits_seconds = error.retry_after_seconds if error else None
        require(waits_seconds == RETRY_AFTER_SECONDS, f"asked to wait {RETRY_AFTER_SECONDS} s it waits {waits_seconds}")


async def _refuse_credentials(trial: Trial) -> None:
    for status in (401, 403):
        outcome = await _submit(trial, Status(status))
        error = outcome.error
        require(error is not None and not error.temporary, f"to HTTP {status} the adapter says {outcome}")
        require(error is not None and error.stops_lane, "the adapter blames the document and would send the next one")
        shown = repr(error) + (error.detail if error else "")
        require(not any(secret in shown for secret in trial.subject.secrets), "the error tells a secret")


async def _refuse_size(trial: Trial) -> None:
    outcome = await _submit(trial, Status(413))
    error = outcome.error
    require(error is not None and not error.temporary and not error.outcome_unknown, f"the adapter says {outcome}")
    require(error is None or not error.stops_lane, "one document was too large, and the adapter stops them all")


async def _redirect(trial: Trial) -> None:
    for status in (302, 307):
        before = len(trial.proxy.observed)
        outcome = await _submit(trial, Status(status))
        visits = len(trial.proxy.observed) - before
        require(visits == 1, f"HTTP {status} was followed: {visits} requests")
        require(outcome.error is not None and not outcome.error.temporary, f"the adapter says {outcome}")


async def _fault_client(trial: Trial) -> None:
    outcome = await _submit(trial, SoapFaultReply("client"))
    require_definite(outcome)


async def _fault_server(trial: Trial) -> None:
    outcome = await _submit(trial, SoapFaultReply("server"))
    require(outcome.error is not None and outcome.error.temporary, f"the agency failed and the adapter says {outcome}")


async def _fault_under_200(trial: Trial) -> None:
    outcome = await _submit(trial, SoapFaultReply("client", status=200))
    require_definite(outcome)
    failed = await _submit(trial, SoapFaultReply("server", status=200))
    require(failed.error is not None and failed.error.temporary, f"the agency failed and the adapter says {failed}")


def require_definite(outcome: Outcome) -> None:
    """The request itself was refused, so nothing has happened and sending it again cannot help."""
    error = outcome.error
    refused = error is not None and not error.temporary and not error.outcome_unknown
    require(refused or outcome.all_are("rejected"), f"the request was refused and the adapter says {outcome}")


async def _read_malformed(kind: Malformation, trial: Trial) -> None:
    outcome = await _submit(trial, Malformed(kind))
    require(outcome.is_doubt, f"no answer could be read and the adapter says {outcome}")


async def _read_other_call(trial: Trial) -> None:
    outcome = await _submit(trial, CorruptCorrelation())
    if not _CORRELATED.search(trial.proxy.observed[-1].answered):
        raise NotApplicable("the agency's replies name no call")
    require(outcome.is_doubt, f"the reply answers another call and the adapter says {outcome}")


async def _read_other_tasks(trial: Trial) -> None:
    call = trial.subject.specimen.make_call(trial.adapter.agency)
    await trial.submit(call)
    if str(task_ids(call)[0]).encode() not in trial.proxy.observed[-1].answered:
        raise NotApplicable("the agency's replies do not name our tasks")
    outcome = await _submit(trial, ForeignTasks())
    require(outcome.is_doubt, f"the reply answers other tasks and the adapter says {outcome}")


def _malformed(kind: Malformation, title: str, must: str) -> Scenario:
    return Scenario(f"reply-{kind}", title, must, partial(_read_malformed, kind))


REPLIES = (
    Scenario(
        "http-500", "HTTP 500 and 502", "a status question or the same id again: the agency may have acted",
        _fail,
    ),
    Scenario(
        "retry-after", "HTTP 503 and 429 with Retry-After", "silence for as long as it asked for, then the same id",
        _postpone,
    ),
    Scenario(
        "credentials-refused", "HTTP 401 and 403", "no further documents until somebody has mended the credentials",
        _refuse_credentials,
    ),
    Scenario(
        "too-large", "HTTP 413", "this document no more, the others as before",
        _refuse_size,
    ),
    Scenario(
        "redirect", "HTTP 302 and 307", "no document sent elsewhere because a reply says so",
        _redirect,
    ),
    Scenario(
        "fault-client", "A SOAP Fault: the request is wrong", "its refusal taken as such, and nothing sent again",
        _fault_client,
    ),
    Scenario(
        "fault-server", "A SOAP Fault: the agency failed", "the same id again, later",
        _fault_server,
    ),
    Scenario(
        "fault-under-200", "A SOAP Fault under HTTP 200", "the same as under 500: the Fault counts, not the status",
        _fault_under_200,
    ),
    _malformed("html", "An HTML page under HTTP 200", "a status question: a log-in page is no acceptance"),
    _malformed("empty", "An empty reply under HTTP 200", "a status question: silence is no acceptance"),
    _malformed("truncated", "XML that ends early", "a status question: half a reply is no acceptance"),
    _malformed("namespace", "An envelope in a namespace that is not SOAP's", "a status question: this is no answer"),
    _malformed("doctype", "A reply with a DOCTYPE and an entity", "a status question, and no file of ours read for it"),
    _malformed("huge", "A reply of 20 MB", "a status question, and a single window that is still up"),
    _malformed("gzip-bomb", "A compressed reply that unpacks to 20 MB", "a status question, and nothing unpacked"),
    Scenario(
        "reply-other-call", "A reply to another call", "a status question: it says nothing of this call",
        _read_other_call,
    ),
    Scenario(
        "reply-other-tasks", "A reply about other tasks", "a status question: these tasks were not answered",
        _read_other_tasks,
    ),
)  # fmt: skip
