"""Blockchain and deep learning on health records: published schemes, reproduced and compared."""
