"""The pairs of matched positions, and moving those of repeated symbols (kato-6.md 3.3, 3.8).

Pairs are the columns of an array, in order: AT_POSITION, where the symbol is in the pattern; AT_PLACE, where it is in
the state; IN_EVENT and IN_OBSERVED, the events of the pattern and of the STM that hold these. Positions and places are
strictly increasing, so between a pair and the next nothing is paired: what is free there can be moved to.
"""

import numpy as np

from engine.arrays import Flags, Ints, Masks, Numbers, Tokens
from engine.kernels.alignment import Span
from engine.kernels.blocks import AT, NONE, ONE, PLACE, SIZE, places_between
from engine.kernels.compiler import inlined, part
from engine.kernels.event_ends import event_end, holds
from engine.kernels.stopping import is_set

AT_POSITION, AT_PLACE, IN_EVENT, IN_OBSERVED = range(4)

NOWHERE = -1


@inlined
def smallest_event(first: int, ends: Tokens, events: int, hits: int, at: Ints, hit_masks: Masks) -> int:
    """`event_of_single`, by position, for the symbol of the first hit, which is in event `first`.

    Looking at hits alone is several times faster. Equal symbols have equal masks.
    """
    best, event = first, first
    least = event_end(ends, events, first + 1) - event_end(ends, events, first)
    for t in range(1, hits):
        if hit_masks[t] == hit_masks[0] and ends[events + event] <= at[t]:
            while ends[events + event] <= at[t]:
                event += 1
            size = event_end(ends, events, event + 1) - event_end(ends, events, event)
            if size < least:
                best, least = event, size
            elif size == least:
                best = first
    return best


@inlined
def nearest_ends(
    pairs: Ints, count: int, state_tokens: Ints, masks: Masks, hits: int, at: Ints, hit_masks: Masks
) -> tuple[int, int]:
    """How far the first of two or more pairs may move to the right, and where the last one may end.

    Pairs keep their symbols and their order, and none leaves what the first and the last span. So they stay between the
    leftmost and the rightmost places there that have their symbols in this order.
    """
    first, last = pairs[AT_POSITION, 0], pairs[AT_POSITION, count - 1]
    nearest, end, p = first, last, count - 1
    for t in range(hits - 1, -1, -1):
        if p >= 0 and at[t] <= last and hit_masks[t] == masks[state_tokens[pairs[AT_PLACE, p]]]:
            nearest = at[t]
            p -= 1
    p = 0
    for t in range(hits):
        if p < count and at[t] >= first and hit_masks[t] == masks[state_tokens[pairs[AT_PLACE, p]]]:
            end = at[t]
            p += 1
    return nearest, end + 1


@inlined
def may_move(pairs: Ints, count: int, hits: int, at: Ints, hit_masks: Masks, state_size: int) -> bool:
    """Whether a free place beside a pair, in the pattern or the state, has its symbol. If none has, none ever will."""
    p, before, between, equal = 0, NONE, NONE, NONE
    for t in range(hits):
        mask = hit_masks[t]
        if p < count and at[t] == pairs[AT_POSITION, p]:
            low = pairs[AT_PLACE, p - 1] + 1 if p > 0 else 0
            high = pairs[AT_PLACE, p + 1] if p + 1 < count else state_size
            places = mask & places_between(low, high)  # its own is one of them
            equal |= (between & mask) | (places & (places - ONE))
            before, between = mask, NONE
            p += 1
        else:
            equal |= before & mask
            between |= mask
    return bool(equal != NONE)


@inlined
def list_pairs(count: int, blocks: Ints, pairs: Ints) -> int:
    """Write the positions and places of the blocks, which are in order; return how many."""
    end = np.int64(0)  # of that type from the start, or `settle` is compiled for a count that is the constant 0, too
    for b in range(count):
        for k in range(blocks[b, SIZE]):
            pairs[AT_POSITION, end] = blocks[b, AT] + k
            pairs[AT_PLACE, end] = blocks[b, PLACE] + k
            end += 1
    return int(end)


@inlined
def number_events(ends: Numbers, events: int, positions: Ints, count: int, numbers: Ints) -> None:
    """Write the event of each position, counted from the event at `events` in the column `ends`."""
    event = 0
    for p in range(count):
        while ends[events + event] <= positions[p]:
            event += 1
        numbers[p] = event


@part
def settle(
    tokens: Tokens, ends: Tokens, span: Span, state_tokens: Ints, stm_ends: Ints, pairs: Ints, count: int, stop: Flags
) -> None:
    """Each pair in turn makes the first move that a rule allows, until none is left to make.

    Writes the events of the pairs, too. stop: the flag of a `Stop`.
    """
    at, place, event, observed = pairs[AT_POSITION], pairs[AT_PLACE], pairs[IN_EVENT], pairs[IN_OBSERVED]
    start, events = span.start, span.events
    number_events(ends, events, at, count, event)
    number_events(stm_ends, 0, place, count, observed)
    if count == 1:
        event[0] = event_of_single(tokens, ends, span, state_tokens[place[0]], True)
        at[0] = event_end(ends, events, event[0])
        while tokens[start + at[0]] != state_tokens[place[0]]:
            at[0] += 1
        return
    moving = True
    while moving:
        moving = False
        for p in range(count):
            if is_set(stop):
                return
            token = state_tokens[place[p]]
            low, high = at[p - 1] + 1 if p > 0 else 0, at[p + 1] if p + 1 < count else span.length
            if occurs_beside(tokens, start + low, start + high, start + at[p], token):
                target, alone = busiest(observed, event, p, count)
                if alone:
                    position = towards_the_others(tokens, ends, span, event, p, count, low, high, token)
                else:
                    position = free_in_event(tokens, start, ends, events, target, low, high, token)
                if position != NOWHERE:
                    at[p], moving = position, True
                    event[p] = event_of(ends, events, position)
                    continue
            low, high = place[p - 1] + 1 if p > 0 else 0, place[p + 1] if p + 1 < count else state_tokens.shape[0]
            if occurs_beside(state_tokens, low, high, place[p], token):
                target, alone = busiest(event, observed, p, count)
                position = free_in_event(state_tokens, 0, stm_ends, 0, target, low, high, token)
                if position != NOWHERE:
                    place[p], observed[p], moving = position, target, True


@inlined
def event_of_single(tokens: Tokens, ends: Tokens, span: Span, token: int, by_position: bool) -> int:
    """The event in which a state of this one symbol matches a pattern; -1 if none has it.

    It is the first that has it. By position, the match then moves to the event that leaves strictly the fewest missing
    symbols (kato-6.md 3.3): the smallest of those that have it, if there is only one as small.
    """
    first, best, least, low = -1, -1, 0, 0
    for event in range(span.event_count):
        high = event_end(ends, span.events, event + 1)
        if holds(tokens, span.start + low, span.start + high, token):
            if first < 0:
                first, best, least = event, event, high - low
            elif by_position and high - low < least:
                best, least = event, high - low
            elif by_position and high - low == least:
                best = first
        low = high
    return best


@inlined
def occurs_beside(symbols: Numbers, low: int, high: int, here: int, token: int) -> bool:
    """Whether `token` is in symbols[low : high] in another place than `here`."""
    found = False
    for i in range(low, high):
        found |= (symbols[i] == token) & (i != here)
    return found


@inlined
def event_of(ends: Numbers, events: int, position: int) -> int:
    """The number of the event that holds a position."""
    event = 0
    while ends[events + event] <= position:
        event += 1
    return event


@inlined
def busiest(group: Ints, other: Ints, p: int, count: int) -> tuple[int, bool]:
    """Where most companions of pair p are on the other side, and whether it has no companions.

    group: by pair, the event whose pairs are companions. other: by pair, the event on the other side. Both ascend, so
    companions are neighbours. It is NOWHERE unless one event has the most, and strictly more than that of pair p.
    """
    q, end = p, p + 1
    while q > 0 and group[q - 1] == group[p]:
        q -= 1
    while end < count and group[end] == group[p]:
        end += 1
    alone = end - q == 1
    best, most, here = NOWHERE, 0, 0
    while q < end:
        value, size = other[q], 0
        while q < end and other[q] == value:
            size += q != p
            q += 1
        if value == other[p]:
            here = size
        if size > most:
            best, most = value, size
        elif size == most:
            best = NOWHERE
    return best if most > here else NOWHERE, alone


@inlined
def free_in_event(
    symbols: Numbers, start: int, ends: Numbers, events: int, event: int, low: int, high: int, token: int
) -> int:
    """The first position from low to high (exclusive) in that event that has the token; NOWHERE if there is none."""
    if event == NOWHERE:
        return NOWHERE
    first = max(low, event_end(ends, events, event))
    for position in range(first, min(high, event_end(ends, events, event + 1))):
        if symbols[start + position] == token:
            return position
    return NOWHERE


@inlined
def towards_the_others(
    tokens: Tokens, ends: Tokens, span: Span, event: Ints, p: int, count: int, low: int, high: int, token: int
) -> int:
    """Where pair p leaves the fewest missing symbols, if there are strictly fewer than where it is; otherwise NOWHERE.

    The first of two or more pairs leaves the fewest in the last event that it can move to, the last one in the first
    such event; one between two others changes nothing. Events that have the token are not empty, so none tie.
    """
    found, farthest = NOWHERE, event[p]
    if 0 < p < count - 1:
        return found
    for position in range(low, high):
        if tokens[span.start + position] == token:
            number = event_of(ends, span.events, position)
            if (p == 0 and number > farthest) or (p > 0 and number < farthest):
                found, farthest = position, number
    return found
