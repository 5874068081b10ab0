"""Real PostgreSQL and Valkey servers as our own children, and the supervisor that keeps every process alive."""
