"""Threads that decode beside a network."""

from concurrent.futures import ThreadPoolExecutor

import torch

from oi_tasks.io.ahead import map_ahead
from oi_tasks.training.device import alone


def test_threads_that_decode_compute_alone_and_the_network_does_not() -> None:
    before = torch.get_num_threads()
    torch.set_num_threads(3)
    try:
        plain = list(map_ahead(lambda _: torch.get_num_threads(), range(8), 2, 4))
        decoding = list(map_ahead(lambda _: torch.get_num_threads(), range(8), 2, 4, begin=alone))
        assert (plain, decoding) == ([3] * 8, [1] * 8)
        assert torch.get_num_threads() == 3
        with ThreadPoolExecutor(1) as pool:  # nor does a thread that begins later
            assert pool.submit(torch.get_num_threads).result() == 3
    finally:
        torch.set_num_threads(before)
