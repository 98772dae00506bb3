"""How much of each web process the console may hold, so that no number of its requests starves the API."""

# Requests of the console that run at once. `katoproject.logins.hashing.MOST` of them may wait for a hash.
SLOTS = 3
# Further ones that wait for a slot. Those beyond are refused at once.
WAITING = 3
# They run in threads of their own number, so that the API has as many as without the console.
THREADS = SLOTS + WAITING
