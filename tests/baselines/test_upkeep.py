"""Old statistics are dropped, but never those that a baseline rests on."""

from sqlalchemy import text

from signalcraft.baselines.upkeep import drop_old

AGE = text("UPDATE diagnoses SET created_at = created_at - interval '100 days'")
LEFT = text("SELECT count(*) FROM diagnoses WHERE embedding IS NOT NULL")


async def test_only_what_no_baseline_rests_on_is_dropped(machine, clip, database):
    told = await machine.learn()
    for number in range(100, 103):
        await machine.post(clip(number))
    async with database.session() as session:
        await session.execute(AGE)

    dropped = await drop_old(database, days=90)

    async with database.session(read_only=True) as session:
        left = (await session.execute(LEFT)).scalar_one()
    assert left == told["learnt"]
    assert dropped == 3 + told["outliers_left_out"]
    assert (await machine.post(clip(104)))["basis"] == "baseline"


async def test_while_a_device_learns_all_of_it_stays(machine, clip, database):
    await machine.start(clips=20)
    await machine.post(clip(1))
    async with database.session() as session:
        await session.execute(AGE)

    assert await drop_old(database, days=90) == 0
