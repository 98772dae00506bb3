"""The operations on sessions: each is one transaction, and nothing else writes sessions.

Every operation admits the session in the statement that changes or locks it (`WHERE id = … AND expires_at > now()`).
The row lock that PostgreSQL takes there orders concurrent operations. After waiting for the lock, PostgreSQL evaluates
the *new* row: a session that was deleted meanwhile stays deleted (R08), and no operation works on an old copy (R04).
"""

from sessions_app.operations.changes import clear_all, clear_stm, expire, extend, hold, touch, update_config
from sessions_app.operations.creation import create
from sessions_app.operations.deletion import delete, delete_expired
from sessions_app.operations.learning import Learned, learn
from sessions_app.operations.observation import observe
from sessions_app.operations.restoration import Restored, SavedSession, restore
from sessions_app.operations.retirement import purge, retire, un_retire
from sessions_app.operations.sequence import SequenceObserved, observe_sequence
from sessions_app.operations.training import train

__all__ = [
    "Learned",
    "Restored",
    "SavedSession",
    "SequenceObserved",
    "clear_all",
    "clear_stm",
    "create",
    "delete",
    "delete_expired",
    "expire",
    "extend",
    "hold",
    "learn",
    "observe",
    "observe_sequence",
    "purge",
    "restore",
    "retire",
    "touch",
    "train",
    "un_retire",
    "update_config",
]
