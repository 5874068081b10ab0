"""The scenario of bad wires through the whole chain: everything is released, and every effect happens once."""

from __future__ import annotations

import asyncio
import json
from collections import Counter
from pathlib import Path

from tests.end_to_end.chain import CHECKOUT, Chain, Client, client_of, running_chain
from tests.end_to_end.documents import fresh, sample

SCENARIO = CHECKOUT / "docs" / "examples" / "scenarios" / "bad-wires.toml"
STORM = {
    "seed": "storm",
    "agencies": {
        "all": {
            "http_500": 0.05, "http_503": 0.05, "server_fault": 0.05, "malformed_reply": 0.05, "lost_reply": 0.05,
            "half_closed": 0.05, "slow": 0.1, "slow_seconds": 1, "duplicate_notices": 0.3, "disordered_notices": 0.3,
            "late_notices": 0.3, "late_seconds": 1, "outages": [{"from_seconds": 1, "for_seconds": 2}],
        }
    },
}  # fmt: skip
DOCUMENTS = 12


async def file_all(trader: Client) -> list[str]:
    """Four-leg declarations under references of their own; their ids."""
    original = sample("export-1", "four_legs")
    return [await trader.file_one(original.replace("FOUR-LEGS-1", f"BW-{fresh()}")) for _ in range(DOCUMENTS)]


async def command_weather(chain: Chain, client: Client) -> None:
    """Set the storm in place of the scenario's weather."""
    body = json.dumps(STORM).encode()
    async with client.session.put(f"{chain.sandbox_url}/sandbox/weather", data=body) as reply:
        assert reply.status == 200, await reply.text()


async def test_everything_settles_and_every_effect_happens_once(short_dir: Path) -> None:
    quick = {"SINGLEWINDOW_RETRY_BASE_SECONDS": "0.1", "SINGLEWINDOW_RETRY_CAP_SECONDS": "2"}
    with running_chain(short_dir / "wires", environment=quick, sandbox_scenario=str(SCENARIO)) as chain:
        async with client_of(chain) as trader:
            filed = await file_all(trader)
            await command_weather(chain, trader)
            filed += await file_all(trader)
            await asyncio.gather(*(trader.until_status(one, "released") for one in filed))
    effects = Counter((line["agency"], line["business_key"], line["action"]) for line in chain.effects())
    assert set(effects.values()) == {1}
    assert len({key for agency, key, action in effects if (agency, action) == ("customs", "declare")}) == len(filed)
    asked = Counter(line["task_id"] for line in chain.effects("request"))
    assert max(asked.values()) > 1, "nothing had to be asked again"
