"""Settings from the environment: what is unknown or wrong is told by its name, and never quoted."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from singlewindow.errors import ConfigurationError
from singlewindow.settings import load_settings


@pytest.fixture(autouse=True)
def read_anew() -> Iterator[None]:
    load_settings.cache_clear()
    yield
    load_settings.cache_clear()


def test_a_wrong_value_is_told_by_its_variable_and_not_quoted(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SINGLEWINDOW_WORKERS", "canary")
    monkeypatch.setenv("SINGLEWINDOW_ENVELOPE_SENDER", "")
    with pytest.raises(ConfigurationError) as refused:
        load_settings()
    assert "SINGLEWINDOW_WORKERS: " in refused.value.detail
    assert "SINGLEWINDOW_ENVELOPE_SENDER: " in refused.value.detail
    assert "canary" not in refused.value.detail


def test_a_variable_that_no_setting_reads_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SINGLEWINDOW_WORKER", "2")
    with pytest.raises(ConfigurationError, match="SINGLEWINDOW_WORKER"):
        load_settings()
