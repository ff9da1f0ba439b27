"""The ground floor: knows the database, the clock, text, numbers and rights, and no feature."""
