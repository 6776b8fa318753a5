"""Scout, hydrate and feeds: reading sellers catalogues politely and safely."""
