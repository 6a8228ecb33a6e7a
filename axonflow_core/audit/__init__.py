"""The audit: one durable, chained record for every decision, call and change of configuration."""
