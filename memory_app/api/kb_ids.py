"""The ids by which responses name nodes, as the contract of the running request has them."""

from collections.abc import Callable

from foundation import contracts
from foundation.contracts import ContractName
from memory_app.node_ids import display_id, display_id_6_3

_SHOWN: dict[ContractName, Callable[[str], str]] = {
    ContractName.KATO_3_10: display_id,
    ContractName.KATO_6_3: display_id_6_3,
}


def kb_id(node_id: str) -> str:
    return _SHOWN[contracts.in_force()](node_id)
