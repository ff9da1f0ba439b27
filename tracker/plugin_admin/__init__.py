"""Installing, trusting, switching, rolling back and removing plug-ins."""
