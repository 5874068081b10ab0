"""Notices of our own exchange put into the port's words."""

from __future__ import annotations

from singlewindow.adapters.port import Notice
from singlewindow.xsd.soap_replies import TaskNotice


def read_notice(notice: TaskNotice) -> Notice:
    """A notice of the exchange as the port's."""
    return Notice(notice.notice_id, notice.document, notice.task_id)
