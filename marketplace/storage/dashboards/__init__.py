"""What dashboards show, read from the marts alone."""
