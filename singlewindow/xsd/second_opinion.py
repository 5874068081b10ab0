"""PLACEHOLDER until its owner writes this file."""

from __future__ import annotations

from lxml import etree

from singlewindow.xsd.parser import Element


def second_opinion(schema: etree.XMLSchema, document: Element) -> bool:
    return False
