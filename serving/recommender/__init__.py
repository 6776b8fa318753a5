"""Who is shown what, and why: the model and the market in memory, a shopper's past, and the list made of them."""
