"""`singlewindow adapter`: look at an agency's WSDL, and what comes after it."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

from cyclopts import App
from rich.console import Console
from rich.markup import escape

from singlewindow.adapters.declared.drafting import draft_agency
from singlewindow.adapters.declared.scaffolding import scaffold
from singlewindow.adapters.soap import ServiceDescription, load_ports
from singlewindow.adapters.soap_shapes import OperationShape, Shape

adapter = App(name="adapter", help="Connect an agency's SOAP service: look at its WSDL, describe it, prove it.")
adapter.command("singlewindow.cli.adapter_check:check", name="check")
adapter.command("singlewindow.cli.adapter_stub:stub", name="stub")
adapter.command("singlewindow.cli.adapter_record:record", name="record")
adapter.command("singlewindow.cli.adapter_replay:replay", name="replay")
adapter.command("singlewindow.cli.agencies:list_agencies", name="list")
for _act in ("pause", "drain", "resume"):
    adapter.command(f"singlewindow.cli.agencies:{_act}", name=_act)

_XML_SCHEMA = "http://www.w3.org/2001/XMLSchema"


@adapter.command
def inspect(wsdl: Path, *, name: str = "") -> None:
    """Print a WSDL's services, operations, message shapes and bindings, and a first agency.toml.

    Nothing is fetched: what the WSDL refers to must lie beside it; a missing file is named with the line that wants it.

    Parameters
    ----------
    wsdl
        The WSDL's file.
    name
        The agency's name in the draft; by default made of the file's name.
    """
    console = Console(highlight=False, soft_wrap=True)
    for service, ports in load_ports(wsdl).items():
        console.print(f"[bold]service {escape(service)}[/bold]")
        for port in ports:
            for line in describe_port(port):
                console.print(line, markup=False)
    console.rule("agency.toml")
    console.print(draft_agency(wsdl, name or _agency_name(wsdl)), markup=False)


@adapter.command
def new(name: str, *, wsdl: Path, to: Path | None = None) -> None:
    """Make a folder for an agency from its WSDL: a first agency.toml, the WSDL with all that it refers to, a README.

    The folder passes `adapter check FOLDER --stub` as it is; the lines marked with ? are guesses to decide.

    Parameters
    ----------
    name
        The agency's name: small letters, digits and hyphens.
    wsdl
        The WSDL's file; what it refers to lies beside it.
    to
        The folder to make; default: NAME in the current folder.
    """
    folder = to or Path(name)
    console = Console(highlight=False, soft_wrap=True)
    for path in scaffold(wsdl, name, folder):
        console.print(str(path), markup=False)
    console.print(f"\nNext: singlewindow adapter check {folder} --stub", markup=False)


def describe_port(port: ServiceDescription) -> Iterator[str]:
    """A port as lines: its binding, and each operation with what goes in and what comes out."""
    address = port.address or "no address"
    yield f"  port {port.port_name}: binding {port.binding_name}, SOAP {port.version}, at {address}"
    for name in sorted(port.operations):
        operation = port.describe(name)
        use = "encoded" if port.encoding(name) else "literal"
        yield f"    operation {name} ({operation.style}/{use}), SOAPAction {operation.soap_action or 'none'}"
        yield from _describe_messages(operation)


def _describe_messages(operation: OperationShape) -> Iterator[str]:
    for block in operation.headers:
        yield from _describe("header", block, 6)
    yield from _describe("in", operation.request, 6)
    if operation.reply is None:
        yield "      out: nothing (one-way)"
    else:
        yield from _describe("out", operation.reply, 6)


def _describe(role: str, shape: Shape, indent: int) -> Iterator[str]:
    yield f"{' ' * indent}{role}: {_name(shape)}"
    yield from _describe_children(shape, indent + 2)


def _describe_children(shape: Shape, indent: int) -> Iterator[str]:
    for child in shape.children:
        yield f"{' ' * indent}{_name(child)}"
        yield from _describe_children(child, indent + 2)


def _name(shape: Shape) -> str:
    kind = f"xs:{shape.type}" if shape.type_namespace == _XML_SCHEMA else shape.type
    often = {(True, False): "", (False, False): "?", (True, True): "+", (False, True): "*"}
    label = "any element" if shape.label == "*" else shape.label
    return f"{label}{often[shape.required, shape.repeats]}{f' {kind}' if kind else ''}"


def _agency_name(wsdl: Path) -> str:
    """A lawful name of a file's: small letters, digits and hyphens, a letter first."""
    letters = "".join(letter if letter.isascii() and letter.isalnum() else "-" for letter in wsdl.stem.lower())
    return f"agency-{letters}"[:32].rstrip("-") if not letters[:1].isalpha() else letters[:32].rstrip("-")
