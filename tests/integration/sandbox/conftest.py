"""A sandbox in this process and a single window that receives what it pushes."""

from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from tests.integration.sandbox_stage import SingleWindow, Stage, stage


@pytest.fixture
async def window() -> AsyncIterator[SingleWindow]:
    receiver = SingleWindow()
    yield receiver
    await receiver.stop()


@pytest.fixture
async def sandbox(tmp_path: Path, window: SingleWindow) -> AsyncIterator[Stage]:
    async with stage(tmp_path, window, await window.start()) as running:
        yield running
