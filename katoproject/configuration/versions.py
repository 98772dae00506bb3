"""The two versions, each stated here only (tests/project/test_versions.py)."""

from foundation.contracts import ContractName

# Of this program: pyproject.toml and CHANGELOG.md state it too, because tools read them.
RELEASE = "0.1.0"
# Of the HTTP API: the release of KATO whose clients work unchanged.
API_VERSION = "3.10.1"
API_VERSIONS = {ContractName.KATO_3_10: API_VERSION, ContractName.KATO_6_3: "6.3.2"}
