"""Inside the block every library has one thread, afterwards as many as before."""

from __future__ import annotations

from contextlib import suppress

import numpy as np
import scipy.linalg.blas
import torch
from threadpoolctl import threadpool_info, threadpool_limits

from chainward.trials.threads import one_thread


def blas_threads() -> list[int]:
    return [pool["num_threads"] for pool in threadpool_info() if pool["user_api"] == "blas"]


def test_everything_has_one_thread_until_the_block_ends() -> None:
    before = torch.get_num_threads()
    torch.set_num_threads(2)
    try:
        with threadpool_limits(limits=2, user_api="blas"):
            with suppress(KeyError), one_thread():
                assert (torch.get_num_threads(), set(blas_threads())) == (1, {1})
                raise KeyError
            assert (torch.get_num_threads(), set(blas_threads())) == (2, {2})
    finally:
        torch.set_num_threads(before)


def test_numpy_and_scipy_have_a_blas_that_is_held() -> None:
    """Else the test before could pass with nothing to hold."""
    assert len(blas_threads()) >= 2
    assert scipy.linalg.blas.ddot(np.ones(3), np.ones(3)) == 3
