from __future__ import annotations

import random

from hypothesis import given
from hypothesis import strategies as st

from singlewindow.queue.breaker import Breaker, Opening
from singlewindow.queue.retry import RetryPolicy

seconds = st.floats(min_value=0.0, max_value=1e6)


@given(st.integers(1, 10**6), seconds, seconds, st.integers())
def test_a_delay_is_between_nothing_and_the_doubled_base_below_the_cap(
    attempt: int, base: float, cap: float, seed: int
) -> None:
    policy = RetryPolicy(base_seconds=base, cap_seconds=cap, draw=random.Random(seed).uniform)
    assert 0.0 <= policy.delay_seconds(attempt) <= min(cap, base * 2.0 ** min(attempt - 1, 60))


@given(st.integers(1, 50), seconds, st.integers())
def test_a_delay_is_never_shorter_than_retry_after(attempt: int, retry_after: float, seed: int) -> None:
    policy = RetryPolicy(draw=random.Random(seed).uniform)
    delay = policy.delay_seconds(attempt, retry_after_seconds=retry_after)
    assert retry_after <= delay <= retry_after + policy.cap_seconds


def test_the_jitter_is_full_and_its_bound_doubles() -> None:
    longest = RetryPolicy(base_seconds=1.0, cap_seconds=5.0, draw=lambda _, high: high)
    shortest = RetryPolicy(base_seconds=1.0, cap_seconds=5.0, draw=lambda low, _: low)
    assert [longest.delay_seconds(attempt) for attempt in (1, 2, 3, 4, 5)] == [1.0, 2.0, 4.0, 5.0, 5.0]
    assert [shortest.delay_seconds(attempt) for attempt in (1, 5)] == [0.0, 0.0]


def test_tries_and_time_both_end_the_trying() -> None:
    policy = RetryPolicy(max_attempts=3, budget_seconds=60.0)
    assert not policy.exhausted(2, 59.0)
    assert policy.exhausted(3, 0.0)
    assert policy.exhausted(1, 60.0)


def test_while_the_agency_is_away_only_time_ends_the_trying() -> None:
    policy = RetryPolicy(max_attempts=3, budget_seconds=60.0)
    assert not policy.exhausted(99, 59.0, agency_away=True)
    assert policy.exhausted(1, 60.0, agency_away=True)


class Hands:
    """A clock moved by hand."""

    now = 0.0

    def __call__(self) -> float:
        return self.now


def opened(clock: Hands) -> Breaker:
    breaker = Breaker(threshold=3, open_seconds=1.0, longest_seconds=4.0, monotonic=clock)
    for _ in range(3):
        breaker.fail()
    return breaker


def test_a_breaker_opens_only_after_consecutive_failures() -> None:
    breaker = Breaker(threshold=3)
    for _ in range(5):
        breaker.fail()
        breaker.fail()
        breaker.succeed()
    assert breaker.permit(100, running=4) == 100
    for _ in range(3):
        breaker.fail()
    assert (breaker.state, breaker.permit(100, running=0)) == ("open", 0)


def test_after_the_wait_one_probe_goes_at_a_time_and_its_success_closes() -> None:
    clock = Hands()
    breaker = opened(clock)
    clock.now = 1.0
    assert (breaker.permit(100, running=0), breaker.permit(100, running=1)) == (1, 0)
    breaker.succeed()
    assert breaker.permit(100, running=1) == 100


def test_each_failed_probe_doubles_the_wait_up_to_the_longest() -> None:
    clock = Hands()
    breaker = opened(clock)
    waits = []
    for _ in range(4):
        before = clock.now
        while breaker.state == "open":
            clock.now += 0.5
        waits.append(clock.now - before)
        breaker.fail()
    assert waits == [1.0, 2.0, 4.0, 4.0]


def test_a_straggler_that_fails_while_open_does_not_prolong_it() -> None:
    clock = Hands()
    breaker = opened(clock)
    clock.now = 0.9
    breaker.fail()
    clock.now = 1.0
    assert breaker.state == "half_open"


def test_an_agency_that_refuses_us_as_such_is_shut_out_at_once_and_probed_seldom() -> None:
    clock = Hands()
    breaker = Breaker(stop_seconds=30, longest_stop_seconds=50, monotonic=clock)
    breaker.trip("wrong password")
    breaker.trip("a straggler")
    assert (breaker.state, breaker.stopped, breaker.opening) == ("open", True, Opening(30, "wrong password", True))
    clock.now = 30.0
    assert breaker.permit(10, running=0) == 1
    breaker.trip("wrong password still")
    assert breaker.opening == Opening(50, "wrong password still", True)
    breaker.succeed()
    assert (breaker.state, breaker.stopped) == ("closed", False)


def test_an_open_breaker_that_is_then_refused_waits_long() -> None:
    clock = Hands()
    breaker = opened(clock)
    breaker.trip("wrong password")
    clock.now = 29.0
    assert breaker.state == "open"


def test_only_changes_of_its_own_are_news_and_each_once() -> None:
    breaker = Breaker(threshold=2)
    breaker.fail()
    breaker.succeed()
    assert not breaker.take_news()
    breaker.fail("no connection")
    breaker.fail("no connection")
    assert (breaker.take_news(), breaker.take_news()) == (True, False)
    breaker.adopt(None, probe_in_seconds=0.0)
    assert (breaker.state, breaker.take_news()) == ("closed", False)


def test_what_another_process_found_out_is_adopted_with_its_wait() -> None:
    clock = Hands()
    breaker = Breaker(monotonic=clock)
    breaker.adopt(Opening(8.0, "no connection"), probe_in_seconds=3.0)
    assert breaker.permit(10, running=0) == 0
    clock.now = 3.0
    assert breaker.permit(10, running=0) == 1
    breaker.fail("no connection")
    assert breaker.opening == Opening(16.0, "no connection")


def test_while_held_nothing_is_permitted_whatever_the_state() -> None:
    breaker = Breaker()
    breaker.paused = True
    assert breaker.permit(10, running=0) == 0
    breaker.paused = False
    assert breaker.permit(10, running=0) == 10
