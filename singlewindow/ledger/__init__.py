"""PostgreSQL, the only truth: filing, cases, tasks, responses and the trader's feed."""
