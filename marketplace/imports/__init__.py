"""Books of sales that others kept, read into the tables that our own orders are in."""
