"""A harbour that pushes its news by a description of its own, made of the harbour that is pulled."""

from __future__ import annotations

import shutil
from pathlib import Path
from uuid import UUID

from tests.contract.declared_stage import AGENCIES

PUSHING = Path(__file__).parent / "pushing"
USER, PASSWORD = "harbour-master", "the-harbours-password"
ENVIRONMENT = "HARBOUR_PUSH_PASSWORD"
SOAP = "http://www.w3.org/2003/05/soap-envelope"


def pushing_harbour(parent: Path, *, replace: dict[str, str] | None = None) -> Path:
    """A folder of agencies with the three of the contract tests, of which the harbour pushes."""
    shutil.copytree(AGENCIES, parent)
    folder = parent / "harbour"
    before, _, rest = (folder / "agency.toml").read_text("utf-8").partition("[notifications]")
    outcomes = rest[rest.index("[outcomes]") :].replace(
        'BERTHED = "released"', 'BERTHED = "released", MOORED = "under_control"'
    )
    outcomes = outcomes.replace('BUSY = "retry"', 'BUSY = "retry", MOORED = "accepted"')
    text = before.replace("[namespaces]", '[namespaces]\nt = "urn:example:tower"') + (
        PUSHING / "notifications.toml"
    ).read_text("utf-8")
    text = f"{text}\n{outcomes}"
    for old, new in (replace or {}).items():
        assert old in text
        text = text.replace(old, new)
    (folder / "agency.toml").write_text(text, "utf-8")
    shutil.copyfile(PUSHING / "tower.wsdl", folder / "tower.wsdl")
    return folder


def news(*items: tuple[UUID | str, str, str, str], prefix: str = "n", extra: str = "", before: str = "") -> bytes:
    """A push of items: task, serial, status, time; under any prefix, with elements that nobody expects."""
    said = "".join(
        f"<{prefix}:item>{extra}<{prefix}:id>{task}</{prefix}:id><{prefix}:serial>{serial}</{prefix}:serial>"
        f"<{prefix}:status>{status}</{prefix}:status><{prefix}:decided> {time} </{prefix}:decided></{prefix}:item>"
        for task, serial, status, time in items
    )
    return (
        f'{before}<?xml version="1.0"?><s:Envelope xmlns:s="{SOAP}"><s:Header>{extra}</s:Header><s:Body>'
        f'<{prefix}:News xmlns:{prefix}="urn:example:tower">{said}</{prefix}:News></s:Body></s:Envelope>'
    ).encode()
