"""Who is written into the audit log."""

from fastapi import Request

from signalcraft.audit.service import Actor
from signalcraft.auth.person import Person
from signalcraft.core.request_origin import client_address
from signalcraft.devices.access import Caller


def actor_of(request: Request, caller: Caller | Person) -> Actor:
    """The caller of a route, as the log shall name it."""
    person = caller if isinstance(caller, Person) else caller.person
    address = client_address(request)
    if person is not None:
        return Actor(person.username, person.user_id, address)
    assert isinstance(caller, Caller)
    return Actor(caller.device_id or "anyone", None, address)
