"""The outbox: what has to follow from a change, written with it, done after it, at least once."""
