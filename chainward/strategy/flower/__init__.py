"""Flower's own strategies as contestants; only what is here may import flwr besides the engine."""
