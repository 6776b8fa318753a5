"""The market in a box: embedded stores, the sample market and the process supervisor."""
