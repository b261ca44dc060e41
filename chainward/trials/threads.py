"""One thread for all arithmetic of a trial, so that no sum and no timing depends on how many cores there are."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from threadpoolctl import threadpool_limits


@contextmanager
def one_thread() -> Iterator[None]:
    """Give PyTorch, and the BLAS of NumPy and of SciPy, one thread each until the block ends.

    The matrices of a trial are small: more threads cost more than they save, most of all where several trials run side
    by side. SciPy has a BLAS of its own, which must be loaded to be held.
    """
    import scipy.linalg.blas  # noqa: F401
    import torch

    before = torch.get_num_threads()
    torch.set_num_threads(1)
    try:
        with threadpool_limits(limits=1, user_api="blas"):
            yield
    finally:
        torch.set_num_threads(before)
