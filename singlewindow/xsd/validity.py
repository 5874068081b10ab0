"""libxml2's yes or no, without its known faults, at a cost that grows with the document and not with its mistakes."""

from __future__ import annotations

from lxml import etree

from singlewindow.xsd.parser import Element
from singlewindow.xsd.second_opinion import may_be_lawful, padded_places, second_opinion, without_padding
from singlewindow.xsd.streaming import is_crowded, stream_log


def is_valid(schema: etree.XMLSchema, document: Element) -> bool:
    """True when a schema takes a document. libxml2's own failure (a pattern that explodes) is a no.

    After a no, `plain_errors.read_errors` reads why.
    """
    if is_crowded(document):
        return _is_valid_as_stream(schema, document)
    try:
        return schema.validate(document) or second_opinion(schema, document)
    except etree.XMLSchemaValidateError:
        return False


def _is_valid_as_stream(schema: etree.XMLSchema, document: Element) -> bool:
    log = stream_log(schema, document)
    if not log or not may_be_lawful(log):
        return not log
    return not stream_log(schema, without_padding(document, padded_places(log)))
