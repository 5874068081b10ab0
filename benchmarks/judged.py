"""What judging alone costs: a document through the XML door's examination, in this process."""

from __future__ import annotations

import time
from functools import cache

from benchmarks.documents import Recipe
from benchmarks.load import new_mark
from singlewindow.xsd.catalogue import Catalogue, load_catalogue
from singlewindow.xsd.examining import examine


def judging_micros(recipe: Recipe, *, seconds: float) -> float:
    """Processor time in microseconds a declaration: parse, XSD, reading, hashing, rules. Nothing is stored."""
    catalogue, mark, number = _catalogue(), new_mark(), 0
    examine(catalogue, recipe.document(number, mark))
    before, until = time.process_time(), time.perf_counter() + seconds
    while time.perf_counter() < until:
        if examine(catalogue, recipe.document(number, mark)) is None:
            raise RuntimeError("the document is refused")
        number += 1
    return (time.process_time() - before) / number / recipe.declarations * 1e6


@cache
def _catalogue() -> Catalogue:
    return load_catalogue()
