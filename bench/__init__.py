"""Runnable measurements beside peers: ``python -m bench [names] [--quick]``."""
