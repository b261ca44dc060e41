"""A federation of real processes on this machine: a SuperLink and one SuperNode a hospital."""
