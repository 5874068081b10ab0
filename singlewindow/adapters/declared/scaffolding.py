"""A folder for a new agency: its WSDL with all that it refers to, a first agency.toml, and what to do next."""

from __future__ import annotations

from pathlib import Path

from singlewindow.adapters.declared.drafting import draft_agency
from singlewindow.adapters.declared.plans import Compiler
from singlewindow.adapters.declared.reading import DESCRIPTION, read_agency
from singlewindow.errors import ConfigurationError
from singlewindow.xsd.wsdl_catalogue import gather

_README = """\
# {name}

An agency described by configuration alone. `agency.toml` was drafted from `{wsdl}`; every line that ends with `# ?` is
a guess, to be decided by whoever has read the agency's guide.

1. `singlewindow adapter check {folder} --stub` tries the adapter before a stub of this WSDL: nothing is needed but
   this folder. It must stay at 100 % while you decide.
2. Say in `[outcomes]` what each of the agency's codes means, and which state of ours it brings.
3. `singlewindow adapter stub {folder}` plays the agency for a single window that you run yourself.
4. `singlewindow adapter check {folder}` tries it at the address in `agency.toml`. Off this machine nothing that could
   file twice is sent without `--live`.
5. Run the single window with `SINGLEWINDOW_AGENCIES` naming the folder that this one lies in, and lead an action of a
   message set's routes here: `[[kinds.….routes]]` with `agency = "{name}"`.
"""


def scaffold(wsdl: Path, name: str, folder: Path) -> list[Path]:
    """Write the folder; its files. Nothing is left of it where the draft is not sound.

    Raises ConfigurationError: for a WSDL that cannot be read, a folder that is there already, a name that is no
    agency's.
    """
    files, drafted = gather(wsdl).files, draft_agency(wsdl, name)
    if "[actions." not in drafted:
        raise ConfigurationError(f"{wsdl}: its binding has no operations, so nothing can be filed by it")
    if folder.exists():
        raise ConfigurationError(f"{folder} is there already; choose another --to")
    root = wsdl.resolve().parent
    # as they lie there: what was gathered names other files by where they are on this machine
    written = {path.relative_to(root): path.read_bytes() for path in files if path.is_relative_to(root)}
    written[Path(DESCRIPTION)] = drafted.encode()
    written[Path("README.md")] = _README.format(name=name, wsdl=wsdl.name, folder=folder).encode()
    draft = folder.with_name(f".{folder.name}.draft")
    try:
        for path, content in written.items():
            (draft / path).parent.mkdir(parents=True, exist_ok=True)
            (draft / path).write_bytes(content)
        Compiler(read_agency(draft), "").compile()
        draft.rename(folder)
    finally:
        _remove(draft)
    return [folder / path for path in sorted(written)]


def _remove(folder: Path) -> None:
    """What is left of a draft."""
    for path in sorted(folder.rglob("*"), reverse=True):
        if path.is_dir():
            path.rmdir()
        else:
            path.unlink()
    if folder.exists():
        folder.rmdir()
