"""One mistake planted in a lawful message, with what a trader should be told of it."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from random import Random

from tests.unit.ceb_generator import CEB, LETTERS, Node, Table, generate_element


@dataclass(frozen=True, slots=True)
class Mistake:
    """What should be told: the code, the element whose line and column are given, the element that the pointer names.

    `below` is an attribute, or an element that is missing, below the one named; `unit` is False where the number or
    order of the declarations themselves is at fault.
    """

    code: str
    seen: Node
    named: Node
    below: str | None = None
    value: str | None = None
    unit: bool = True

    def pointer(self, table: Table) -> str:
        steps = [_step(node, table) for node in self.named.ancestry()][::-1]
        return "/" + "/".join([*steps, self.below] if self.below else steps)

    def ordinal(self, table: Table) -> int | None:
        """The number of the declaration that it is in."""
        *_, unit, root = [self.named, *self.named.ancestry()]
        if not self.unit or root.row is None or (unit.name, unit.namespace) != (table.children(root.row)[0].name, CEB):
            return None
        return unit.namesakes().index(unit) + 1


def _step(node: Node, table: Table) -> str:
    same = node.namesakes()
    repeats = node.parent is not None and (len(same) > 1 or node.name in table.repeatable)
    return f"{node.name}[{same.index(node) + 1}]" if repeats else node.name


Plant = Callable[[Random, Table, Node], "Mistake | None"]
"""Changes a message in place and says what it did; None, and no change, where the message has no place for it."""


def _elements(message: Node) -> list[Node]:
    """Every element of the tables below the root."""
    return [node for node in message.walk() if node.parent is not None and node.verbatim is None]


def _containers(message: Node) -> list[Node]:
    """Elements that hold elements only, except the one that holds anything."""
    anything = {node.parent for node in message.walk() if node.row and node.row.name == "*"}
    return [node for node in message.walk() if node.children and node not in anything]


def _pick(random: Random, nodes: Sequence[Node]) -> Node | None:
    return random.choice(nodes) if nodes else None


def omit_element(random: Random, _: Table, message: Node) -> Mistake | None:
    """A mandatory element is not there."""
    alone = [node for node in _elements(message) if node.row and node.row.least and len(node.namesakes()) == 1]
    node = _pick(random, alone)
    if node is None or node.parent is None:
        return None
    parent, index = node.parent, node.parent.children.index(node)
    del parent.children[index]
    seen = parent.children[index] if index < len(parent.children) else parent
    return Mistake("xsd.missing-element", seen, parent, node.name)


def misspell_element(random: Random, table: Table, message: Node) -> Mistake | None:
    """An element's name has a typing mistake."""
    node = _pick(random, _elements(message))
    if node is None or node.parent is None or node.parent.row is None:
        return None
    name = _misspell(random, node.name)
    if name in {row.name for row in table.children(node.parent.row)}:
        return None
    node.name = name
    return Mistake("xsd.unexpected-element", node, node)


def _misspell(random: Random, name: str) -> str:
    at = random.randrange(len(name) - 1)
    pair = name[at : at + 2]
    other = pair[0] + random.choice(LETTERS)
    wrong = random.choice((pair[::-1], pair[0], pair[1], pair[0] + pair, other, pair.swapcase()))
    changed = name[:at] + wrong + name[at + 2 :]
    return changed if changed != name and not changed[0].isdigit() else name + "s"


def add_stranger(random: Random, table: Table, message: Node) -> Mistake | None:
    """An element that the tables do not know, or know in another namespace."""
    parent = _pick(random, _containers(message))
    if parent is None or parent.row is None:
        return None
    stranger = Node(random.choice(("zzz", "remark", "Strange", "x1", "备注", "OrderHeads")), text="?")
    if random.random() < 0.3:
        stranger = Node(random.choice(table.children(parent.row)).name, None, random.choice(("", "urn:example:other")))
    if stranger.name in {row.name for row in table.children(parent.row)} and stranger.namespace == CEB:
        return None
    parent.insert(random.randint(0, len(parent.children)), stranger)
    return Mistake("xsd.unexpected-element", stranger, stranger)


def add_stranger_to_value(random: Random, _: Table, message: Node) -> Mistake | None:
    """An element stands within a value."""
    parent = _pick(random, [node for node in _elements(message) if node.row and node.row.is_value])
    if parent is None:
        return None
    stranger = parent.insert(0, Node(random.choice(("zzz", "备注", "note"))))
    return Mistake("xsd.unexpected-element", stranger, stranger)


def repeat_element(random: Random, table: Table, message: Node) -> Mistake | None:
    """An element occurs once more than it may."""
    chance = random.random()
    limited = [
        node
        for node in message.walk()
        if node.parent and node.row and node.row.most and (node.row.most <= 5 or chance < 0.02) and node.row.name != "*"
    ]
    node = _pick(random, limited)
    if node is None or node.parent is None or node.row is None or node.row.most is None:
        return None
    parent, same = node.parent, node.namesakes()
    index = parent.children.index(same[-1]) + 1
    for _ in range(node.row.most - len(same)):
        parent.insert(index, generate_element(random, table, node.row))
        index += 1
    index = random.choice((index, random.randint(index, len(parent.children))))
    surplus = parent.insert(index, generate_element(random, table, node.row))
    return Mistake("xsd.too-many", surplus, surplus, unit=parent is not message)


def displace_element(random: Random, _: Table, message: Node) -> Mistake | None:
    """An element stands before what it comes behind, or behind what it comes before."""
    parent = _pick(random, [node for node in _containers(message) if len(node.children) > 1])
    if parent is None:
        return None
    source, target = random.sample(range(len(parent.children)), 2)
    moved = parent.children[source]
    passed = parent.children[source + 1 : target + 1] or parent.children[target:source]
    if moved in {twin for node in passed for twin in node.namesakes()}:
        return None
    wrong = _named_late(moved, passed) if target > source else _named_early(moved, passed)
    parent.children.insert(target, parent.children.pop(source))
    return Mistake("xsd.unexpected-element", wrong, wrong, unit=parent is not message)


def _named_late(moved: Node, passed: list[Node]) -> Node:
    """Where an element is missed it is the one that stands in its place; one that nobody misses is told where it is."""
    return passed[0] if _is_missed(moved) and len(moved.namesakes()) == 1 else moved


def _named_early(moved: Node, passed: list[Node]) -> Node:
    """The moved element, unless nothing was missed where it stands and only one element is then out of place."""
    if len(passed) == 1 and not any(_is_missed(node) for node in passed):
        return passed[0]
    return moved


def _is_missed(node: Node) -> bool:
    """True for the first of an element that must be there."""
    return node.row is not None and node.row.least > 0 and node.namesakes()[0] is node


def add_stray_text(random: Random, _: Table, message: Node) -> Mistake | None:
    """Text stands between elements."""
    parent = _pick(random, _containers(message))
    if parent is None:
        return None
    text = random.choice(("x", "备注", ",", "0", "\u3000", "\u00a0", "\n text \n"))
    parent.stray[random.randint(0, len(parent.children))] = text
    return Mistake("xsd.unexpected-text", parent, parent)


STRUCTURE: dict[str, Plant] = {
    "a missing element": omit_element,
    "a misspelt element": misspell_element,
    "an unknown element": add_stranger,
    "an element within a value": add_stranger_to_value,
    "an element too many": repeat_element,
    "an element out of order": displace_element,
    "text between elements": add_stray_text,
}
"""Mistakes in the elements themselves, by what they are."""
