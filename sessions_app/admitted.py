"""Which sessions a request may use: those that live, of the nodes of a caller whose access key is still valid."""

from access_app.admission import PERMITTED
from sessions_app.expiry import ALIVE

ADMITTED = f"{ALIVE} AND {PERMITTED}"
