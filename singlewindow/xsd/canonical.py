"""Exclusive XML Canonicalization 1.0 without comments, by libxml2."""

from __future__ import annotations

from collections.abc import Sequence

from lxml import etree

from singlewindow.errors import SingleWindowError
from singlewindow.xsd.parser import Element

DEFAULT_NAMESPACE = "#default"
"""A PrefixList's word for the namespace without a prefix, which lxml has no way to pass on to libxml2."""


class Uncanonical(SingleWindowError):
    """A document without a canonical form; it can neither be signed nor its signature be checked."""

    code = "uncanonical"


def canonicalize(element: Element, inclusive_prefixes: Sequence[str] = ()) -> bytes:
    """The canonical form of an element and what it holds. A namespace that only values name survives where its prefix
    is among `inclusive_prefixes`. Raises Uncanonical for `#default` among them, and for namespaces that are relative.
    """
    if DEFAULT_NAMESPACE in inclusive_prefixes:
        raise Uncanonical(f"a PrefixList with {DEFAULT_NAMESPACE} cannot be followed")
    try:
        return etree.tostring(
            element,
            method="c14n",
            exclusive=True,
            with_comments=False,
            with_tail=False,
            inclusive_ns_prefixes=list(inclusive_prefixes) or None,
        )
    except etree.C14NError as error:
        raise Uncanonical("a namespace that is no absolute URI has no canonical form") from error
