"""Vietnamese text: one form in, folded for search, sorted as people sort."""

from __future__ import annotations

from tracker.core.text import fold, normalise, person_sort_key, search_terms, sort_key

__all__ = ["fold", "normalise", "person_sort_key", "search_terms", "sort_key"]
