"""The demonstration: the comparison of serial and concurrent page fetching, without a network."""
