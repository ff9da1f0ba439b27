"""Running an instance: supervisor, backup, restore, doctor, demo."""
