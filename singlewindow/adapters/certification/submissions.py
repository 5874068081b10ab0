"""Scenarios over a sound network: the request as such, what the agency takes and refuses, and one effect for each."""

from __future__ import annotations

import base64

from singlewindow.adapters.certification.scenario import (
    NotApplicable,
    Outcome,
    RequirementBroken,
    Scenario,
    Trial,
    require,
    task_ids,
)
from singlewindow.adapters.faults import DuplicateRequest
from singlewindow.adapters.port import Call
from singlewindow.errors import SingleWindowError
from singlewindow.xsd.wsdl_replies import open_foreign

LARGEST_BATCH = 100


async def _prepare_soap(trial: Trial) -> None:
    envelope = trial.prepare(_make_call(trial))
    require(envelope.url.startswith(("http://", "https://")), f"the address is {envelope.url!r}")
    try:
        open_foreign(envelope.body)
    except SingleWindowError as mistake:
        raise RequirementBroken(f"the request is no SOAP: {mistake.detail}") from mistake
    types = [value for name, value in envelope.headers.items() if name.lower() == "content-type"]
    require(any("xml" in value for value in types), f"Content-Type is {types or 'absent'}")


async def _prepare_twice(trial: Trial) -> None:
    call = _make_call(trial)
    require(trial.prepare(call) == trial.prepare(call), "two requests made of the same call differ")


async def _keep_secrets(trial: Trial) -> None:
    if not trial.subject.secrets:
        raise NotApplicable("this adapter was given no secrets")
    call = _make_call(trial)
    kept = trial.prepare(call).record + repr(trial.adapter).encode()
    for secret in trial.subject.secrets:
        forms = (secret.encode(), base64.b64encode(secret.encode()))
        require(not any(form in kept for form in forms), "a secret stands in the record of the request")


async def _submit_valid(trial: Trial) -> None:
    call = _make_call(trial)
    _require_taken(await trial.submit(call), call)
    await trial.require_effects(call, 1)


async def _submit_invalid(trial: Trial) -> None:
    _need_refusable(trial)
    call = _make_call(trial, rejected=(0,))
    outcome = await trial.submit(call)
    definite = outcome.error is not None and not outcome.error.temporary and not outcome.error.outcome_unknown
    require(outcome.all_are("rejected") or definite, f"the agency refused it and the adapter says {outcome}")
    await trial.require_effects(call, 0)


async def _submit_mixed(trial: Trial) -> None:
    _need_refusable(trial)
    documents = _batch_of(trial, at_most=5)
    refused = documents // 2
    call = _make_call(trial, documents=documents, rejected=(refused,))
    outcome = await trial.submit(call)
    wanted = tuple("rejected" if number == refused else "acknowledged" for number in range(documents))
    found = tuple(answer.verdict for answer in outcome.answers)
    require(found == wanted, f"document {refused + 1} of {documents} was refused and the adapter says {found}")


async def _submit_batch(trial: Trial) -> None:
    documents = _batch_of(trial, at_most=LARGEST_BATCH)
    call = _make_call(trial, documents=documents)
    _require_taken(await trial.submit(call), call)
    await trial.require_effects(call, documents)


async def _submit_twice(trial: Trial) -> None:
    if trial.adapter.idempotency == "none":
        raise NotApplicable("the agency does not deduplicate, and the adapter says so")
    call = _make_call(trial)
    first, second = await trial.submit(call), await trial.submit(call)
    _require_taken(first, call)
    require(first.answers == second.answers, "the second answer differs from the first")
    await trial.require_effects(call, 1)


async def _duplicate_in_transit(trial: Trial) -> None:
    if trial.adapter.idempotency == "none":
        raise NotApplicable("the agency does not deduplicate, and the adapter says so")
    call = _make_call(trial)
    _require_taken(await trial.submit(call, DuplicateRequest()), call)
    await trial.require_effects(call, 1)


async def _ask_status(trial: Trial) -> None:
    known, stranger = _make_call(trial), _make_call(trial)
    submitted = await trial.submit(known)
    asked = await ask_where_possible(trial, known)
    require(asked.answers == submitted.answers, f"the status is another answer than the first: {asked}")
    unheard = await trial.ask(stranger)
    require(unheard.all_are("retry"), f"of a task the agency never saw the adapter says {unheard}")


async def ask_where_possible(trial: Trial, call: Call) -> Outcome:
    """Ask for the status. Raises NotApplicable where the adapter refuses without asking anybody."""
    before = len(trial.proxy.observed)
    asked = await trial.ask(call)
    if asked.error is not None and not asked.error.temporary and len(trial.proxy.observed) == before:
        raise NotApplicable("this agency cannot be asked for a status")
    return asked


def _make_call(trial: Trial, *, documents: int = 1, rejected: tuple[int, ...] = ()) -> Call:
    return trial.subject.specimen.make_call(trial.adapter.agency, documents=documents, rejected=rejected)


def _require_taken(outcome: Outcome, call: Call) -> None:
    require(outcome.all_are("acknowledged"), f"the agency took it and the adapter says {outcome}")
    answered = tuple(answer.task_id for answer in outcome.answers)
    require(answered == task_ids(call), f"{len(call.items)} tasks were sent and {len(answered)} answered in order")


def _need_refusable(trial: Trial) -> None:
    specimen = trial.subject.specimen
    if specimen.rejected is None and specimen.rejected_ordinal == 1:
        raise NotApplicable("no document is known that this agency must refuse")


def _batch_of(trial: Trial, *, at_most: int) -> int:
    size = min(trial.adapter.batch_size, at_most)
    if size == 1:
        raise NotApplicable("the agency takes one document in a call")
    return size


SUBMISSIONS = (
    Scenario(
        "wsdl-sanity", "The description gives a request", "a SOAP envelope at an HTTP address, under its content type",
        _prepare_soap, needs_live=False,
    ),
    Scenario(
        "request-repeats", "The same call, the same request", "the same ids in all attempts: a new id is a new filing",
        _prepare_twice, needs_live=False,
    ),
    Scenario(
        "secrets-kept", "Secrets stay out of the record", "nothing; whoever reads the records must see no password",
        _keep_secrets, needs_live=False,
    ),
    Scenario(
        "valid-submission", "A valid submission", "one document, once, and an acknowledgement that is believed",
        _submit_valid, needs_live=False,
    ),
    Scenario(
        "invalid-submission", "An invalid submission", "its refusal taken as such, and the document not sent again",
        _submit_invalid, needs_live=False,
    ),
    Scenario(
        "mixed-batch", "One bad document among good ones", "the bad one refused alone, the others taken",
        _submit_mixed,
    ),
    Scenario(
        "batch-of-100", "A batch of 100", "every document of the largest batch (at most 100), each answered in order",
        _submit_batch, deadline_seconds=60.0,
    ),
    Scenario(
        "same-id-twice", "The same id twice", "a repetition under the same id: one effect and the same answer",
        _submit_twice,
    ),
    Scenario(
        "duplicated-in-transit", "A request doubled on the way", "two equal requests, and one effect",
        _duplicate_in_transit,
    ),
    Scenario(
        "status-query", "The status is asked", "a question that changes nothing, answered as the submission was",
        _ask_status,
    ),
)  # fmt: skip
