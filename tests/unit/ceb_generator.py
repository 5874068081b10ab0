"""Random lawful CEB messages from the published element tables, written as a trader might write them.

It knows nothing of the schemas: what a table says is all it goes by. The same seed gives the same message.
"""

from __future__ import annotations

import csv
from collections.abc import Iterator
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from random import Random

CEB = "http://www.chinaport.gov.cn/ceb"
DS = "http://www.w3.org/2000/09/xmldsig#"

LAWFUL_CODES = {"appType": "123", "appStatus": "12"}
"""Codes that the manifests give a meaning; the tables take any character."""

LETTERS = "ABCDEFGHJKLMNPQRSTUVWXYZabcdefghijkmnpqrstuvwxyz0123456789"
CHINESE = "电子订单出口清单运抵离境总分撤销商品名称无𠮷"
MARKUP = "a1<&>'\"] -"

SIGNATURE = f"""<ds:Signature xmlns:ds="{DS}"><ds:SignedInfo>
<ds:CanonicalizationMethod Algorithm="http://www.w3.org/TR/2001/REC-xml-c14n-20010315"/>
<ds:SignatureMethod Algorithm="{DS}rsa-sha1"/><ds:Reference URI=""><ds:Transforms>
<ds:Transform Algorithm="{DS}enveloped-signature"/></ds:Transforms><ds:DigestMethod Algorithm="{DS}sha1"/>
<ds:DigestValue>3q2+7w==</ds:DigestValue></ds:Reference></ds:SignedInfo><ds:SignatureValue>3q2+7w==
</ds:SignatureValue><ds:KeyInfo><ds:KeyName>0001</ds:KeyName></ds:KeyInfo></ds:Signature>"""

EXTENSION = '<anything xmlns="urn:example:extension" kind="x">text<OrderHead/>text</anything>'


@dataclass(frozen=True, slots=True)
class Row:
    """One row of a table. `most` is None for unbounded; `exact`, `shortest`, `longest` count characters."""

    path: str
    least: int
    most: int | None
    base: str
    exact: int | None
    shortest: int
    longest: int | None
    digits: int
    fraction: int
    default: str | None
    fixed: str | None

    @property
    def name(self) -> str:
        return self.path.rpartition("/")[2].removeprefix("ds:")

    @property
    def is_value(self) -> bool:
        return self.base in {"string", "int", "decimal"}

    @property
    def is_number(self) -> bool:
        return self.base in {"int", "decimal"}


class Table:
    """The rows of one edition by the path of their parent, in the order of the table."""

    def __init__(self, path: Path) -> None:
        with path.open(encoding="utf-8", newline="") as lines:
            self._rows = [_read_row(cells) for cells in csv.DictReader(lines, delimiter="\t")]
        self.roots = [row for row in self._rows if "/" not in row.path]
        self._below: dict[str, list[Row]] = {}
        for row in self._rows:
            self._below.setdefault(row.path.rpartition("/")[0], []).append(row)

    def children(self, row: Row) -> list[Row]:
        return [child for child in self._below.get(row.path, []) if not child.name.startswith("@")]

    def attributes(self, row: Row) -> list[Row]:
        return [child for child in self._below.get(row.path, []) if child.name.startswith("@")]

    @cached_property
    def repeatable(self) -> frozenset[str]:
        """Names of elements that may repeat somewhere."""
        return frozenset(row.name for row in self._rows if row.most != 1)


def _read_row(cells: dict[str, str]) -> Row:
    def number(name: str) -> int | None:
        return int(cells[name]) if cells[name] else None

    return Row(
        path=cells["path"],
        least=int(cells["min"]),
        most=None if cells["max"] == "unbounded" else int(cells["max"]),
        base=cells["base"],
        exact=number("length"),
        shortest=number("length") or number("minLength") or 0,
        longest=number("length") or number("maxLength"),
        digits=number("totalDigits") or 9,
        fraction=number("fractionDigits") or 0,
        default=cells["default"] or None,
        fixed=cells["fixed"] or None,
    )


@dataclass(slots=True, eq=False)
class Node:
    """One element. `stray` holds text before the child of that index; `verbatim` is written as it is."""

    name: str
    row: Row | None = None
    namespace: str = CEB
    attributes: dict[str, str] = field(default_factory=dict)
    children: list[Node] = field(default_factory=list)
    text: str | None = None
    stray: dict[int, str] = field(default_factory=dict)
    verbatim: str | None = None
    parent: Node | None = None

    def insert(self, index: int, child: Node) -> Node:
        child.parent = self
        self.children.insert(index, child)
        return child

    def walk(self) -> Iterator[Node]:
        yield self
        for child in self.children:
            yield from child.walk()

    def ancestry(self) -> Iterator[Node]:
        """The element, its parent and so on up to the root."""
        node: Node | None = self
        while node is not None:
            yield node
            node = node.parent

    def namesakes(self) -> list[Node]:
        """It and its siblings of the same name, in order; the root alone."""
        same = [self] if self.parent is None else self.parent.children
        return [node for node in same if (node.name, node.namespace) == (self.name, self.namespace)]


def generate_message(random: Random, table: Table, root: Row, *, units: int = 3) -> Node:
    """A lawful message of this root with at most so many declarations."""
    message = Node(root.name, root)
    for row in table.attributes(root):
        message.attributes[row.name[1:]] = random_text(random, row, LETTERS + MARKUP)
    unit, *others = table.children(root)
    for _ in range(random.randint(1, units)):
        message.insert(len(message.children), generate_element(random, table, unit))
    _fill(random, table, message, others)
    return message


def generate_element(random: Random, table: Table, row: Row) -> Node:
    """A lawful element with all that it holds."""
    if row.base == "ref":
        return Node(row.name, row, DS, verbatim=SIGNATURE)
    if row.name == "*":
        return Node("anything", row, "urn:example:extension", verbatim=EXTENSION)
    node = Node(row.name, row)
    if row.is_value:
        node.text = random_value(random, row)
    else:
        _fill(random, table, node, table.children(row))
    return node


def _fill(random: Random, table: Table, node: Node, rows: list[Row]) -> None:
    for row in rows:
        for _ in range(_occurrences(random, row)):
            node.insert(len(node.children), generate_element(random, table, row))


def _occurrences(random: Random, row: Row) -> int:
    if row.least == 0 and random.random() < 0.6:
        return 0
    most = 3 if row.most is None else min(row.most, 3)
    return 1 if most == 1 else random.choice((1, 1, most - 1, most))


def random_value(random: Random, row: Row) -> str:
    """A lawful value of a row, now and then empty where a default stands in."""
    if row.fixed:
        return row.fixed
    if row.default and random.random() < 0.2:
        return ""
    if row.name in LAWFUL_CODES:
        return random.choice(LAWFUL_CODES[row.name])
    if row.is_number:
        return random_number(random, row)
    return random_text(random, row, random.choice((LETTERS, LETTERS, CHINESE, LETTERS + CHINESE, MARKUP)))


def random_number(random: Random, row: Row) -> str:
    """A number of at most so many digits, in any of the forms that are the same number."""
    fraction = random.choice((0, 0, row.fraction, random.randint(0, row.fraction)))
    whole = random.choice((1, random.randint(1, row.digits - fraction), row.digits - fraction))
    number = random_digits(random, whole)
    if fraction:
        number += "." + random_digits(random, fraction)
    return random.choice(("", "", "", "-", "+", "\n ")) + number + random.choice(("", "", "", " "))


def random_digits(random: Random, count: int) -> str:
    """So many digits, neither the first nor the last of them a zero."""
    return "".join(random.choice("123456789") for _ in range(count))


def random_text(random: Random, row: Row, alphabet: str) -> str:
    """A text of a lawful length: often one of the limits."""
    longest = row.longest if row.longest is not None else 40
    usual = max(row.shortest, min(longest, 12))
    edge = longest if longest <= 100 or random.random() < 0.1 else usual
    return characters(random, alphabet, random.choice((row.shortest, edge, random.randint(row.shortest, usual))))


def characters(random: Random, alphabet: str, count: int) -> str:
    """So many characters, now and then a line end among them where the alphabet has a space."""
    text = "".join(random.choice(alphabet) for _ in range(count))
    return text.replace(" ", "\n") if " " in alphabet and random.random() < 0.2 else text
