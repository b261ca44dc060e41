"""Blockchain and federated learning on health records: published schemes, reproduced and compared."""
