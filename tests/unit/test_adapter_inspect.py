"""What `singlewindow adapter inspect` prints of a WSDL."""

from __future__ import annotations

import tomllib

import pytest

from singlewindow.cli.adapter import inspect
from tests.contract.declared_stage import AGENCIES


def test_a_wsdl_is_shown_with_its_shapes_and_a_first_description(capsys: pytest.CaptureFixture[str]) -> None:
    inspect(AGENCIES / "harbour" / "harbour.wsdl", name="port-office")
    shown, _, draft = capsys.readouterr().out.partition("agency.toml")
    assert "operation register (rpc/literal), SOAPAction urn:example:harbour#register" in shown
    assert "document xs:base64Binary" in shown
    assert "fault* fault" in shown
    drafted = tomllib.loads(draft.partition("\n")[2])
    assert drafted["name"] == "port-office"
    assert drafted["actions"]["*"]["items"]["fields"] == {"reference": "$task_id", "document": "$body"}
    assert drafted["actions"]["*"]["reply"]["item"] == "receipts/receipt"


def test_encoded_operations_are_told_from_literal_ones(capsys: pytest.CaptureFixture[str]) -> None:
    inspect(AGENCIES / "revenue" / "revenue.wsdl")
    assert "operation file (rpc/encoded), SOAPAction none" in capsys.readouterr().out
