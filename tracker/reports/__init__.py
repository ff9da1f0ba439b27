"""What leaders read: overview, period summary, exports."""
