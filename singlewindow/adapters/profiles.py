"""The built-in agencies: customs, inspection and the four carriers of logistics."""

from __future__ import annotations

from pathlib import Path

from singlewindow.adapters.declared.adapter import DeclaredAdapter
from singlewindow.settings import Settings

CARRIERS = ("road", "rail", "sea", "air")
AGENCIES = ("customs", "inspection", *CARRIERS)
FOLDERS = Path(__file__).parent / "agencies"
"""The folders that describe them."""


def builtin_adapters(settings: Settings) -> dict[str, DeclaredAdapter]:
    """An adapter for every built-in agency, by name, made of its folder in `agencies`. Opens no connection."""
    return {
        agency: DeclaredAdapter(FOLDERS / agency, agencies_url=settings.agencies_url, environment=settings.environment)
        for agency in AGENCIES
    }
