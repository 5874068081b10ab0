"""The command line as a user meets it: help, exit codes, files in and out."""

from __future__ import annotations

import asyncio
import json
import os
import re
import sys
from pathlib import Path

import pytest

from singlewindow.cli import COMMANDS
from tests.end_to_end.chain import CHECKOUT, Chain, Client
from tests.end_to_end.documents import SETS, Parcel


async def run(chain: Chain, *arguments: str, **settings: str) -> tuple[int, str]:
    """Exit code and output of a command beside this chain."""
    environment = {**os.environ, "SINGLEWINDOW_URL": chain.url, "SINGLEWINDOW_DATA_DIR": str(chain.data), **settings}
    process = await asyncio.create_subprocess_exec(
        sys.executable, "-m", "singlewindow", *arguments,
        cwd=CHECKOUT, env=environment, stdout=asyncio.subprocess.PIPE, stderr=asyncio.subprocess.STDOUT,
    )  # fmt: skip
    output, _ = await asyncio.wait_for(process.communicate(), 60)
    return process.returncode or 0, output.decode()


def database_url(chain: Chain) -> str:
    """Where the chain's embedded PostgreSQL is reached."""
    sockets = next(chain.data.rglob(".s.PGSQL.5432"))
    return f"postgresql://singlewindow@/singlewindow?host={sockets.parent}"


@pytest.mark.parametrize("command", COMMANDS)
async def test_every_command_has_help(chain: Chain, command: str) -> None:
    code, output = await run(chain, command, "--help")
    assert code == 0
    assert "Usage" in output


async def test_submit_files_many_and_tells_by_its_exit_code(chain: Chain, tmp_path: Path) -> None:
    files = []
    for number in range(20):
        path = tmp_path / f"order-{number}.xml"
        path.write_text(Parcel().order(), "utf-8")
        files.append(str(path))
    code, output = await run(chain, "submit", *files)
    assert (code, "20 received" in output) == (0, True), output
    code, output = await run(chain, "submit", *files)
    assert (code, "20 received" in output) == (0, True), "a repeat is answered with the first receipts"


async def test_submit_with_wait_shows_where_it_stands(chain: Chain, tmp_path: Path) -> None:
    path = tmp_path / "order.xml"
    path.write_text(Parcel().order(), "utf-8")
    code, output = await run(chain, "submit", "--wait", str(path))
    assert code == 0
    assert "registered" in output


async def test_validate_prints_each_mistake_with_its_place(chain: Chain) -> None:
    path = SETS / "ceb-2018" / "samples" / "invalid" / "three_mistakes.xml"
    code, output = await run(chain, "validate", str(path))
    assert code == 1
    assert len(re.findall(r"three_mistakes\.xml:\d+:\d+: xsd\.", output)) == 3, output


async def test_all_published_samples_are_judged_valid(chain: Chain, shared_samples: Path) -> None:
    files = sorted(str(path) for path in (shared_samples / "ceb-2018").glob("*.xml"))
    code, output = await run(chain, "validate", *files)
    assert (code, output.count(": valid")) == (0, 19), output


async def test_watch_ends_when_the_declaration_settles(chain: Chain, trader: Client) -> None:
    declaration = await trader.file_one(Parcel().order())
    code, output = await run(chain, "watch", declaration)
    assert code == 0
    assert "registered" in output


async def test_verify_knows_a_true_receipt_from_a_changed_one(chain: Chain, trader: Client, tmp_path: Path) -> None:
    document, receipt = tmp_path / "order.xml", tmp_path / "receipt.json"
    document.write_text(Parcel().order(), "utf-8")
    answer = await trader.call("POST", "/v1/declarations", document.read_bytes())
    receipt.write_bytes(answer.body)
    assert (await run(chain, "verify", str(receipt), "--document", str(document)))[0] == 0
    receipt.write_bytes(answer.body.replace(b'"received"', b'"conflict"'))
    assert (await run(chain, "verify", str(receipt)))[0] == 1
    receipt.write_bytes(answer.body)
    document.write_text("other", "utf-8")
    assert (await run(chain, "verify", str(receipt), "--document", str(document)))[0] == 1


async def test_a_proof_leads_from_the_receipt_to_a_signed_checkpoint(
    chain: Chain, trader: Client, tmp_path: Path
) -> None:
    receipt, proof = tmp_path / "receipt.json", tmp_path / "proof.json"
    answer = await trader.call("POST", "/v1/declarations", Parcel().order().encode())
    receipt.write_bytes(answer.body)
    proof.write_bytes(await sealed(trader, answer.json["message_id"]))
    code, output = await run(chain, "verify", str(receipt), "--proof", str(proof))
    assert (code, "proven" in output) == (0, True), output
    other = await trader.call("POST", "/v1/declarations", Parcel().order().encode())
    receipt.write_bytes(other.body)
    assert (await run(chain, "verify", str(receipt), "--proof", str(proof)))[0] == 1


async def sealed(trader: Client, message: str) -> bytes:
    """The proof of a message's receipt, once the sealer has come round."""
    async with asyncio.timeout(30):
        while True:
            answer = await trader.call("GET", f"/v1/messages/{message}/receipt/proof")
            if answer.status == 200:
                return answer.body
            assert answer.status == 409, answer.body
            await asyncio.sleep(0.1)


async def test_a_trader_and_a_key_made_on_the_command_line_work(chain: Chain) -> None:
    settings = {"SINGLEWINDOW_DATABASE_URL": database_url(chain)}
    code, trader = await run(chain, "trader", "create", "Example Line Co", "9988776655", **settings)
    assert code == 0, trader
    code, key = await run(chain, "key", "create", trader.strip(), **settings)
    assert code == 0, key
    assert key.startswith("sw_")
    assert (await run(chain, "migrate", **settings)) == (0, "up to date\n")
    assert (await run(chain, "key", "create", "nobody", **settings))[0] == 3


async def test_a_gateway_that_is_away_is_said_so(chain: Chain, tmp_path: Path) -> None:
    path = tmp_path / "order.xml"
    path.write_text("<x/>", "utf-8")
    code, output = await run(chain, "watch", "x", "--url", "http://127.0.0.1:9")
    assert code == 3
    assert "does not answer" in output


async def test_an_unknown_setting_is_refused_with_the_known_ones(chain: Chain) -> None:
    code, output = await run(chain, "doctor", SINGLEWINDOW_LISTENN="x")
    assert code == 3
    assert "SINGLEWINDOW_LISTEN," in output.replace("\n", " ") or "SINGLEWINDOW_LISTEN " in output


async def test_the_ready_file_names_everything(chain: Chain) -> None:
    ready = json.loads((chain.data.parent / f"{chain.data.name}-ready.json").read_text("utf-8"))
    assert set(ready) == {"url", "api_key", "operator_key", "pid", "agencies"}
    assert set(ready["agencies"]) == {"customs", "inspection", "road", "rail", "sea", "air"}


async def test_lanes_and_sandbox_leave_the_cores_to_the_door(chain: Chain) -> None:
    (door,) = {os.getpriority(os.PRIO_PROCESS, pid) for pid in chain.processes("serve")}
    behind = [pid for command in ("work", "sandbox") for pid in chain.processes(command)]
    assert len(behind) == 2
    assert all(os.getpriority(os.PRIO_PROCESS, pid) > door for pid in behind)


async def test_a_scenario_with_a_mistake_is_refused_before_anything_starts(chain: Chain, tmp_path: Path) -> None:
    scenario = tmp_path / "scenario.toml"
    scenario.write_text("[weather.rail]\nhttp_500 = 2.0\n")
    code, out = await run(chain, "up", "--data", str(tmp_path / "data"), "--scenario", str(scenario))
    assert code == 3
    assert "rail.http_500" in out
    assert not (tmp_path / "data").exists()
