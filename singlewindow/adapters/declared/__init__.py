"""Agencies described by a folder: `agency.toml`, its WSDLs and, where wanted, stylesheets; no Python."""
