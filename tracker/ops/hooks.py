"""What this feature registers with the host."""

from __future__ import annotations
