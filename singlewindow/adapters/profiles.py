"""The built-in agencies: customs, inspection and the four carriers of logistics."""

from __future__ import annotations

from pathlib import Path

CARRIERS = ("road", "rail", "sea", "air")
AGENCIES = ("customs", "inspection", *CARRIERS)
FOLDERS = Path(__file__).parent / "agencies"
"""The folders that describe them."""
