"""What keeps strangers from misusing capture: marks, proofs, velocities of what looks alike, leaks counted."""
