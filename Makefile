# The project's commands; `make help` lists them. They need Python 3.11 or newer and nothing else.

PYTHON ?= python3
IN_VENV := .venv/bin/python
# Only files with these hashes, and only wheels: building one would run programs that no hash pins.
PIP_INSTALL := $(IN_VENV) -m pip install --disable-pip-version-check --require-hashes --only-binary :all:

.PHONY: help run test test-all fuzz lint bench attack torture schedules mutants investigate requirements requirements-check audit images

help:  ## Show this list
	@sed -n 's/^\([a-z-]*\):.*##/  make \1 #/p' $(MAKEFILE_LIST) | column -t -s '#'

run: .venv/installed  ## Start the whole service on this machine, until Ctrl-C
	@exec $(IN_VENV) manage.py up

# Each of these processes has servers of its own. More than two processors need, because many tests wait.
TEST_PROCESSES ?= 4

IN_PARALLEL := -n $(TEST_PROCESSES) --dist loadfile --no-loadscope-reorder

test: .venv/installed-dev  ## Run the tests that take seconds each, against real servers
	$(IN_VENV) -m pytest $(IN_PARALLEL) -m "not exhaustive"

test-all: .venv/installed-dev  ## Run all tests: those that take half a minute, and more random inputs
	$(IN_VENV) -m pytest $(IN_PARALLEL) --hypothesis-profile=exhaustive

# It makes nodes, sessions and jobs in the service that it is pointed at.
URL ?= http://127.0.0.1:8000
EXAMPLES ?= 100
# The token of a key with the scope admin, for all nodes, if the service asks for keys.
KEY ?= $(KATO_API_KEY)

fuzz: export KATO_API_KEY := $(KEY)
fuzz: .venv/installed-dev  ## Send requests of all kinds to a running service: URL=… EXAMPLES=… KEY=…
	.venv/bin/schemathesis --config-file tests/api/contract/schemathesis.toml run $(URL)/openapi.json --max-examples $(EXAMPLES)

lint: .venv/installed-dev  ## Check style, types and the direction of imports
	$(IN_VENV) -m ruff check .
	$(IN_VENV) -m ruff format --check .
	$(IN_VENV) -m mypy .
	.venv/bin/lint-imports

bench: .venv/installed-dev  ## Measure requests and predictions against the old architecture
	$(IN_VENV) -m benchmarks.run
	$(IN_VENV) -m benchmarks.memory

# Fails when a limit of docs/security.md does not hold. Loopback only, a few minutes.
attack: .venv/installed-dev  ## Attack a service while an honest client measures its latency
	$(IN_VENV) -m benchmarks.attack

# Fails when a promise of docs/consistency.md is broken. SEED repeats the faults of an earlier run, KEEP is a folder for
# the history. Loopback only.
MINUTES ?= 10

torture: .venv/installed-dev  ## Break all parts of a service under load, and judge what clients saw: MINUTES=… SEED=… KEEP=…
	$(IN_VENV) -m benchmarks.torture --minutes $(MINUTES) $(addprefix --seed=,$(SEED)) $(addprefix --keep=,$(KEEP))

# Fails when a claim of docs/investigation.md does not hold. Loopback only.
investigate: .venv/installed-dev  ## Repeat the investigation of the incident
	$(IN_VENV) -m benchmarks.investigation

# Fails when a schedule leads to what no order of the operations leads to. A quarter of an hour; with --crashes hours.
SCHEDULES ?=

schedules: .venv/installed-dev  ## Try every order of the steps of any two operations: SCHEDULES=--crashes
	$(IN_VENV) -m benchmarks.schedules $(SCHEDULES)

# Fails when a mutant survives. Each is tested with servers of its own, JOBS at once. Writes the table of consistency.md.
ONLY ?=
JOBS ?=

mutants: .venv/installed-dev  ## Break one mechanism after the other and require that its tests fail: ONLY=… JOBS=…
	$(IN_VENV) -m benchmarks.mutants $(addprefix --jobs=,$(JOBS)) $(ONLY)

# Other packages than those named in UPGRADE keep their version.
UPGRADE ?=

requirements: .venv/installed-dev  ## Write requirements*.txt from requirements*.in, with hashes: UPGRADE="…"
	$(IN_VENV) -m supply.requirements $(addprefix --upgrade=,$(UPGRADE))

requirements-check: .venv/installed-dev  ## Compare requirements*.txt with requirements*.in and with the index
	$(IN_VENV) -m supply.requirements --check

# Says NOT CHECKED where the advisories cannot be had; AUDIT=--must-run makes that an error.
AUDIT ?=

audit: .venv/installed-dev  ## Look for known vulnerabilities of the packages
	$(IN_VENV) -m supply.audit $(AUDIT)

images: .venv/installed-dev  ## Write the digests of the images into Dockerfile and docker-compose.yml
	$(IN_VENV) -m supply.images

# Stamps: nothing is installed again until a list of requirements changes. Each is written last, so an interrupted step
# is repeated. One make at a time: another that starts meanwhile waits, and then finds the stamps that the first has made.
ifndef SETTING_UP

# The + and an open pipe let the make within share the jobs of `make -j`.
SET_UP = +@$(PYTHON) supply/alone.py .venv.lock $(MAKE) --no-print-directory SETTING_UP=yes

.venv/installed: requirements.txt
	$(SET_UP) $@

.venv/installed-dev: requirements.txt requirements-dev.txt
	$(SET_UP) $@

else

.venv/created:
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11) and "Python 3.11 or newer is needed; $(PYTHON) is " + sys.version.split()[0] + ". Choose another: make run PYTHON=python3.12")'
	$(PYTHON) -m venv --clear .venv
	@touch $@

.venv/installed: .venv/created requirements.txt
	$(PIP_INSTALL) -r requirements.txt
	@touch $@

.venv/installed-dev: .venv/created requirements.txt requirements-dev.txt
	$(PIP_INSTALL) -r requirements-dev.txt
	@touch $@ .venv/installed

endif
