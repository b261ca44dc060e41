"""Engines in this process: sites, networks, batched descent, Lightning."""
