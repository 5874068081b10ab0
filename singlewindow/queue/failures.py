"""Errors as values: a worker looks at what went wrong without dying of it, and logs no document's content."""

from __future__ import annotations

import asyncio
import traceback
from collections.abc import Coroutine
from pathlib import PurePath
from typing import Any, TypeVar

Result = TypeVar("Result")


async def capture(work: Coroutine[Any, Any, Result]) -> Result | Exception:
    """The result of `work`, or the exception it raised. A cancellation passes."""
    outcomes = await asyncio.gather(work, return_exceptions=True)
    outcome: Result | BaseException = outcomes[0]
    if isinstance(outcome, BaseException) and not isinstance(outcome, Exception):
        raise outcome
    return outcome


def describe_failure(error: BaseException) -> str:
    """Type and place of an error, without its message, which may quote what a trader filed."""
    frames = traceback.extract_tb(error.__traceback__)
    place = f" at {PurePath(frames[-1].filename).name}:{frames[-1].lineno}" if frames else ""
    return f"{type(error).__name__}{place}"
