"""An agency played after its own description: the WSDL says how it speaks, agency.toml what it means."""
