"""Errors as HTTP responses, as the contract of the running request has them."""

from collections.abc import Callable

from django.http import HttpResponse

from foundation import contracts
from foundation.contracts import ContractName
from foundation.errors import Refusal, Unavailable
from foundation.http import refusals_3_10, refusals_6_3

_REFUSALS: dict[ContractName, Callable[[Refusal], HttpResponse]] = {
    ContractName.KATO_3_10: refusals_3_10.refusal,
    ContractName.KATO_6_3: refusals_6_3.refusal,
}
_FAILURES: dict[ContractName, Callable[[BaseException | None], HttpResponse]] = {
    ContractName.KATO_3_10: refusals_3_10.failure,
    ContractName.KATO_6_3: refusals_6_3.failure,
}


def refusal_answer(refusal: Refusal) -> HttpResponse:
    response = _REFUSALS[contracts.in_force()](refusal)
    for name, value in refusal.headers.items():
        response[name] = value
    return response


def unavailable(reason: str) -> HttpResponse:
    """A 503 that asks the client to try again in a second."""
    return refusal_answer(Unavailable(reason))


def failure_answer(error: BaseException | None) -> HttpResponse:
    """A fault of the service. The log says which."""
    return _FAILURES[contracts.in_force()](error)
