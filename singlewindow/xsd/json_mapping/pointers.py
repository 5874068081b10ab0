"""PLACEHOLDER."""
from __future__ import annotations
from singlewindow.xsd.json_mapping.shape import ElementShape


def json_pointer(xml_pointer: str, shape: ElementShape) -> str | None:
    return None
