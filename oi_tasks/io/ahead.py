"""Work done ahead of its reader, in threads."""

from collections import deque
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from typing import TypeVar

Item = TypeVar("Item")
Done = TypeVar("Done")


def map_ahead(
    function: Callable[[Item], Done],
    items: Iterable[Item],
    threads: int,
    ahead: int,
    begin: Callable[[], object] | None = None,
) -> Iterator[Done]:
    """Results in the order of the items. At most `ahead` wait to be read, which bounds memory.

    Each thread calls `begin` before its first item. What the function raises is raised here, in its turn; work not yet
    begun is then given up.
    """
    waiting: deque[Future[Done]] = deque()
    with ThreadPoolExecutor(threads, initializer=begin) as pool:
        try:
            for item in items:
                waiting.append(pool.submit(function, item))
                if len(waiting) > ahead:
                    yield waiting.popleft().result()
            while waiting:
                yield waiting.popleft().result()
        finally:
            for future in waiting:
                future.cancel()
