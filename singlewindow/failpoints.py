"""Failpoints: named steps at which this process can be made to die, stall or fail, to prove that nothing is lost.

`SINGLEWINDOW_FAILPOINT=F5:kill@20,W3:sleep:5` arms two of them, `@/path/of/a/file` what that file says when a process
starts. While none is armed, reaching one is a test of an empty dictionary. A point stands right after the step it is
named for.
"""

from __future__ import annotations

import asyncio
import os
import random
import signal
from dataclasses import dataclass
from pathlib import Path

import structlog

from singlewindow.errors import ConfigurationError

STEPS = {
    "F0": "the body of a message was read",
    "F1": "the message was judged",
    "F2": "the intake transaction was begun",
    "F3": "all rows of the batch were written, nothing is committed",
    "F4": "COMMIT was sent, its answer is not known",
    "F5": "COMMIT returned, nobody has been answered",
    "F6": "the answer was written to the client",
    "W1": "tasks were claimed, their attempt is counted",
    "W2": "the exchange is recorded, nothing was sent",
    "W3": "the request was sent and the agency has begun to answer",
    "W4": "the reply was read, nothing of it is recorded",
    "W5": "the outcome was committed, nobody was told",
    "W6": "the batch is settled",
    "N1": "webhook deliveries were claimed, their attempt is counted",
    "N2": "the delivery is signed, nothing was sent",
    "N3": "the receiver has answered, nothing of it is recorded",
    "N4": "the outcome of the delivery was committed",
}
"""Every failpoint by name: F for filing, W for the work of lanes, N for notifications."""

ACTIONS = ("kill", "exit", "raise", "sleep", "execute_and_timeout")
"""What may happen: SIGKILL, an exit without any clean-up, an error, a pause, or a time-out after the step was done."""

EXIT_CODE = 70

_log = structlog.get_logger(__name__)


class FailpointError(ConnectionError):
    """Raised by an armed failpoint, as if the network had broken."""


class FailpointTimeout(TimeoutError):
    """The step was done, and its answer never came."""


@dataclass(slots=True)
class Failpoint:
    """What happens at a step, at every `every`-th time that it is reached; `argument` is seconds or a probability."""

    name: str
    action: str
    argument: float
    every: int
    reached: int = 0

    async def strike(self) -> None:
        """Count, and act when it is time."""
        self.reached += 1
        if self.reached % self.every:
            return
        if self.action == "execute_and_timeout" and random.random() >= self.argument:  # noqa: S311 - a dice, no secret
            return
        _log.warning("failpoint_hit", point=self.name, action=self.action)
        await self._act()

    async def _act(self) -> None:
        match self.action:
            case "kill":
                os.kill(os.getpid(), signal.SIGKILL)
            case "exit":
                os._exit(EXIT_CODE)
            case "sleep":
                await asyncio.sleep(self.argument)
            case "raise":
                raise FailpointError(f"failpoint {self.name}")
            case _:
                raise FailpointTimeout(f"failpoint {self.name}")


armed: dict[str, Failpoint] = {}
"""The failpoints of this process; empty unless a test asked for some."""


async def reach(name: str) -> None:
    """Say that the step `name` is done; what is armed for it happens now."""
    if armed and name in armed:
        await armed[name].strike()


def arm(setting: str) -> None:
    """Arm what `setting` names, instead of what was armed before. Raises ConfigurationError for what it cannot read."""
    if setting.startswith("@"):
        setting = _read_file(Path(setting[1:]))
    found = [read_failpoint(part.strip()) for part in setting.split(",") if part.strip()]
    armed.clear()
    armed.update({point.name: point for point in found})


def read_failpoint(text: str) -> Failpoint:
    """NAME:ACTION[:ARGUMENT][@EVERY], as `F5:kill@20` or `W3:sleep:5`. Raises ConfigurationError."""
    point, _, every = text.partition("@")
    name, _, rest = point.partition(":")
    action, _, argument = rest.partition(":")
    if name not in STEPS or action not in ACTIONS:
        raise ConfigurationError(
            f"failpoint {text!r}: NAME:ACTION[:ARGUMENT][@EVERY], where NAME is one of {', '.join(STEPS)} "
            f"and ACTION one of {', '.join(ACTIONS)}"
        )
    try:
        return Failpoint(name, action, _read_argument(action, argument), max(int(every or 1), 1))
    except ValueError as error:
        raise ConfigurationError(f"failpoint {text!r}: {error}") from error


def _read_file(path: Path) -> str:
    try:
        return path.read_text("utf-8").strip()
    except OSError as error:
        raise ConfigurationError(f"failpoints: cannot read {path}: {error.strerror}") from error


def _read_argument(action: str, argument: str) -> float:
    if action not in {"sleep", "execute_and_timeout"} and argument:
        raise ValueError(f"{action} takes no argument")
    return float(argument or 1.0)
