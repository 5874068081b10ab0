"""Answers sorted by task into words of the agency, decisions of ours, and what remains unknown."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

from singlewindow.queue.decisions import Decider
from singlewindow.queue.port import Answer, Decision, Word, Work
from singlewindow.queue.words import AnswerReader


@dataclass(slots=True)
class Outcome:
    """What came of a call or a question. `unknown`: tasks of which nothing was said that could be read."""

    words: list[Word] = field(default_factory=list)
    decisions: list[Decision] = field(default_factory=list)
    unknown: list[Work] = field(default_factory=list)


def sort_answers(works: Sequence[Work], answers: Sequence[Answer], reader: AnswerReader, decider: Decider) -> Outcome:
    """What each task was told; an answer for a task that was not part of it counts for nothing."""
    by_task = {answer.task_id: answer for answer in answers}
    outcome = Outcome()
    for work in works:
        _sort(work, by_task.get(work.claim.task_id), outcome, reader, decider)
    return outcome


def _sort(work: Work, answer: Answer | None, outcome: Outcome, reader: AnswerReader, decider: Decider) -> None:
    if answer is None or answer.verdict == "unknown":
        outcome.unknown.append(work)
    elif answer.verdict == "retry":
        outcome.decisions.append(decider.postpone(work, answer.text or answer.code or "not now"))
    elif answer.verdict == "rejected":
        outcome.words.append(reader.read_rejection(work, answer))
    else:
        outcome.words.append(reader.read_acknowledgement(work, answer))
