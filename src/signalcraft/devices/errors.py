"""What can go wrong with devices and their tokens."""

from signalcraft.core.errors import BadRequest, Forbidden, Invalid, NotFound, Unauthorized


class TokenMissing(Unauthorized):
    """Show who you are: send a token as `Authorization: Bearer …` (a device's begins with `scd_`), or sign in."""

    code = "token_missing"


class TokenRefused(Unauthorized):
    """This token is unknown, expired or revoked; ask the operator for a new one."""

    code = "token_refused"


class OtherDevice(Forbidden):
    """This token belongs to another device; it posts and reads only as itself."""

    code = "other_device"


class DeviceUnknown(NotFound):
    """There is no device {device_id} here; `signalcraft devices add` registers one."""

    code = "device_unknown"


class DeviceExists(BadRequest):
    """There is a device {device_id} already; `signalcraft devices rotate` gives it a new token."""

    status, code = 409, "device_exists"


class DeviceIdInvalid(Invalid):
    """A device id has 1 to 64 characters out of letters, digits and `. _ : -`, and is neither `.` nor `..`."""

    code = "device_id_invalid"


class RegistryFull(Forbidden):
    """No further device may register itself here ({limit} have); the operator can add it or raise the limit."""

    code = "registry_full"
