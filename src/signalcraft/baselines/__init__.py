"""Each machine's own normal: learnt from its clips, judged by, followed, and cut into operating states."""
