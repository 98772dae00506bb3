"""`kato_client.types` offers what its modules define: users need not know how it is arranged."""

import pkgutil
from importlib import import_module

from kato_client import types


def test_every_type_can_be_imported_from_the_package() -> None:
    defined = {
        name
        for module in pkgutil.iter_modules(types.__path__)
        for name, one in vars(import_module(f"{types.__name__}.{module.name}")).items()
        if getattr(one, "__module__", "") == f"{types.__name__}.{module.name}"
    }
    assert len(defined) > 50
    assert sorted(defined - set(types.__all__)) == []
