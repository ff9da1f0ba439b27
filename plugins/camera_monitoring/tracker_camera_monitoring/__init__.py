"""Camera monitoring at one-stop desks: register, watch log, roster, health, figures."""
