"""Says how many processors there are, and on which its threads have run."""

import os
import threading

from guests.service import Tensor


def look(tensor: Tensor["uint8", 120, 160, 3]) -> Tensor["uint8", 120, 160, 3]:
    used: set[int] = set()

    def work(processor: int) -> None:
        os.sched_setaffinity(0, {processor})
        with open(f"/proc/self/task/{threading.get_native_id()}/stat") as stat:  # noqa: PTH123
            used.add(int(stat.read().rpartition(")")[2].split()[36]))

    threads = [threading.Thread(target=work, args=(number,)) for number in range(os.cpu_count() or 0)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    print("processors", os.cpu_count(), "used", sorted(used))
    return tensor
