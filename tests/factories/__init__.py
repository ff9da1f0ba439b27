"""Make rows for tests through the services; one module for each feature."""
