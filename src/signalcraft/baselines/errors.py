"""What can go wrong with baselines.

BadRequest
├── BaselineExists, BaselineNotReady, StatesNotNamed (409)
├── StatesInvalid (422)
└── DutyRangeInvalid (422)
"""

from signalcraft.core.errors import BadRequest, Invalid


class BaselineExists(BadRequest):
    """Device {device_id} has a baseline, or is learning one; DELETE it to start over."""

    status, code = 409, "baseline_exists"


class BaselineNotReady(BadRequest):
    """Device {device_id} has no baseline that is ready; start one with POST and send its normal clips first."""

    status, code = 409, "baseline_not_ready"


class StatesInvalid(Invalid):
    """These clips can't name operating states: {reason}."""

    code = "states_invalid"


class StatesNotNamed(BadRequest):
    """The operating states of device {device_id} are not named yet; name them with POST …/baseline/states."""

    status, code = 409, "states_not_named"


class DutyRangeInvalid(Invalid):
    """`from` must lie before `to`, and at most {limit_days} days before it."""

    code = "duty_range_invalid"
