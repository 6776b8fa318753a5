"""Judging search: metrics over graded answers, how sure they are, and weights that score best."""
