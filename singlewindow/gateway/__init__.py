"""The aiohttp application: submit, read, hear."""
