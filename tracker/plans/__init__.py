"""Plans, tasks, deadlines, progress, and the one rule of status."""
