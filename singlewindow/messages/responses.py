"""How an authority's word changes a declaration: never dropped, the newest by the authority's own time wins."""

from __future__ import annotations

from datetime import datetime

from singlewindow.messages.dossier import Dossier, Part
from singlewindow.messages.judgement import ResponseUnit
from singlewindow.messages.lifecycle import RETRY, STATES


def apply_response(dossier: Dossier, part: Part, said: ResponseUnit, now: datetime) -> None:
    """Take one response into a part and derive the declaration's state again. Applying it twice changes nothing.

    A response without a state of ours, or older than what the authority said before, is recorded only. A move that
    goes back or leaves an end is made (800 followed by a later 100 is real) and sets `anomaly`.
    """
    _learn_numbers(dossier, part, said)
    if said.state == RETRY:
        _send_again(dossier, part, said, now)
        return
    if said.state is None or _is_older(part, said):
        dossier.record(
            "response",
            agency=part.agency,
            code=said.code,
            text=said.text,
            recorded_only=True,
        )
        return
    _note_anomaly(dossier, part, said)
    part.authority_time, part.authority_code = (
        said.time or part.authority_time,
        said.code,
    )
    part.errors = [problem.as_json() for problem in said.errors]
    dossier.enter(part, said.state, now)
    dossier.recombine()


def _send_again(dossier: Dossier, part: Part, said: ResponseUnit, now: datetime) -> None:
    """The authority failed to pass it on: back to sending, unless it has since said more."""
    dossier.record("response", agency=part.agency, code=said.code, text=said.text, recorded_only=False)
    if part.state == "submitted":
        dossier.enter(part, "pending", now)
        dossier.again.append(part)
        dossier.recombine()


def _learn_numbers(dossier: Dossier, part: Part, said: ResponseUnit) -> None:
    fresh = {name: value for name, value in said.numbers.items() if value and part.references.get(name) != value}
    if fresh:
        part.references.update(fresh)
        dossier.references.update({_named(part, name): value for name, value in fresh.items()})
        dossier.record("reference", agency=part.agency, leg=part.leg, references=fresh)


def _named(part: Part, name: str) -> str:
    """Every leg's carrier calls its number by the same name; in the declaration they stand side by side."""
    return name if part.leg is None else f"{name}.{part.leg}"


def _is_older(part: Part, said: ResponseUnit) -> bool:
    """Older by the authority's time; where one side gives no time, or the same, the further state stands."""
    if said.state is None:
        return False
    if part.authority_time and said.time and part.authority_time != said.time:
        return said.time < part.authority_time
    return STATES[said.state].rank < STATES[part.state].rank


def _note_anomaly(dossier: Dossier, part: Part, said: ResponseUnit) -> None:
    before, after = STATES[part.state], STATES[said.state or part.state]
    goes_back = after.rank < before.rank and before.rank > STATES["submitted"].rank
    leaves_end = before.negative and not after.negative
    late_refusal = after.name in {"rejected", "not_released"} and before.rank >= STATES["released"].rank
    if goes_back or leaves_end or (late_refusal and not before.negative):
        dossier.anomaly = True
        dossier.record(
            "anomaly",
            agency=part.agency,
            previous=before.name,
            state=after.name,
            code=said.code,
        )
