"""A simulated refrigeration machine: what its sensor would measure.

The figures are plausible, not physical: they give the tables and charts something that moves. Only the
recordings are real.
"""

import math
from dataclasses import dataclass, field
from random import Random

# How a state shows in what the cheap sensors measure: (extra °C, vibration factor, extra % of rated power).
SIGNS = {
    "healthy": (0.0, 1.0, 0.0),
    "bearing": (0.5, 3.0, 6.0),
    "flywheel": (0.3, 2.5, 3.0),
    "inlet_valve_leak": (2.5, 1.2, 8.0),
    "non_return_valve": (2.0, 1.3, 5.0),
    "outlet_valve_leak": (3.0, 1.3, 10.0),
    "piston_ring": (1.5, 1.6, 12.0),
    "rider_belt": (0.8, 1.9, 4.0),
}


@dataclass
class Machine:
    """One machine in one state; `random` makes it repeatable."""

    state: str
    random: Random = field(repr=False)

    def reading(self, device_id: str, at_s: float) -> dict[str, object]:
        """A reading as the field's sensors send it. at_s: seconds since 1970."""
        warmer_c, shaking, power = SIGNS[self.state]
        # The thermostat's cycle: a quarter of an hour.
        cycle = math.sin(at_s / 900 * 2 * math.pi)
        noise = self.random.gauss
        return {
            "device_id": device_id,
            "timestamp": round(at_s, 3),
            "temperature": round(-18.5 + warmer_c + 0.8 * cycle + noise(0, 0.1), 2),
            "vibration": {axis: round(abs(noise(g * shaking, 0.02)), 3) for axis, g in _VIBRATION_G.items()},
            "power_consumption": round(45 + power + 5 * cycle + noise(0, 0.5), 1),
            "audio_level": round(150 * math.sqrt(shaking) + noise(0, 5)),
            "sensor_quality": round(min(1.0, max(0.0, noise(0.95, 0.02))), 2),
        }


_VIBRATION_G = {"x": 0.2, "y": 0.1, "z": 0.3}
