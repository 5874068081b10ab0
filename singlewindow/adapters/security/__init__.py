"""Security of the wire to a declared agency: TLS, credentials, WS-Security and WS-Addressing, as `[security]` says."""
