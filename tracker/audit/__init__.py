"""The change log: pages, verification, anchors."""
