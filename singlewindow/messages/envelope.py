"""An exchange envelope: who sends a message to whom, around the message itself."""

from __future__ import annotations

from dataclasses import dataclass, replace

from singlewindow.messages.judgement import Judgement, Problem


@dataclass(frozen=True, slots=True)
class Envelope:
    """What an envelope says and carries.

    `message_id` is the sender's own number of it (CopMsgId), by which an authority names a message it could not read;
    `content` are the bytes it carries.
    """

    message_id: str
    sender: str
    receivers: tuple[str, ...]
    message_type: str
    content: bytes


SENDER_DIFFERS = "DXP-R01"
"""The rule that the envelope's sender is the one the message names."""


def address(judgement: Judgement, envelope: Envelope) -> Judgement:
    """The verdict on what an envelope carries, with the envelope's number among what each declaration is found by."""
    units = tuple(replace(unit, search={**unit.search, "CopMsgId": (envelope.message_id,)}) for unit in judgement.units)
    said = {"CopMsgId": envelope.message_id, "SenderId": envelope.sender, "MsgType": envelope.message_type}
    problems = (*judgement.problems, *_check_sender(judgement, envelope))
    return replace(judgement, units=units, problems=problems, envelope=said)


def _check_sender(judgement: Judgement, envelope: Envelope) -> tuple[Problem, ...]:
    """Customs answers -301008 where the two differ."""
    if not judgement.sender_code or judgement.sender_code == envelope.sender:
        return ()
    problem = Problem(
        f"rule.{SENDER_DIFFERS}",
        "the envelope's SenderId is not the dxpId that the message names",
        severity="warning",
        rule=SENDER_DIFFERS,
        message_zh="信封的 SenderId 与报文中的 dxpId 不一致",
        pointer="/DxpMsg/TransInfo/SenderId",
        element="SenderId",
        value=envelope.sender,
        allowed=judgement.sender_code,
        hint="write the same identity in both; customs refuses the message otherwise (-301008)",
        hint_zh="两处须填写同一标识,否则海关退回(-301008)",
    )
    return (problem,)
