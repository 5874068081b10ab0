"""The weather without a wire: shares, seeds, windows, load, and the forms of a spoilt reply."""

from __future__ import annotations

from collections import Counter

import pytest
from pydantic import ValidationError

from singlewindow.adapters.sandbox.incidents import Incident, ask_magic, spoil
from singlewindow.adapters.sandbox.records import Notice, Statement
from singlewindow.adapters.sandbox.sky import Sky
from singlewindow.adapters.sandbox.weather import Forecast, Load, Outage, Weather


class Clock:
    """Seconds that pass when the test says so."""

    now = 1000.0

    def __call__(self) -> float:
        return self.now


def sky(clock: Clock | None = None, seed: str = "", **weather: object) -> Sky:
    return Sky(Forecast(seed=seed, agencies={"all": Weather.model_validate(weather)}), clock or Clock())


def test_faults_come_in_their_shares() -> None:
    above = sky(http_500=0.2, lost_reply=0.3, half_closed=0.1)
    met = Counter(above.meet("sea", f"KEY-{number}", 1).fault for number in range(2000))
    assert met.keys() == {None, "http_500", "lost_reply", "half_closed"}
    assert 330 < met["http_500"] < 470
    assert 510 < met["lost_reply"] < 690


def test_each_attempt_is_drawn_anew_and_a_seed_repeats_them_all() -> None:
    first, again, other = (
        [above.meet("sea", "KEY", 1) for _ in range(50)]
        for above in (sky(http_500=0.5), sky(http_500=0.5), sky(seed="other", http_500=0.5))
    )
    assert first == again
    assert first != other
    assert {one.fault for one in first} == {None, "http_500"}


def test_one_key_does_not_change_what_another_meets() -> None:
    alone, among = sky(http_500=0.5), sky(http_500=0.5)
    expected = [alone.meet("sea", "KEY", 1) for _ in range(20)]
    met = []
    for number in range(20):
        among.meet("sea", f"OTHER-{number}", 1)
        met.append(among.meet("sea", "KEY", 1))
    assert met == expected


def test_an_agency_of_its_own_weather_does_not_have_that_of_all() -> None:
    forecast = Forecast(agencies={"all": Weather(http_500=1), "sea": Weather()})
    above = Sky(forecast, Clock())
    assert above.meet("sea", "KEY", 1).fault is None
    assert above.meet("road", "KEY", 1).fault == "http_500"


def test_windows_open_and_close_by_the_clock() -> None:
    clock = Clock()
    above = sky(clock, outages=(Outage(from_seconds=10, for_seconds=5),))
    out = []
    for second in range(20):
        clock.now = 1000.0 + second
        out.append(above.is_out("rail"))
    assert out == [10 <= second < 15 for second in range(20)]


def test_outages_set_alone_leave_the_weather_and_other_agencies() -> None:
    clock = Clock()
    above = sky(clock, http_500=1, outages=(Outage(for_seconds=100),))
    clock.now += 10
    above.set_outages({"sea": [Outage(from_seconds=1, for_seconds=2)]})
    assert not above.is_out("sea")
    assert above.outages()["sea"] == [{"from_seconds": 1, "for_seconds": 2}]
    assert above.outages()["road"] == [{"from_seconds": 0, "for_seconds": 90}]
    assert above.meet("sea", "KEY", 1).fault == "http_500"


def test_load_refuses_what_comes_too_fast_and_takes_what_waits() -> None:
    clock = Clock()
    above = sky(clock, load=(Load(documents_per_second=10), Load(from_seconds=60, documents_per_second=1)))
    assert [above.meet("sea", f"{number}", 1).fault for number in range(12)] == [None] * 10 + ["http_503"] * 2
    assert above.meet("road", "KEY", 1).fault is None, "each agency carries its own"
    clock.now += 0.2
    assert [above.meet("sea", f"A{number}", 1).fault for number in range(3)] == [None, None, "http_503"]
    clock.now += 100
    assert [above.meet("sea", f"B{number}", 1).fault for number in range(2)] == [None, "http_503"]


def test_a_batch_beyond_a_second_is_taken_and_keeps_others_out() -> None:
    clock = Clock()
    above = sky(clock, load=(Load(documents_per_second=10),))
    assert above.meet("sea", "BATCH", 100).fault is None
    clock.now += 8.5
    assert above.meet("sea", "NEXT", 1).fault == "http_503"
    clock.now += 1
    assert above.meet("sea", "NEXT", 1).fault is None


def told(words: frozenset[str] = frozenset()) -> list[Notice]:
    return [Notice(f"n{number}", "sea", "task", number, Statement("Response", {}), words) for number in range(3)]


def test_notices_pass_as_the_weather_has_it() -> None:
    assert sky().pass_over(told(), "KEY") == told()
    twice = Counter(one.notice_id for one in sky(duplicate_notices=1).pass_over(told(), "KEY"))
    assert twice == {"n0": 2, "n1": 2, "n2": 2}
    late = sky(late_notices=1, late_seconds=2).pass_over(told(), "KEY")
    assert [one.due_ms for one in late] == [2000, 2001, 2002]
    turned = sky(disordered_notices=1).pass_over(told(), "KEY")
    assert [one.notice_id for one in sorted(turned, key=lambda one: one.due_ms)] == ["n2", "n1", "n0"]


def test_magic_words_about_notices_win() -> None:
    words = frozenset({"DUPLICATE"})
    assert sky(late_notices=1, disordered_notices=1).pass_over(told(words), "KEY") == told(words)


def test_a_reply_is_spoilt_in_four_ways() -> None:
    whole = b'<?xml version="1.0" encoding="UTF-8"?><a>text</a>'
    forms = [spoil(whole, form / 4) for form in range(4)]
    assert len(set(forms)) == 4
    assert whole not in forms
    assert whole.startswith(forms[0])
    assert b"<!DOCTYPE" in forms[3]
    assert forms[3].endswith(b"<a>text</a>")


def test_only_words_about_transport_keep_the_weather_away() -> None:
    assert ask_magic(frozenset({"REJECT", "MOVES"}), 1) is None
    assert ask_magic(frozenset({"FAULT"}), 3) == Incident()
    lost = ask_magic(frozenset({"SLOW", "LOST"}), 1)
    assert lost is not None
    assert (lost.fault, lost.slow_seconds) == ("lost_reply", 3.0)


def test_shares_that_exclude_each_other_come_to_one_at_most() -> None:
    assert Weather(http_500=0.7, http_503=0.3).choose_fault(0.999) == "http_503"
    with pytest.raises(ValidationError, match="more than 1"):
        Weather(http_500=0.7, http_503=0.4)
