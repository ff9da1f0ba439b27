"""How the core and plug-ins meet: hook specs, descriptors, events and the host. No pages."""
