"""What does judging one declaration cost beside the floor (libxml2 parse + XSD) and beside xmlschema?

First whole messages of one inventory; then, for one of a hundred with numbers of its own, each stage by itself: the
whole is what judging asks for, the stages are what it is made of, and matching is what comes after it in the ledger.
"""

from __future__ import annotations

import asyncio
import statistics
import time
from collections.abc import Callable
from contextlib import closing
from copy import deepcopy
from pathlib import Path
from typing import Any

import xmlschema
from lxml import etree

from benchmarks.results import Form, Result
from singlewindow.messages.comparing import differences
from singlewindow.xsd.catalogue import Catalogue, InstalledSet, load_catalogue
from singlewindow.xsd.examining import examine
from singlewindow.xsd.judging import Door
from singlewindow.xsd.outline import outline
from singlewindow.xsd.parser import Element, new_parser, parse

SET = Path(__file__).parent.parent / "singlewindow" / "xsd" / "sets" / "ceb-2018"
ROUNDS = 5
DECLARATIONS = 100
ROOT = "CEB603Message"
OWN = ("guid", "copNo", "orderNo", "logisticsNo")

Contestants = dict[str, tuple[int, Callable[[], object]]]
"""By name: how often a round calls it, and what it calls."""


def run(form: Form) -> Result:
    """Median microseconds a declaration over interleaved rounds, and the ratio to the floor of its kind."""
    repeats = 100 if form == "quick" else 1000
    catalogue = load_catalogue()
    loop = asyncio.new_event_loop()
    with closing(loop):
        whole = measure(whole_messages(catalogue, loop, repeats), "floor: libxml2 parse + XSD")
    staged = measure(stages(catalogue, max(repeats // 50, 2)), "of 100: bare lxml, parse + XSD", DECLARATIONS)
    return Result([*whole, *staged])


def whole_messages(catalogue: Catalogue, loop: asyncio.AbstractEventLoop, repeats: int) -> Contestants:
    """Ways of judging a message of one declaration."""
    body = (SET / "samples" / "valid" / "inventory.xml").read_bytes()
    door, schema = Door(catalogue), catalogue.sets["ceb-2018"].schema
    slow = xmlschema.XMLSchema(str(SET / "ceb.xsd"), allow="local")
    return {
        "floor: libxml2 parse + XSD": (repeats, lambda: schema.validate(etree.fromstring(body, new_parser()))),
        "ours: judged and read": (repeats, lambda: loop.run_until_complete(door.judge(body))),
        "xmlschema": (max(repeats // 50, 2), lambda: slow.is_valid(etree.fromstring(body))),
    }


def stages(catalogue: Catalogue, repeats: int) -> Contestants:
    """The stages of a message of a hundred, each by itself, its whole, and bare lxml."""
    installed = catalogue.sets["ceb-2018"]
    body = etree.tostring(message_of_inventories())
    root, schema = parse(body), installed.schema_for(ROOT)
    units = root.findall("{*}Inventory")
    reader, branches = installed.reader(ROOT), [outline(unit)[0] for unit in units]
    facts = [reader.read(unit, ordinal).facts for ordinal, unit in enumerate(units, 1)]
    matching = installed.message_set.matching
    work: dict[str, Callable[[], object]] = {
        "of 100: bare lxml, parse + XSD": lambda: schema.validate(etree.fromstring(body, new_parser())),
        "of 100: judged as a whole": lambda: examine(catalogue, body),
        "of 100: parse, limits and all": lambda: parse(body),
        "of 100: XSD": lambda: schema.validate(root),
        "of 100: outline and hash": lambda: [outline(unit) for unit in units],
        "of 100: outline, hash, keys, joins, facts": lambda: [reader.read(unit, 1) for unit in units],
        "of 100: rules": lambda: _ask_rules(installed, root, branches),
        "of 100: comparing with a partner": lambda: [differences(one, one, matching) for one in facts],
    }
    return {name: (repeats, call) for name, call in work.items()}


def message_of_inventories() -> Element:
    """The shipped inventory a hundred times, each with its own numbers."""
    root = parse((SET / "samples" / "valid" / "inventory.xml").read_bytes())
    first = next(root.iterchildren("{*}Inventory"))
    for number in range(1, DECLARATIONS):
        copied = deepcopy(first)
        for element in copied.iter(*(f"{{*}}{name}" for name in OWN)):
            element.text = f"{(element.text or '')[:-3]}{number:03d}"
        first.addnext(copied)
    return root


def _ask_rules(installed: InstalledSet, root: Element, branches: list[Any]) -> None:
    screening = installed.screening(ROOT)
    for branch in branches:
        screening.look(branch)
    screening.ask(root)


def measure(contestants: Contestants, floor: str, declarations: int = 1) -> list[dict[str, Any]]:
    """A row for each contestant."""
    rounds: dict[str, list[float]] = {name: [] for name in contestants}
    for _ in range(ROUNDS):
        for name, (count, work) in contestants.items():
            started = time.perf_counter()
            for _ in range(count):
                work()
            rounds[name].append((time.perf_counter() - started) / count / declarations * 1e6)
    least = statistics.median(rounds[floor])
    return [
        {"who": name, "µs a declaration": statistics.median(times), "× the floor": statistics.median(times) / least}
        for name, times in rounds.items()
    ]
