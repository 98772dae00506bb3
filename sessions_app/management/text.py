"""What several subcommands say."""

MOST_NAMED = 20  # sessions in a message


def some(session_ids: list[str]) -> str:
    shown = ", ".join(session_ids[:MOST_NAMED])
    return f"{shown} and others" if len(session_ids) > MOST_NAMED else shown
