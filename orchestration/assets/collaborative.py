"""Learning who likes what: a model, its gate, and recommendations for every shopper."""
