"""Large spreadsheets out: made by runs of the ledger, kept a day for whoever asked."""
