"""The proof that nothing acknowledged is lost: load, faults, ledgers of their own, and a verifier that joins them."""
