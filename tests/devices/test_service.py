"""The rules of the device registry, on a real database."""

import asyncio
from datetime import timedelta

import pytest

from signalcraft.devices import repository, service
from signalcraft.devices.errors import DeviceExists, DeviceIdInvalid, DeviceUnknown, RegistryFull
from signalcraft.devices.tokens import PREFIX, TOKEN_LENGTH, digest_of


@pytest.fixture
async def session(database):
    async with database.session() as session:
        yield session


async def device_of(session, secret: str) -> str | None:
    found = await repository.find_token(session, digest_of(secret))
    return found and found[0]


async def test_a_new_device_gets_a_token_of_which_only_the_hash_is_kept(session):
    issued = await service.add_device(session, "shop-1", "Cold store")

    assert issued.secret.startswith(PREFIX)
    assert len(issued.secret) == TOKEN_LENGTH
    assert await device_of(session, issued.secret) == "shop-1"
    assert await device_of(session, issued.secret[:-1] + "_") is None


async def test_a_device_is_registered_once(session):
    await service.add_device(session, "shop-1", None)

    with pytest.raises(DeviceExists):
        await service.add_device(session, "shop-1", None)


@pytest.mark.parametrize("device_id", ["", "a" * 65, "with space", "ü", "a/b", "a\n", "nul\0", ".", ".."])
async def test_an_id_of_other_characters_is_refused(session, device_id):
    with pytest.raises(DeviceIdInvalid):
        await service.add_device(session, device_id, None)


async def test_rotating_leaves_the_old_token_valid_for_the_overlap(session):
    old = await service.add_device(session, "shop-1", None)

    new = await service.rotate_token(session, "shop-1", timedelta(hours=1))

    assert await device_of(session, old.secret) == "shop-1"
    assert await device_of(session, new.secret) == "shop-1"


async def test_rotating_again_does_not_lengthen_the_old_tokens_life(session):
    old = await service.add_device(session, "shop-1", None)
    await service.rotate_token(session, "shop-1", timedelta(0))

    await service.rotate_token(session, "shop-1", timedelta(hours=1))

    assert await device_of(session, old.secret) is None


async def test_revoking_ends_all_tokens(session):
    first = await service.add_device(session, "shop-1", None)
    second = await service.rotate_token(session, "shop-1", timedelta(hours=1))

    assert await service.revoke_tokens(session, "shop-1") == 2

    assert await device_of(session, first.secret) is None
    assert await device_of(session, second.secret) is None


async def test_an_unknown_device_has_no_tokens_to_change(session):
    with pytest.raises(DeviceUnknown):
        await service.rotate_token(session, "nobody", timedelta(0))
    with pytest.raises(DeviceUnknown):
        await service.revoke_tokens(session, "nobody")


async def test_many_at_once_register_themselves_only_up_to_the_limit(database):
    async def register(number: int) -> bool:
        try:
            async with database.session() as session:
                await service.register_in_open_mode(session, [f"device-{number}"], limit=7)
        except RegistryFull:
            return False
        return True

    registered = await asyncio.gather(*(register(number) for number in range(20)))

    assert registered.count(True) == 7


async def test_devices_register_themselves_only_up_to_the_limit(session):
    await service.register_in_open_mode(session, ["a", "b"], limit=2)
    await service.register_in_open_mode(session, ["a", "b"], limit=2)

    with pytest.raises(RegistryFull):
        await service.register_in_open_mode(session, ["c"], limit=2)

    assert await repository.count(session) == 2
