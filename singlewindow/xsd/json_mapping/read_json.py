"""PLACEHOLDER."""
from __future__ import annotations
from typing import Any
from singlewindow.errors import TraderMistake
from singlewindow.messages.judgement import Problem
from singlewindow.xsd.json_mapping.shape import ElementShape


class JsonRefused(TraderMistake):
    def __init__(self, problems: tuple[Problem, ...], *, status: int = 422, detail: str = "") -> None:
        super().__init__(detail)
        self.problems, self.status = problems, status


def read_json_root(body: bytes) -> str:
    return ""


def to_xml(body: bytes, shape: ElementShape) -> bytes:
    return b""
