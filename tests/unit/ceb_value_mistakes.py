"""One mistake planted in a value or an attribute of a lawful message."""

from __future__ import annotations

from collections.abc import Callable
from random import Random

from tests.unit.ceb_generator import CHINESE, LETTERS, Node, Row, Table, characters, random_digits
from tests.unit.ceb_mistakes import Mistake, Plant

PERSONAL = frozenset({"ebcTelephone"})
"""Elements whose value is never repeated."""

SHOWN_CHARACTERS = 80
"""Of a longer value the beginning is repeated."""

Value = tuple[Node, Row, str | None]
"""An element, the row that its value obeys and the attribute that has it, None for the element's own text."""

NO_NUMBERS = (
    "1O", "l2", "1,5", "1 2", "1e3", "0x1F", "one", "五", "１２", "1_000", "--1", "+", ".", "NaN", "INF", "1.2.3", "¥5",
)  # fmt: skip
"""What people and programs write for a number, and what is none."""


def lengthen(random: Random, table: Table, message: Node) -> Mistake | None:
    """A text is longer than its row allows."""

    def spoil(row: Row) -> str | None:
        if row.base != "string" or row.longest is None or row.exact or row.fixed:
            return None
        return characters(random, random.choice((LETTERS, CHINESE)), row.longest + random.choice((1, 1, 2, 30)))

    return _plant(random, table, message, "xsd.max-length", spoil)


def shorten(random: Random, table: Table, message: Node) -> Mistake | None:
    """A text is shorter than its row allows."""

    def spoil(row: Row) -> str | None:
        if row.base != "string" or not row.shortest or row.exact:
            return None
        return characters(random, LETTERS, random.randrange(row.shortest))

    return _plant(random, table, message, "xsd.min-length", spoil)


def misfit(random: Random, table: Table, message: Node) -> Mistake | None:
    """A text does not have the one length that its row allows."""

    def spoil(row: Row) -> str | None:
        if row.base != "string" or not row.exact or row.fixed:
            return None
        length = random.choice((row.exact - 1, row.exact + 1, row.exact * 2, 1 if row.exact > 1 else 3))
        return characters(random, random.choice((LETTERS, CHINESE)), length) if length or not row.default else None

    return _plant(random, table, message, "xsd.length", spoil)


def overfill(random: Random, table: Table, message: Node) -> Mistake | None:
    """A number has more digits than its row allows."""

    def spoil(row: Row) -> str | None:
        if not row.is_number:
            return None
        fraction = random.randint(0, row.fraction)
        whole = random_digits(random, row.digits - fraction + random.choice((1, 1, 2)))
        return whole + ("." + random_digits(random, fraction) if fraction else "")

    return _plant(random, table, message, "xsd.total-digits", spoil)


def refine(random: Random, table: Table, message: Node) -> Mistake | None:
    """A number has more digits after the point than its row allows."""

    def spoil(row: Row) -> str | None:
        if row.base != "decimal":
            return None
        fraction = row.fraction + random.randint(1, 3)
        return random_digits(random, random.randint(1, row.digits - fraction)) + "." + random_digits(random, fraction)

    return _plant(random, table, message, "xsd.fraction-digits", spoil)


def garble(random: Random, table: Table, message: Node) -> Mistake | None:
    """A number is none."""

    def spoil(row: Row) -> str | None:
        if not row.is_number:
            return None
        wrong = [*NO_NUMBERS, *(["1.5"] if row.base == "int" else []), *([""] if row.default is None else [])]
        return random.choice(wrong)

    return _plant(random, table, message, "xsd.not-a-number", spoil)


def unfix(random: Random, table: Table, message: Node) -> Mistake | None:
    """A fixed value is another."""

    def spoil(row: Row) -> str | None:
        return random.choice("12450Xx三") if row.fixed else None

    return _plant(random, table, message, "xsd.fixed", spoil)


def _plant(
    random: Random, table: Table, message: Node, code: str, spoil: Callable[[Row], str | None]
) -> Mistake | None:
    """Spoils one of the values that can be spoilt so."""
    values = _values(table, message)
    random.shuffle(values)
    for node, row, attribute in values:
        value = spoil(row)
        if value is None:
            continue
        if attribute:
            node.attributes[attribute] = value
        else:
            node.text = value
        return Mistake(code, node, node, f"@{attribute}" if attribute else None, _shown(attribute or node.name, value))
    return None


def _values(table: Table, message: Node) -> list[Value]:
    own: list[Value] = [(node, node.row, None) for node in message.walk() if node.row and node.row.is_value]
    root = message.row
    return own + [(message, row, row.name[1:]) for row in (table.attributes(root) if root else ())]


def _shown(name: str, value: str) -> str:
    if name in PERSONAL:
        return "***"
    return value if len(value) <= SHOWN_CHARACTERS else value[: SHOWN_CHARACTERS - 1] + "…"


def omit_attribute(random: Random, table: Table, message: Node) -> Mistake | None:
    """A mandatory attribute is not there."""
    name = random.choice(list(message.attributes))
    del message.attributes[name]
    return Mistake("xsd.attribute-missing", message, message, f"@{name}")


def add_attribute(random: Random, table: Table, message: Node) -> Mistake | None:
    """An attribute that no table knows."""
    node = random.choice([node for node in message.walk() if node.verbatim is None])
    name = random.choice(("kind", "Guid", "versoin", "备注", "id", "guid"))
    if name in node.attributes:
        return None
    node.attributes[name] = random.choice(("", "1"))
    return Mistake("xsd.attribute-unknown", node, node, f"@{name}")


VALUES: dict[str, Plant] = {
    "a text too long": lengthen,
    "a text too short": shorten,
    "a text of the wrong length": misfit,
    "too many digits": overfill,
    "too many digits after the point": refine,
    "letters in a number": garble,
    "a wrong fixed value": unfix,
    "a missing attribute": omit_attribute,
    "an unknown attribute": add_attribute,
}
"""Mistakes in values and attributes, by what they are."""
