"""Scenario files: the same seed tells the same story, rules strike by share and match, mistakes are named."""

from __future__ import annotations

import os
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import pytest

from singlewindow.adapters.sandbox.delays import Delays, read_range
from singlewindow.adapters.sandbox.magic import words_of
from singlewindow.adapters.sandbox.numbers import Numbers
from singlewindow.adapters.sandbox.parcels import Parcels
from singlewindow.adapters.sandbox.records import Request, describe, recall
from singlewindow.adapters.sandbox.register import Register
from singlewindow.adapters.sandbox.scenario import Scenario, load_scenario
from singlewindow.adapters.sandbox.story import Story
from singlewindow.errors import ConfigurationError

CHECKOUT = Path(__file__).resolve().parents[2]
EXAMPLES = sorted((CHECKOUT / "docs" / "examples" / "scenarios").glob("*.toml"))
USUAL = read_range("50-300")


def scenario_of(folder: Path, text: str) -> Scenario:
    path = folder / "scenario.toml"
    path.write_text(text, "utf-8")
    return load_scenario(path)


def order(number: str, agency: str = "customs", *, action: str = "declare", leg: int | None = None) -> Request:
    fields = {"ebpCode": "P", "ebcCode": "E", "orderNo": number}
    root = "CEB303Message"
    return Request(agency, action, f"task {number}", "Trader", 1_770_000_000_000, root, number, fields, leg=leg)


@pytest.mark.parametrize("path", EXAMPLES, ids=lambda path: path.stem)
def test_every_example_loads_and_says_something(path: Path) -> None:
    assert load_scenario(path) != Scenario()


def test_there_are_examples() -> None:
    assert len(EXAMPLES) >= 3


def test_a_share_of_the_documents_is_rejected_whatever_their_task(tmp_path: Path) -> None:
    story = Story(scenario_of(tmp_path, 'seed = "s"\n[[outcomes]]\noutcome = "reject"\nshare = 0.3\n'), USUAL)
    cast = [story.cast(order(f"ORD-{number}")) for number in range(1000)]
    assert 230 < sum(one.outcome == "REJECT" for one in cast) < 370
    again = [story.cast(replace(order(f"ORD-{number}"), task_id="another", at_ms=1)) for number in range(1000)]
    assert [(one.outcome, one.delay_ms) for one in again] == [(one.outcome, one.delay_ms) for one in cast]


def test_another_seed_tells_another_story(tmp_path: Path) -> None:
    text = '[[outcomes]]\noutcome = "reject"\nshare = 0.5\n'
    stories = [Story(scenario_of(tmp_path, f"seed = {seed}\n{text}"), USUAL) for seed in (1, 2)]
    first, second = ([story.cast(order(f"ORD-{number}")).outcome for number in range(100)] for story in stories)
    assert first != second


def test_the_first_rule_that_matches_decides(tmp_path: Path) -> None:
    rules = """
    [[outcomes]]
    outcome = "accept"
    key = "VIP-*"
    [[outcomes]]
    outcome = "hold"
    agency = "sea"
    action = "book"
    leg = 3
    [[outcomes]]
    outcome = "silent"
    """
    story = Story(scenario_of(tmp_path, rules), USUAL)
    assert story.cast(order("VIP-1", "sea", action="book", leg=3)).outcome == ""
    assert story.cast(order("ORD-1", "sea", action="book", leg=3)).outcome == "HOLD"
    assert story.cast(order("ORD-1", "sea", action="book", leg=2)).outcome == "SILENT"
    assert story.cast(order("ORD-1", "road", action="book", leg=3)).outcome == "SILENT"


def test_magic_words_win_over_the_scenario(tmp_path: Path) -> None:
    story = Story(scenario_of(tmp_path, '[[outcomes]]\noutcome = "reject"\n'), USUAL)
    assert words_of(story.cast(order("PLAIN-1"))) == {"REJECT"}
    assert words_of(story.cast(order("HOLD-1"))) == {"HOLD"}
    assert words_of(story.cast(order("SLOW-1"))) == {"SLOW", "REJECT"}, "how it travels decides nothing"


def test_the_journal_keeps_what_was_drawn(tmp_path: Path) -> None:
    story = Story(scenario_of(tmp_path, '[[outcomes]]\noutcome = "hold"\nshare = 0.5\n'), USUAL)
    first, second = (Register({"customs": Parcels(Numbers())}) for _ in range(2))
    for number in range(50):
        asked = story.cast(order(f"ORD-{number}"))
        decision = first.take(asked)
        assert second.take(recall(describe(asked, decision))) == decision


@pytest.mark.parametrize("distribution", ["uniform", "normal", "exponential"])
def test_delays_keep_their_bounds_and_their_mean(distribution: str) -> None:
    table = {"distribution": distribution, "shortest_ms": 100, "longest_ms": 2100, "mean_ms": 500.0}
    delays = Delays.model_validate(table | ({"mean_ms": None} if distribution == "uniform" else {}))
    drawn = [delays.draw_ms(place / 1000) for place in range(1000)]
    assert drawn == sorted(drawn)
    assert min(drawn) >= 100
    assert max(drawn) <= 2100
    mean = sum(drawn) / len(drawn)
    expected = 1100 if distribution == "uniform" else 500
    assert abs(mean - expected) < 0.1 * expected


@pytest.mark.parametrize(
    ("text", "place"),
    [
        ("seed = \n[weather]", "line 1"),
        ("[weather.seaside]\nhttp_500 = 0.1", "weather: .*seaside"),
        ("[weather.sea]\nhttp_500 = 2", "weather.sea.http_500"),
        ("[weather.sea]\nhttp_500 = '0.1'", "weather.sea.http_500"),
        ("[[weather.sea.outages]]\nfrom_seconds = 5", "weather.sea.outages.0.for_seconds"),
        ("[[outcomes]]\noutcome = 'explode'", "outcomes.0.outcome"),
        ("[[outcomes]]\noutcome = 'reject'\nshares = 0.1", "outcomes.0.shares"),
        ("[[outcomes]]\noutcome = 'reject'\nagency = 'seaside'", "outcomes.0.agency"),
        ("[delays.all]\nshortest_ms = 9\nlongest_ms = 3", "delays.all: .*rise"),
        ("colour = 1", "colour"),
    ],
)
def test_a_mistake_is_named_with_file_table_and_key(tmp_path: Path, text: str, place: str) -> None:
    with pytest.raises(ConfigurationError, match=f"scenario.toml: .*{place}"):
        scenario_of(tmp_path, text)


def test_a_file_that_is_not_there_is_named(tmp_path: Path) -> None:
    with pytest.raises(ConfigurationError, match=r"absent\.toml"):
        load_scenario(tmp_path / "absent.toml")


TELL = """
import sys
from pathlib import Path
from singlewindow.adapters.sandbox.delays import read_range
from singlewindow.adapters.sandbox.records import Request
from singlewindow.adapters.sandbox.scenario import load_scenario
from singlewindow.adapters.sandbox.sky import Sky
from singlewindow.adapters.sandbox.story import Story
scenario = load_scenario(Path(sys.argv[1]))
story, sky = Story(scenario, read_range("0-9")), Sky(scenario.forecast())
for number in range(50):
    request = Request("sea", "book", "t", "T", 0, "ExportDeclaration", f"LRN-{number}", {}, leg=1)
    cast = story.cast(request)
    print(cast.outcome, cast.delay_ms, *(sky.meet("sea", f"LRN-{number}", 1) for _ in range(3)))
"""


def test_the_process_and_its_hash_seed_change_nothing(tmp_path: Path) -> None:
    text = 'seed = 5\n[[outcomes]]\noutcome = "reject"\nshare = 0.5\n[weather.all]\nhttp_500 = 0.3\nslow = 0.5\n'
    scenario_of(tmp_path, text)
    told = [
        subprocess.run(
            [sys.executable, "-c", TELL, str(tmp_path / "scenario.toml")],
            env=os.environ | {"PYTHONHASHSEED": seed}, cwd=CHECKOUT, capture_output=True, text=True, check=True,
        ).stdout
        for seed in ("0", "1")
    ]  # fmt: skip
    assert told[0] == told[1]
    assert "REJECT" in told[0]
    assert "http_500" in told[0]
