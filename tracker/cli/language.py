"""The language of the command line, from the environment."""

from __future__ import annotations

import os
from collections.abc import Mapping

# LANG is left out on purpose: installers set it to English whatever the reader's language is.
VARIABLES = ("LANGUAGE", "LC_ALL", "LC_MESSAGES")


def language_of(env: Mapping[str, str] | None = None) -> str:
    """Return 'en' when the first of VARIABLES that is set asks for English, else 'vi'."""
    env = os.environ if env is None else env
    for name in VARIABLES:
        value = env.get(name, "").strip().lower()
        if value:
            return "en" if value.startswith("en") else "vi"
    return "vi"
