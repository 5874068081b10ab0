"""Generated pages are what their tables say, and the first screen's tree is what the package holds."""

from __future__ import annotations

import re
from pathlib import Path

from singlewindow.adapters.declared import page as agency_page
from singlewindow.adapters.sandbox import page as sandbox_page
from singlewindow.messages import lifecycle_page

CHECKOUT = Path(__file__).resolve().parents[2]


def test_the_lifecycle_page_is_generated_from_the_table() -> None:
    assert (CHECKOUT / "docs" / "lifecycle.md").read_text("utf-8") == lifecycle_page.render()


def test_the_page_of_agency_toml_is_generated_from_its_tables() -> None:
    assert (CHECKOUT / "docs" / "agency.md").read_text("utf-8") == agency_page.render()


def test_the_sandbox_page_is_generated_from_its_tables() -> None:
    assert (CHECKOUT / "docs" / "sandbox.md").read_text("utf-8") == sandbox_page.render()


def test_every_room_of_the_readme_tree_exists_and_none_is_missing() -> None:
    readme = (CHECKOUT / "README.md").read_text("utf-8")
    named = set(re.findall(r"\b(\w+)/ ", readme.partition("singlewindow/\n")[2].partition("benchmarks/")[0]))
    rooms = {entry.name for entry in (CHECKOUT / "singlewindow").iterdir() if (entry / "__init__.py").exists()}
    assert rooms <= named


def test_links_of_the_documentation_lead_somewhere() -> None:
    for page in [CHECKOUT / "README.md", *(CHECKOUT / "docs").rglob("*.md")]:
        for target in re.findall(r"\]\((?!https?:)([^)#]+)", page.read_text("utf-8")):
            assert (page.parent / target).exists(), f"{page.name}: {target}"
