"""What does judging one declaration cost beside the floor (libxml2 parse + XSD) and beside xmlschema?"""

from __future__ import annotations

import asyncio
import statistics
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import xmlschema
from lxml import etree

from singlewindow.xsd.catalogue import load_catalogue
from singlewindow.xsd.judging import Door
from singlewindow.xsd.parser import new_parser

SET = Path(__file__).parent.parent / "singlewindow" / "xsd" / "sets" / "ceb-2018"
ROUNDS = 5


def run(*, quick: bool) -> list[dict[str, Any]]:
    """Median microseconds a document over interleaved rounds, and the ratio to the floor."""
    body = (SET / "samples" / "valid" / "inventory.xml").read_bytes()
    repeats = 100 if quick else 1000
    catalogue = load_catalogue()
    door, schema = Door(catalogue), catalogue.sets["ceb-2018"].schema
    slow = xmlschema.XMLSchema(str(SET / "ceb.xsd"), allow="local")
    loop = asyncio.new_event_loop()
    contestants: dict[str, tuple[int, Callable[[], object]]] = {
        "floor: libxml2 parse + XSD": (repeats, lambda: schema.validate(etree.fromstring(body, new_parser()))),
        "ours: judged and read": (repeats, lambda: loop.run_until_complete(door.judge(body))),
        "xmlschema": (max(repeats // 50, 2), lambda: slow.is_valid(etree.fromstring(body))),
    }
    rounds: dict[str, list[float]] = {name: [] for name in contestants}
    for _ in range(ROUNDS):
        for name, (count, work) in contestants.items():
            started = time.perf_counter()
            for _ in range(count):
                work()
            rounds[name].append((time.perf_counter() - started) / count * 1e6)
    loop.close()
    floor = statistics.median(rounds["floor: libxml2 parse + XSD"])
    return [
        {"who": name, "µs a document": statistics.median(times), "× the floor": statistics.median(times) / floor}
        for name, times in rounds.items()
    ]
