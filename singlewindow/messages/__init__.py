"""The pure core: message sets, judgements, the lifecycle, routing, matching and receipts. No I/O, no lxml."""
