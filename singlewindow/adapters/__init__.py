"""How agencies are reached over SOAP, and the sandbox that plays them."""
