"""What `up` makes before anything serves, and by what it knows its processes."""

from __future__ import annotations

from pathlib import Path

import pytest

from singlewindow.cli import up
from singlewindow.cli.client import SANDBOX_KEYS, find_key
from singlewindow.engines.embedded import Engines, EngineUrls
from singlewindow.settings import Settings


def chain(settings: Settings) -> up.Chain:
    urls = EngineUrls(str(settings.database_url), "redis://nobody")
    return up.Chain(settings, Engines((), urls), "http://127.0.0.1:1", {})


async def test_the_keys_of_the_sandbox_lie_where_the_clients_look_for_them(database_url: str, tmp_path: Path) -> None:
    settings = Settings(database_url=database_url, data_dir=tmp_path / "data", keys_dir=tmp_path / "kept")
    keys = await up._prepare_ledger(chain(settings))
    assert find_key(settings) == keys["api_key"]
    assert find_key(settings, operator=True) == keys["operator_key"]
    assert (tmp_path / "kept" / SANDBOX_KEYS).stat().st_mode & 0o777 == 0o600
    assert await up._prepare_ledger(chain(settings)) == keys


def test_a_successor_is_known_by_its_whole_process_id(monkeypatch: pytest.MonkeyPatch) -> None:
    [gateway] = up._gateways(chain(Settings()), 3)
    monkeypatch.setattr(up, "_read", lambda _url: b'{"status":"ready","process":1234}')
    assert gateway.serves_as is not None
    assert [pid for pid in (12, 123, 1234, 12345) if gateway.serves_as(pid)] == [1234]
