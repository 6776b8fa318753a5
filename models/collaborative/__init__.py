"""Collaborative filtering: ALS, popularity, hybrid scores and honest evaluation."""
