"""PLACEHOLDER."""
from __future__ import annotations
from singlewindow.xsd.json_mapping.shape import ElementShape
from singlewindow.xsd.parser import Element


def to_json(element: Element, shape: ElementShape) -> bytes:
    return b""
