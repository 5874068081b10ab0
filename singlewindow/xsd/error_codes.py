"""The stable codes of the XML door, with what each means."""

from __future__ import annotations

CODES: dict[str, str] = {
    "empty-body": "The request has no body, or only white space. Send one XML document.",
    "not-well-formed": "The body is not well-formed XML; line and column say where reading ended.",
    "bad-encoding": "The bytes are not valid in the encoding of the document.",
    "unsupported-encoding": "UTF-8 is taken, and UTF-16 with a byte order mark and an agreeing declaration.",
    "xml-version": "Only XML 1.0 is taken.",
    "dtd-forbidden": "A document may carry no DOCTYPE, not even an empty one.",
    "too-many-elements": "The message has more elements than its message set allows. Send several messages.",
    "too-large": "The message is larger than its message set allows. Send several messages.",
    "too-deep": "Elements are nested more deeply than 64 levels.",
    "too-many-attributes": "An element has more than 256 attributes.",
    "too-complex": "The message could not be judged within its budget of time and memory. Send several messages.",
    "unknown-root": "No installed message set knows the root element; the answer lists what is installed.",
    "xsi-type-forbidden": "xsi:type may not be used: an element has the type its schema gives it.",
    "message-stands-whole": "One invalid declaration refuses the whole message, since it is signed or its set says so.",
    "schema-invalid": "The schema refuses this declaration; its errors were not all written out.",
    "xsd.unexpected-element": "An element is misspelt, unknown here, or out of order.",
    "xsd.missing-element": "A required element is missing; the pointer says where it belongs.",
    "xsd.too-many": "An element occurs more often than allowed.",
    "xsd.unexpected-text": "Text stands between elements where only elements are allowed.",
    "xsd.attribute-missing": "A required attribute is missing.",
    "xsd.attribute-unknown": "An attribute is unknown.",
    "xsd.min-length": "A text is shorter than allowed. Length counts characters, not bytes.",
    "xsd.max-length": "A text is longer than allowed. Length counts characters, not bytes.",
    "xsd.length": "A text does not have exactly the wanted length. Length counts characters, not bytes.",
    "xsd.not-a-number": "The value is not a number: look for letters, commas and spaces.",
    "xsd.total-digits": "A number has more digits than allowed.",
    "xsd.fraction-digits": "A number has more digits after the point than allowed.",
    "xsd.range": "A number or date is outside what is allowed.",
    "xsd.enumeration": "The value is none of the allowed ones.",
    "xsd.pattern": "The value does not have the wanted form.",
    "xsd.not-a-date": "The value is not a date or time of the wanted form.",
    "xsd.fixed": "The value is fixed and another was given.",
    "xsd.not-unique": "A number that must be unique in its document occurs twice.",
    "xsd.value": "The value is not allowed by its type.",
    "code-unknown": "The schema takes any code here, and this one has no meaning.",
}
"""Every code that judging may answer, with a sentence for whoever meets it."""


def explain_code(code: str) -> str | None:
    """A sentence on a code, or None for one that is not the XML door's."""
    return CODES.get(code)
