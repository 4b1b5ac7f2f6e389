"""What can go wrong with kept clips."""

from signalcraft.core.errors import NotFound, TryAgain
from signalcraft.core.operator_error import OperatorError


class ClipNotKept(NotFound):
    """The recording itself is no longer kept, or never was; what it was judged to be still is."""

    code = "clip_not_kept"


class ClipStoreUnavailable(TryAgain):
    """The store of the recordings can't be reached at the moment; send the same request again."""

    code = "clip_store_unavailable"
    retry_after_s = 5


class StoreOfAnother(OperatorError):
    """The clip store is not the one that this database knows; nothing was changed.

    Perhaps a disk is not mounted, or the setting names another place. If it is meant: `signalcraft clips gc --adopt`
    makes it this database's store; files in it that the database does not know are then deleted.
    """

    def __init__(self) -> None:
        super().__init__(" ".join((type(self).__doc__ or "").split()))
