"""Sandbox agencies: customs, inspection and carriers as real SOAP services that decide within milliseconds."""
