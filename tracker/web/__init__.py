"""The shell of every page: layout, menu, doors, errors, languages."""
