"""Ten thousand generated messages: the lawful ones are taken, and one planted mistake is told, at its place, alone."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from random import Random

import pytest

from singlewindow.messages.judgement import Judgement, Problem
from singlewindow.xsd.catalogue import Catalogue, load_catalogue
from singlewindow.xsd.judge_child import judge
from tests.unit.ceb_generator import Node, Table, generate_message
from tests.unit.ceb_mistakes import STRUCTURE, Mistake
from tests.unit.ceb_value_mistakes import VALUES
from tests.unit.ceb_writing import Writer, random_style

TABLES = Path(__file__).parents[3] / "shared/domain/ceb"
MISTAKES = STRUCTURE | VALUES
TRIED = [
    (edition, mistake)
    for mistake in MISTAKES
    for edition in ("2018", "2022")
    if (edition, mistake) != ("2018", "a wrong fixed value")  # the edition of 2018 fixes no value
]

LAWFUL_MESSAGES = 1_000
"""Of each edition."""

MESSAGES_PER_MISTAKE = 260
"""Of each edition: with the lawful ones ten thousand in all."""

SHOWN_FAILURES = 3

each_edition = pytest.mark.parametrize("edition", ["2018", "2022"])
each_mistake = pytest.mark.parametrize(("edition", "mistake"), TRIED)

Told = tuple[str, str | None, int | None, int | None, int | None, str | None]
"""Code, pointer, line, column, ordinal and value of one error."""


@dataclass(frozen=True, slots=True)
class Trial:
    """A message with what should be told of it; the seed gives both again."""

    seed: str
    body: bytes
    expected: list[Told]


@pytest.fixture(scope="module")
def catalogue() -> Catalogue:
    return load_catalogue()


@pytest.fixture(scope="module")
def tables() -> dict[str, Table]:
    paths = {edition: TABLES / f"elements-{edition}.tsv" for edition in ("2018", "2022")}
    if not all(path.is_file() for path in paths.values()):
        pytest.skip("the published element tables do not lie beside the checkout")
    return {edition: Table(path) for edition, path in paths.items()}


def lawful_trial(seed: str, table: Table) -> Trial:
    random = Random(seed)
    message = generate_message(random, table, random.choice(table.roots))
    return Trial(seed, Writer(random, random_style(random)).write(message), [])


def mistaken_trial(seed: str, table: Table, name: str) -> Trial:
    random = Random(seed)
    while True:
        message = generate_message(random, table, random.choice(table.roots))
        mistake = MISTAKES[name](random, table, message)
        if mistake is not None:
            writer = Writer(random, random_style(random))
            body = writer.write(message)
            return Trial(seed, body, list(expect(mistake, writer, table, message)))


def expect(mistake: Mistake, writer: Writer, table: Table, message: Node) -> Iterator[Told]:
    line, column = writer.places[mistake.seen]
    ordinal = mistake.ordinal(table)
    yield mistake.code, mistake.pointer(table), line, column, ordinal, mistake.value
    if ordinal and any(child.name == "Signature" for child in message.children):
        yield "message-stands-whole", None, None, None, None, None  # a signature covers the sound declarations as well


def is_of_the_form(problem: Problem) -> bool:
    """True for an error in the form of a message: what the business rules say of random values is not asked here."""
    return problem.severity == "error" and not problem.code.startswith("rule.")


def errors(judgement: Judgement) -> Iterator[Problem]:
    within = [problem for unit in judgement.units for problem in unit.problems if is_of_the_form(problem)]
    yield from within
    for problem in judgement.problems:
        if is_of_the_form(problem) and (within or problem.code != "message-stands-whole"):
            yield problem


def told(catalogue: Catalogue, trial: Trial, edition: str) -> list[Told]:
    return [
        (one.code, one.pointer, one.line, one.column, one.ordinal, one.value)
        for one in errors(judge(catalogue, trial.body, (f"ceb-{edition}",)))
    ]


def check(catalogue: Catalogue, trials: Iterator[Trial], edition: str) -> None:
    """Fails with the seed and the message of the first that were judged otherwise than expected."""
    failures = []
    for trial in trials:
        found = told(catalogue, trial, edition)
        if sorted(map(str, found)) != sorted(map(str, trial.expected)):
            failures.append(f"seed {trial.seed!r}\nexpected {trial.expected}\ntold     {found}\n{trial.body!r}")
    if failures:
        pytest.fail("\n\n".join([f"{len(failures)} judged otherwise", *failures[:SHOWN_FAILURES]]), pytrace=False)


@each_edition
def test_a_lawful_message_has_no_errors(edition: str, catalogue: Catalogue, tables: dict[str, Table]) -> None:
    trials = (lawful_trial(f"{edition}/lawful/{number}", tables[edition]) for number in range(LAWFUL_MESSAGES))
    check(catalogue, trials, edition)


@each_mistake
def test_one_planted_mistake_is_told_at_its_place_and_nothing_else(
    edition: str, mistake: str, catalogue: Catalogue, tables: dict[str, Table]
) -> None:
    seeds = (f"{edition}/{mistake}/{number}" for number in range(MESSAGES_PER_MISTAKE))
    trials = (mistaken_trial(seed, tables[edition], mistake) for seed in seeds)
    check(catalogue, trials, edition)
