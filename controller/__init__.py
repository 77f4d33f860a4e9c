"""Everything of Headgate that touches the world: API, console, flags, sources, store, ticks."""
