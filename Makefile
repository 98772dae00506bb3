# make run: the whole service on this machine. make test: its tests. Needs Python 3.11 or newer, nothing else.

PYTHON ?= python3
IN_VENV := .venv/bin/python
PIP_INSTALL := $(IN_VENV) -m pip install --disable-pip-version-check

.PHONY: run test fuzz lint bench investigate

run: .venv/installed
	@exec $(IN_VENV) manage.py up

# Each of these processes has servers of its own. One more than the processors it takes to be quick: some tests wait.
TEST_PROCESSES ?= 3

test: .venv/installed-dev
	$(IN_VENV) -m pytest -n $(TEST_PROCESSES) --dist loadfile --no-loadscope-reorder

# Against a service that runs: make fuzz URL=http://127.0.0.1:8000 EXAMPLES=1000. It makes nodes, sessions and jobs there.
URL ?= http://127.0.0.1:8000
EXAMPLES ?= 100

fuzz: .venv/installed-dev
	.venv/bin/schemathesis --config-file tests/contract/schemathesis.toml run $(URL)/openapi.json --max-examples $(EXAMPLES)

lint: .venv/installed-dev
	$(IN_VENV) -m ruff check .
	$(IN_VENV) -m ruff format --check .
	$(IN_VENV) -m mypy .

bench: .venv/installed-dev
	$(IN_VENV) -m benchmarks.run
	$(IN_VENV) -m benchmarks.memory

# Does again what docs/investigation.md says of the incident; fails when a claim does not hold. Loopback only.
investigate: .venv/installed-dev
	$(IN_VENV) -m benchmarks.investigation

# Stamps, so that nothing is installed again until a list of requirements changes. Each is written last: an
# interrupted step is done again.
.venv/created:
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11) and "Python 3.11 or newer is needed; $(PYTHON) is " + sys.version.split()[0] + ". Name another one: make run PYTHON=python3.12")'
	$(PYTHON) -m venv --clear .venv
	@touch $@

.venv/installed: .venv/created requirements.txt
	$(PIP_INSTALL) -r requirements.txt
	@touch $@

.venv/installed-dev: .venv/created requirements.txt requirements-dev.txt
	$(PIP_INSTALL) -r requirements-dev.txt
	@touch $@ .venv/installed
