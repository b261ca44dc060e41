"""Our strategies on Flower: wire, hospital, simulation, deployment."""
