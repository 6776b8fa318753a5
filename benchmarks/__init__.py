"""One module per figure, ours and the peer in one run."""
