"""From what an agency sent to the words the ledger takes; nothing an authority says is dropped for being unreadable."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Literal
from uuid import UUID

import structlog

from singlewindow.errors import SingleWindowError
from singlewindow.messages.judgement import Problem
from singlewindow.queue.port import Answer, Notice, ReadResponse, ResponseUnit, Word, Work

UNREADABLE = "unreadable"
"""Code under which a document is kept that our XML door could not read; it moves nothing."""

_log = structlog.get_logger(__name__)


def read_words(
    agency: str, notices: Iterable[Notice], read_response: ReadResponse, *, via: Literal["push", "pull"]
) -> list[Word]:
    """The words of notices that name their task; `via` is push or pull.

    A notice that names no task is left out with a warning in the log: the ledger takes words by task.
    """
    words = []
    for notice in notices:
        if notice.task_id is None:
            _log.warning("notice_without_task", agency=agency, notice_id=notice.notice_id)
            continue
        said = notice.said or _read(notice.document, None, read_response)
        words.append(Word(agency, notice.task_id, notice.notice_id, said, notice.document, via))
    return words


@dataclass(frozen=True, slots=True)
class AnswerReader:
    """Makes words of the answers of one exchange, `origin`; `via` is answer (to a call) or status (to a question)."""

    read_response: ReadResponse
    origin: UUID
    via: Literal["answer", "status"]

    def read_acknowledgement(self, work: Work, answer: Answer) -> Word:
        """The agency has it: its notice if it sent one, and `submitted` unless the notice already brings a state."""
        submitted = ResponseUnit("acknowledgement", answer.code, "submitted", None, answer.text)
        said = self._read_notice(work, answer)
        return self._word(work, answer, said if any(unit.state for unit in said) else (submitted, *said))

    def read_rejection(self, work: Work, answer: Answer) -> Word:
        """The agency will not take it; the problem's code is `agency.<name>.<the agency's code>`."""
        problem = Problem(f"agency.{work.agency}.{answer.code}", answer.text, ordinal=work.ordinal)
        rejected = ResponseUnit("rejection", answer.code, "rejected", None, answer.text, errors=(problem,))
        said = self._read_notice(work, answer)
        return self._word(work, answer, said if any(unit.state == "rejected" for unit in said) else (*said, rejected))

    def _read_notice(self, work: Work, answer: Answer) -> tuple[ResponseUnit, ...]:
        if answer.notice is None:
            return ()
        return answer.notice.said or _read(answer.notice.document, work.message_set, self.read_response)

    def _word(self, work: Work, answer: Answer, said: tuple[ResponseUnit, ...]) -> Word:
        """Without a notice of the agency's own the word is named by exchange and task, so a repeat is recognised."""
        notice = answer.notice or Notice(f"{self.via}:{self.origin}:{work.claim.task_id}", None)
        return Word(work.agency, work.claim.task_id, notice.notice_id, said, notice.document, self.via)


def _read(document: bytes | None, message_set: str | None, read_response: ReadResponse) -> tuple[ResponseUnit, ...]:
    if document is None:
        return ()
    try:
        return read_response(message_set, document)
    except SingleWindowError as error:
        why = error.detail
    except Exception as error:  # noqa: BLE001 - one document must not keep all that come after it from being heard
        # no traceback: it may quote the document
        _log.error("document_reader_failed", error=type(error).__name__)
        why = "the fault is ours"
    return (ResponseUnit(UNREADABLE, UNREADABLE, None, None, why),)
