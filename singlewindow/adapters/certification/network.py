"""Scenarios of a network that fails: what may have taken effect is neither a failure nor a success."""

from __future__ import annotations

from singlewindow.adapters.certification.scenario import NotApplicable, Outcome, Scenario, Trial, require
from singlewindow.adapters.certification.submissions import ask_where_possible
from singlewindow.adapters.faults import Cut, Drip, DropReply, Fault, HalfClose, Hold, ResetAfterRequest

SHORT_SECONDS = 0.3
# a reply of some hundred bytes then takes far longer than any deadline
_BYTES_PER_SECOND = 20.0


async def _find_nobody(trial: Trial) -> None:
    call = trial.subject.specimen.make_call(trial.adapter.agency)
    async with trial.proxy.unreachable():
        outcome = await trial.submit(call)
    error = outcome.error
    require(error is not None and error.temporary, f"nobody listened and the adapter says {outcome}")
    require(error is None or not error.outcome_unknown, "nothing was sent, and the adapter believes something may have")
    again = await trial.submit(call)
    require(again.all_are("acknowledged"), f"once the agency is back the adapter says {again}")


async def _submit_in_doubt(trial: Trial, fault: Fault) -> Outcome:
    outcome = await trial.submit(trial.subject.specimen.make_call(trial.adapter.agency), fault)
    require(outcome.is_doubt, f"it may have taken effect and the adapter says {outcome}")
    return outcome


async def _reset(trial: Trial) -> None:
    await _submit_in_doubt(trial, ResetAfterRequest())


async def _half_close(trial: Trial) -> None:
    await _submit_in_doubt(trial, HalfClose(0))
    await _submit_in_doubt(trial, HalfClose(60))


async def _cut(trial: Trial) -> None:
    await _submit_in_doubt(trial, Cut(-1))
    await _submit_in_doubt(trial, Cut(-200))


async def _hold(trial: Trial) -> None:
    await _submit_in_doubt(trial, Hold())


async def _drip(trial: Trial) -> None:
    await _submit_in_doubt(trial, Drip(_BYTES_PER_SECOND))


async def _send_once(trial: Trial) -> None:
    before = len(trial.proxy.observed)
    await _submit_in_doubt(trial, DropReply())
    sent = len(trial.proxy.observed) - before
    require(sent == 1, f"left in doubt, the adapter sent the document {sent} times by itself")


async def _lose_reply(trial: Trial) -> None:
    call = trial.subject.specimen.make_call(trial.adapter.agency)
    lost = await trial.submit(call, DropReply())
    require(lost.is_doubt, f"the agency acted, its reply was lost, and the adapter says {lost}")
    asked = await ask_where_possible(trial, call)
    require(asked.all_are("acknowledged"), f"the agency acted, was asked, and the adapter says {asked}")
    await trial.require_effects(call, 1)


async def _resend_after_loss(trial: Trial) -> None:
    if trial.adapter.idempotency == "none":
        raise NotApplicable("the agency does not deduplicate, so nothing is sent again in doubt")
    call = trial.subject.specimen.make_call(trial.adapter.agency)
    await trial.submit(call, DropReply())
    again = await trial.submit(call)
    require(again.all_are("acknowledged"), f"sent again after a lost reply, the adapter says {again}")
    await trial.require_effects(call, 1)


NETWORK = (
    Scenario(
        "unreachable", "Nobody listens", "nothing now, and the same call later",
        _find_nobody,
    ),
    Scenario(
        "reset-after-request", "The connection breaks after the request", "a status question, no second filing",
        _reset,
    ),
    Scenario(
        "half-closed", "The agency closes its side before the reply is whole", "a status question, no second filing",
        _half_close,
    ),
    Scenario(
        "reply-cut", "The reply is cut off", "a status question: a truncated reply is no acceptance",
        _cut,
    ),
    Scenario(
        "no-answer", "No answer ever", "a connection given up at the deadline, the outcome in doubt",
        _hold, deadline_seconds=SHORT_SECONDS,
    ),
    Scenario(
        "slow-drip", "A reply in drops", "a connection given up at the total deadline, however lively it looks",
        _drip, deadline_seconds=SHORT_SECONDS,
    ),
    Scenario(
        "sent-once", "One attempt is one request", "one request: when to send again is not the adapter's to decide",
        _send_once,
    ),
    Scenario(
        "reply-lost", "The reply is lost after processing, then the status is asked", "one filing and one question",
        _lose_reply,
    ),
    Scenario(
        "resent-after-loss", "The reply is lost and the call sent again", "the same id twice, and one effect",
        _resend_after_loss,
    ),
)  # fmt: skip
