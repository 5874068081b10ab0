"""Notices that somebody asks for over the control API: about a known task, with any status, late, or twice."""

from __future__ import annotations

from dataclasses import replace
from typing import Self

from pydantic import Field, field_validator, model_validator

from singlewindow.adapters.profiles import AGENCIES
from singlewindow.adapters.sandbox.documents import EXPORT_RESPONSE
from singlewindow.adapters.sandbox.numbers import ceb_time, iso_time
from singlewindow.adapters.sandbox.records import Notice, Statement
from singlewindow.adapters.sandbox.weather import Seconds, Table


class Injection(Table):
    """A notice to invent. The status is any word or number: one that no schema knows is a test as well."""

    agency: str = Field(description="the agency that says it")
    task_id: str | None = Field(None, description="the task it is about")
    key: str | None = Field(None, description="or the business key, or a part of it; then the last task about it")
    status: str = Field(min_length=1, description="returnStatus of a CEB response, Status of a Response")
    code: str = Field("", description="code of the error or of returnInfo")
    text: str = Field("", description="text of the error or of returnInfo")
    delay_seconds: Seconds = Field(0, description="when it is sent, from now")
    duplicate: bool = Field(False, description="whether it is sent twice under its id")

    @field_validator("agency")
    @classmethod
    def _check_agency(cls, agency: str) -> str:
        if agency not in AGENCIES:
            raise ValueError(f"no agency is called {agency!r}; there are {', '.join(AGENCIES)}")
        return agency

    @model_validator(mode="after")
    def _check_target(self) -> Self:
        if (self.task_id is None) == (self.key is None):
            raise ValueError("name either task_id or key")
        return self

    def build(self, answer: Notice, *, number: int, due_ms: int) -> tuple[Notice, ...]:
        """The notice in the form of the answer that the task had; `number` tells it from others about the task."""
        export = answer.statement.root == EXPORT_RESPONSE
        statement = self._respond(answer.statement, due_ms) if export else self._return(answer.statement, due_ms)
        notice_id = f"{answer.task_id}-injected-{number}"
        notice = replace(answer, notice_id=notice_id, due_ms=due_ms, statement=statement, words=frozenset())
        return (notice, notice) if self.duplicate else (notice,)

    def _respond(self, statement: Statement, due_ms: int) -> Statement:
        values = {"Status": self.status, "StatusDateTime": iso_time(due_ms)}
        error = {"Code": self.code, "Pointer": "/", "Severity": "error", "Text": self.text or self.code}
        return replace(statement, values=values, references={}, error=error if self.code else {})

    def _return(self, statement: Statement, due_ms: int) -> Statement:
        info = f"[Code:{self.code or self.status};Desc:{self.text or self.status}]"
        told = {"returnStatus": self.status, "returnTime": ceb_time(due_ms), "returnInfo": info}
        return replace(statement, values=dict(statement.values) | told)
