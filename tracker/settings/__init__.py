"""Settings of the instance, days off, reporting windows."""
