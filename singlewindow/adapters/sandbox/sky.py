"""The weather as it passes: set over HTTP or by a scenario, met by every call, and by notices on their way."""

from __future__ import annotations

import time
from collections import Counter, defaultdict
from collections.abc import Callable, Iterable, Mapping, Sequence

from singlewindow.adapters.profiles import AGENCIES
from singlewindow.adapters.sandbox.arranging import delay, reverse
from singlewindow.adapters.sandbox.chance import draw
from singlewindow.adapters.sandbox.incidents import Incident
from singlewindow.adapters.sandbox.records import Notice
from singlewindow.adapters.sandbox.weather import EVERYWHERE, Forecast, Outage

NOTICE_WORDS = frozenset({"DUPLICATE", "DISORDER"})

_REASON = "the sandbox's weather asks for this"
_OVERLOAD = "more documents in a second than the sandbox's load allows"


class Sky:
    """The weather over all agencies. What a call meets hangs on the seed, the agency, its key and its attempt alone.

    `clock` counts seconds and never goes back.
    """

    def __init__(self, forecast: Forecast, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock
        self.set(forecast)

    def set(self, forecast: Forecast) -> None:
        """A new weather from now on; attempts are counted afresh."""
        self.forecast = forecast
        self._since = self._clock()
        self._attempts: Counter[tuple[str, str]] = Counter()
        self._full_until: dict[str, float] = {}
        self._windows: dict[str, list[tuple[float, float]]] = {}
        self.set_outages({agency: forecast.at(agency).outages for agency in AGENCIES})

    def set_outages(self, outages: Mapping[str, Sequence[Outage]]) -> None:
        """Other outages for these agencies (`all` for all of them), their windows counted from now."""
        now = self._clock()
        for name, windows in outages.items():
            for agency in AGENCIES if name == EVERYWHERE else (name,):
                starts = [(now + one.from_seconds, one.for_seconds) for one in windows]
                self._windows[agency] = [(start, start + length) for start, length in starts]

    def is_out(self, agency: str) -> bool:
        """True while the agency refuses everything."""
        now = self._clock()
        return any(start <= now < end for start, end in self._windows.get(agency, ()))

    def outages(self) -> dict[str, list[dict[str, float]]]:
        """What is left of every agency's windows, in seconds from now."""
        now = self._clock()
        return {
            agency: [
                {"from_seconds": max(0.0, start - now), "for_seconds": end - max(start, now)}
                for start, end in windows
                if end > now
            ]
            for agency, windows in self._windows.items()
        }

    def meet(self, agency: str, key: str, documents: int) -> Incident:
        """What befalls a call of so many documents; each call of a key is its next attempt."""
        if not self.forecast.agencies:
            return Incident()
        weather = self.forecast.at(agency)
        self._attempts[agency, key] += 1
        words = (self.forecast.seed, agency, key, self._attempts[agency, key])
        if self._is_overloaded(agency, documents):
            return Incident("http_503", retry_after_seconds=weather.retry_after_seconds, reason=_OVERLOAD)
        return Incident(
            weather.choose_fault(draw("fault", *words)),
            weather.slow_seconds if draw("slow", *words) < weather.slow else 0.0,
            weather.retry_after_seconds,
            draw("form", *words),
            _REASON,
        )

    def pass_over(self, notices: Iterable[Notice], key: str) -> list[Notice]:
        """The notices of a document with this key as they are sent; magic words about notices win."""
        by_task: dict[str, list[Notice]] = defaultdict(list)
        for notice in notices:
            by_task[notice.task_id].append(notice)
        return [notice for told in by_task.values() for notice in self._blow(told, key)]

    def _blow(self, notices: list[Notice], key: str) -> list[Notice]:
        agency = notices[0].agency
        weather = self.forecast.at(agency)
        if notices[0].words & NOTICE_WORDS:
            return notices
        words = (self.forecast.seed, agency, key)
        if draw("disordered", *words) < weather.disordered_notices:
            notices = reverse(notices)
        if draw("late", *words) < weather.late_notices:
            notices = delay(notices, round(weather.late_seconds * 1000))
        return notices * 2 if draw("duplicate", *words) < weather.duplicate_notices else notices

    def _is_overloaded(self, agency: str, documents: int) -> bool:
        """Every document keeps the agency busy for its share of a second; a call is taken when less than one is owed.

        A batch larger than a second's worth is taken too, and keeps others out for as long.
        """
        now = self._clock()
        rate = self.forecast.at(agency).documents_per_second(now - self._since)
        if rate is None:
            return False
        until = max(self._full_until.get(agency, now), now)
        if until - now >= 1.0:
            return True
        self._full_until[agency] = until + documents / rate
        return False
