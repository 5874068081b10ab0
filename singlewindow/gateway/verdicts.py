"""What may be filed of a judged message, decided before anything is stored: company registration and refusals."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import replace
from typing import Any

from singlewindow.gateway.refusals import HttpRefusal, MessageRefused
from singlewindow.ledger.traders import Trader
from singlewindow.messages.judgement import MAX_ERRORS, Judgement, Problem, Unit
from singlewindow.messages.manifest import MessageSet

Foreign = Mapping[int, Problem]
"""The error not-your-company by the ordinal of the declaration it belongs to."""


TRANSFERS = "DXP-R02"
"""The rule that a message is transferred by the company that files it."""


def check_direction(judgement: Judgement) -> None:
    """Refuse what only an authority sends. Raises HttpRefusal (422)."""
    if judgement.direction == "response":
        detail = f"{judgement.root} is what an authority answers; a trader files requests"
        raise HttpRefusal(422, "wrong-direction", detail)


def find_foreign(judgement: Judgement, trader: Trader, message_set: MessageSet) -> dict[int, Problem]:
    """The declarations that name no company the trader is registered for."""
    paths = message_set.roots[judgement.root].issuer
    if trader.all_codes or not paths:
        return {}
    foreign = [unit for unit in judgement.units if unit.valid and not _is_own(unit, trader)]
    return {unit.ordinal: _not_your_company(unit, paths) for unit in foreign}


def note_transfer(judgement: Judgement, trader: Trader) -> Judgement:
    """Warn where the message says that another company transfers it than the one that files it."""
    if not judgement.transfer_code or trader.may_file_for(judgement.transfer_code):
        return judgement
    warning = Problem(
        f"rule.{TRANSFERS}",
        "the message says that another company transfers it than the one that files it",
        severity="warning",
        rule=TRANSFERS,
        message_zh="报文传输企业代码不是本申报企业的代码",
        element="copCode",
        value=judgement.transfer_code[:80],
        allowed="a company code you are registered for",
        hint="authorities compare copCode with the sender",
        hint_zh="主管部门会将 copCode 与发送方核对",
    )
    return replace(judgement, problems=(*judgement.problems, warning))


def raise_warnings(judgement: Judgement, raised: Collection[str]) -> Judgement:
    """The verdict with the warnings of these rules or codes as errors, as the trader or the set wants them."""
    if not raised:
        return judgement
    units = tuple(replace(unit, problems=_raise(unit.problems, raised)) for unit in judgement.units)
    return replace(judgement, units=units, problems=_raise(judgement.problems, raised))


def _raise(problems: tuple[Problem, ...], raised: Collection[str]) -> tuple[Problem, ...]:
    return tuple(
        replace(problem, severity="error") if problem.rule in raised or problem.code in raised else problem
        for problem in problems
    )


def refuse_untakable(judgement: Judgement, foreign: Foreign, message_set: MessageSet) -> None:
    """Refuse a message of which nothing can be taken, with all its errors. Raises MessageRefused (403 or 422)."""
    if judgement.units and len(foreign) == len(judgement.units):
        raise _refusal(403, "not-your-company", judgement, foreign)
    invalid = [unit for unit in judgement.units if not unit.valid or unit.ordinal in foreign]
    whole = message_set.on_error == "message" or judgement.signed
    if judgement.refused or len(invalid) == len(judgement.units) or (whole and invalid):
        raise _refusal(422, _code(judgement, foreign), judgement, foreign)


def list_problems(judgement: Judgement, foreign: Foreign) -> list[Problem]:
    """Every error and warning of a message, in the order of the document's declarations."""
    problems = list(judgement.problems)
    for unit in judgement.units:
        problems += unit.problems
        if unit.ordinal in foreign:
            problems.append(foreign[unit.ordinal])
    return problems


def describe_unit(unit: Unit, foreign: Foreign) -> dict[str, Any]:
    """One declaration in the answer to a validation."""
    problems = [*unit.problems, *([foreign[unit.ordinal]] if unit.ordinal in foreign else [])]
    errors = [problem.as_json() for problem in problems if problem.severity == "error"]
    warnings = [problem.as_json() for problem in problems if problem.severity != "error"]
    verdict = "invalid" if errors else "valid"
    described = {"ordinal": unit.ordinal, "kind": unit.kind, "keys": unit.key, "verdict": verdict}
    return described | {"errors": errors, "warnings": warnings}


def _is_own(unit: Unit, trader: Trader) -> bool:
    return any(trader.may_file_for(code) for code in unit.issuers)


def _not_your_company(unit: Unit, paths: tuple[str, ...]) -> Problem:
    named = ", ".join(unit.issuers) or "nobody"
    return Problem(
        "not-your-company",
        f"the document is issued by {named}, and your registration names none of them",
        ordinal=unit.ordinal,
        element=paths[0].rpartition("/")[2],
        value=named[:80],
        allowed="a company code you are registered for",
        hint="ask the operator to register the company code for you, or correct the document",
    )


def _code(judgement: Judgement, foreign: Foreign) -> str:
    errors = [problem for problem in list_problems(judgement, foreign) if problem.severity == "error"]
    only_rules = all(problem.code.startswith("rule.") for problem in errors)
    return "rule-violated" if errors and only_rules else "schema-invalid"


def _refusal(status: int, code: str, judgement: Judgement, foreign: Foreign) -> MessageRefused:
    errors = [problem for problem in list_problems(judgement, foreign) if problem.severity == "error"]
    truncated = judgement.truncated or len(errors) > MAX_ERRORS
    shown = [problem.as_json() for problem in errors[:MAX_ERRORS]]
    return MessageRefused(status, code, _count(judgement, errors), shown, truncated=truncated)


def _count(judgement: Judgement, errors: list[Problem]) -> str:
    """The sentence "3 errors in 2 of 2 declarations"."""
    amount = f"{len(errors)} error{'' if len(errors) == 1 else 's'}"
    bad, total = len({problem.ordinal for problem in errors} - {None}), len(judgement.units)
    if not bad:
        return f"{amount} outside the declarations of the message"
    return f"{amount} in {bad} of {total} declaration{'' if total == 1 else 's'}"
