"""The story of a scenario: what chance makes of each document, the same however often the story is told."""

from __future__ import annotations

from dataclasses import replace

from singlewindow.adapters.sandbox.chance import draw
from singlewindow.adapters.sandbox.delays import Delays
from singlewindow.adapters.sandbox.records import Request, story_key
from singlewindow.adapters.sandbox.scenario import Scenario


class Story:
    """Draws outcome and delay of documents. `usual` are the delays where the scenario names none."""

    def __init__(self, scenario: Scenario, usual: Delays) -> None:
        self._scenario, self._usual = scenario, usual

    @property
    def longest_ms(self) -> int:
        """No decision takes longer anywhere."""
        return max(delays.longest_ms for delays in (self._usual, *self._scenario.delays.values()))

    def cast(self, request: Request) -> Request:
        """The request with its outcome and delay; what the journal keeps, so that a later scenario changes neither."""
        words = (self._scenario.seed, request.agency, story_key(request))
        delays = self._scenario.delays_at(request.agency) or self._usual
        return replace(request, outcome=self._choose(request), delay_ms=delays.draw_ms(draw("delay", *words)))

    def _choose(self, request: Request) -> str:
        """The magic word of the first rule that matches and strikes; empty when the document is just accepted."""
        words = (self._scenario.seed, request.agency, story_key(request))
        for place, rule in enumerate(self._scenario.outcomes):
            if rule.matches(request) and draw("outcome", place, *words) < rule.share:
                return "" if rule.outcome == "accept" else rule.outcome.upper()
        return ""
