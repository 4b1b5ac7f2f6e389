"""What a machine's normal sound is, in numbers: statistics of a clip, a baseline fitted to them, its operating states."""
