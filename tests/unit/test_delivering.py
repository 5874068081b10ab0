"""What a receiver's answer means, and when it is asked again."""

from __future__ import annotations

from collections.abc import Sequence
from email.utils import formatdate
from uuid import uuid4

import pytest

from singlewindow.ledger.deliveries import Delivery, Outcome
from singlewindow.messages.identifiers import Clock
from singlewindow.queue.delivering import CONCURRENCY, SCHEDULE_SECONDS, Deliverer, fails_everybody, judge
from singlewindow.queue.posting import Posted, Poster, retry_after_seconds

NOW = 1_700_000_000.0


def attempt(number: int = 1) -> Delivery:
    return Delivery(uuid4(), uuid4(), number, "http://127.0.0.1:1/", "msg_1", b"{}")


def decide(posted: Posted, number: int = 1, *, jitter: bool = False) -> Outcome:
    return judge(attempt(number), posted, now=NOW, draw=lambda low, high: high if jitter else low)


@pytest.mark.parametrize("status", [200, 201, 202, 204, 299])
def test_any_2xx_is_delivered(status: int) -> None:
    assert decide(Posted(status)).state == "delivered"


@pytest.mark.parametrize("status", [None, 199, 300, 301, 304, 307, 400, 401, 404, 429, 500, 503])
def test_anything_else_is_tried_again(status: int | None) -> None:
    outcome = decide(Posted(status))
    assert (outcome.state, outcome.delay_seconds, outcome.disable) == ("pending", 5.0, None)


def test_410_stops_the_endpoint_and_keeps_the_event() -> None:
    outcome = decide(Posted(410), 10)
    assert outcome.disable
    assert outcome.state == "pending"


def test_the_schedule_is_that_of_the_specification_and_ends() -> None:
    hours = [round(wait / 3600, 2) for wait in SCHEDULE_SECONDS]
    assert hours == [0.0, 0.08, 0.5, 2, 5, 10, 14, 20, 24]
    assert [decide(Posted(500), number).delay_seconds for number in range(1, 10)] == list(SCHEDULE_SECONDS)
    assert decide(Posted(500), 10).state == "failed"


def test_a_wait_is_never_shortened_and_lengthened_by_a_tenth_at_most() -> None:
    assert decide(Posted(500), 2, jitter=True).delay_seconds == pytest.approx(330.0)


@pytest.mark.parametrize(
    ("stated", "seconds"),
    [("0", 0.0), ("120", 120.0), ("", 0.0), ("-5", 0.0), ("soon", 0.0), ("1.5", 0.0), ("²", 0.0),
     ("9" * 400, 999_999_999.0),
     (formatdate(NOW + 90, usegmt=True), 90.0), (formatdate(NOW - 90, usegmt=True), 0.0)],
)  # fmt: skip
def test_retry_after_is_read_as_seconds_or_as_a_date(stated: str, seconds: float) -> None:
    assert retry_after_seconds(stated, now=NOW) == seconds


def test_retry_after_lengthens_a_wait_up_to_a_day_and_shortens_none() -> None:
    assert decide(Posted(503, retry_after="60")).delay_seconds == 60.0
    assert decide(Posted(503, retry_after="60"), 2).delay_seconds == 300.0
    assert decide(Posted(503, retry_after="9" * 9)).delay_seconds == 86_400.0


@pytest.mark.parametrize(("status", "everybody"), [(None, True), (500, True), (429, True), (400, False), (204, False)])
def test_only_what_speaks_of_the_endpoint_counts_against_it(status: int | None, *, everybody: bool) -> None:
    assert fails_everybody(Posted(status)) is everybody


class Backlog:
    """A ledger with an endless backlog of one endpoint, which counts the attempts."""

    def __init__(self) -> None:
        self.webhook, self.attempts = uuid4(), 0

    async def fan_out(self) -> int:
        return 0

    async def due_webhooks(self) -> list[object]:
        return [self.webhook]

    async def claim(self, webhook: object, *, limit: int, visibility_seconds: float) -> list[Delivery]:
        assert limit <= CONCURRENCY
        assert visibility_seconds > 15
        self.attempts += limit
        return [attempt() for _ in range(limit)]

    async def secrets(self, webhook: object) -> list[bytes]:
        return [b"k" * 32]

    async def settle(self, outcomes: Sequence[Outcome]) -> None:
        assert {outcome.error for outcome in outcomes} == {"no connection could be made"}


async def test_an_endpoint_that_is_away_is_probed_and_its_backlog_spends_no_attempts() -> None:
    ledger = Backlog()
    deliverer = Deliverer(ledger, Poster(private=True), Clock())  # type: ignore[arg-type]
    for _ in range(5):
        await deliverer.pass_once()
        await deliverer.finish_lanes()
    await deliverer.stop()
    assert 5 <= ledger.attempts <= 2 * CONCURRENCY
