"""Linux guests that run free, by the wall clock: no lockstep, and nobody waits for anybody."""
