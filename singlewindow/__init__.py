"""A trade single window: export declarations in by HTTP, carried to every authority over SOAP, answered in seconds."""
