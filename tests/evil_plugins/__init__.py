"""Plug-ins that try to do harm: each must end in a clear message, the site up, nothing lost."""
