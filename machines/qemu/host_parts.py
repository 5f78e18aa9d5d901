"""The parts of a control region that only the host writes, held against what it wrote: docs/ring.md gives every word
one writer."""

from __future__ import annotations

from virtio_shm import Layout


class HostParts:
    """Remembers the host's bookkeeping in two rings while a guest runs.

    Without it a guest could spoil that unnoticed: to the ring an end that speaks nonsense is one that starts anew.

    Parameters:
        orders: memory of the ring in which the host produces.
        messages: memory of the ring in which it consumes.
        layouts: of both, in this order.
    """

    def __init__(self, orders: memoryview, messages: memoryview, layouts: tuple[Layout, Layout]) -> None:
        out, into = layouts
        self._views = (
            orders[out.driver : out.device],
            orders[out.descriptors : out.used],
            messages[into.device : into.descriptors],
            messages[into.used : into.slots],
        )
        self._known: tuple[bytes, ...] | None = None

    def remember(self) -> None:
        """Note what the host has written, before the guest runs."""
        self._known = tuple(bytes(view) for view in self._views)

    @property
    def spoiled(self) -> bool:
        """Whether somebody else has written there since."""
        return self._known is not None and any(
            view != known for view, known in zip(self._views, self._known, strict=True)
        )
