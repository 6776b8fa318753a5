"""Products, sellers and prices, and the pure rules about them."""
