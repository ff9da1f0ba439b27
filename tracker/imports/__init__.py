"""Reading spreadsheets: template, dry run, all or nothing."""
