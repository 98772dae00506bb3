"""How many connections the limits of the system leave to a web process: each is an open file."""

import logging
import resource

log = logging.getLogger(__name__)

# Granian stops accepting at so many connections more than a process keeps: those that come between two looks at them.
SPARE = 1000
# Files that a process has open besides its connections: the stores, the log, the libraries.
OTHER_FILES = 200


def allow_files_for(connections: int) -> int:
    """Let this process and its children have so many connections, if the system does; return how many they may have."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    wanted = connections + OTHER_FILES
    if soft != resource.RLIM_INFINITY and soft < wanted:
        soft = wanted if hard == resource.RLIM_INFINITY else min(wanted, hard)
        resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))
    if soft == resource.RLIM_INFINITY or soft >= wanted:
        return connections
    log.warning("The system allows only %d open files; a web process accepts fewer connections", soft)
    return max(soft - OTHER_FILES, soft // 2)
