# make demo: what tfedge does, on real data.  make test: everything that must hold.
# make test-fast: most of it, in two minutes.
PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin

DEMO_PACKAGES := gcc gcc-arm-none-eabi libnewlib-arm-none-eabi qemu-system-arm
# Processors of another byte order, or without any extension that kernels know, run in QEMU.
OTHER_PROCESSORS := s390x riscv64
TEST_PACKAGES := $(DEMO_PACKAGES) clang cppcheck
OTHER_PACKAGES := qemu-user gcc-riscv64-unknown-elf picolibc-riscv64-unknown-elf qemu-system-misc \
	cmake g++ libstdc++-arm-none-eabi-newlib gcc-avr avr-libc arduino-core-avr simavr \
	$(foreach name,$(OTHER_PROCESSORS),gcc-$(name)-linux-gnu libc6-dev-$(name)-cross)

# For RISC-V's vectors. It stands alone, since older systems do not have it.
VECTOR_PACKAGES := clang-19

DEMO_READY := $(VENV)/.ready-for-demo
TEST_READY := $(VENV)/.ready-for-test
C_FILES = $(shell find c_runtime converters docs tests -name '*.[ch]' -not -path '*/build/*')
PROJECT_FILES := pyproject.toml setup.py tools/make_venv.sh

.PHONY: demo test test-fast test-lowest test-without-training lint packages static sweep clean

# The compilers and QEMU are no prerequisites: without them the demo leaves out the steps that need
# them, and tests skip with a reason.
demo: $(DEMO_READY)
	@tools/install_debian_packages.sh $(DEMO_PACKAGES) || true
	@$(BIN)/python examples/digits.py

# A file of tests stays in one process: what its tests share is made once. Files with few tests, some
# of which take a minute, are not left for the end, where the other process would wait.
PYTEST := $(BIN)/python -m pytest -n 2 --dist loadfile --no-loadscope-reorder

test: lint
	@tools/install_debian_packages.sh $(TEST_PACKAGES) || true
	@tools/install_debian_packages.sh $(OTHER_PACKAGES) || true
	@tools/install_debian_packages.sh $(VECTOR_PACKAGES) || true
	$(PYTEST)

# For between two changes: without QEMU, MISRA, distribution, resumed training, sweeps, and whatever
# else was dear in this clone's last run.
test-fast: $(TEST_READY)
	$(PYTEST) --fast

# The lowest versions that pyproject.toml allows, with the lowest Python (make test-lowest
# LOWEST_PYTHON=/path/to/python3.10): every public name, and training, conversion and verification
# of small models.
LOWEST_PYTHON ?= python3.10
LOWEST_TESTS := tests/test_public_names.py tests/callbacks/test_manners.py tests/test_results.py
test-lowest:
	@tools/make_other_venv.sh $(LOWEST_PYTHON) $(VENV)-lowest lowest
	$(VENV)-lowest/bin/python -m pytest $(LOWEST_TESTS)

# What starts from a .tflite file, where neither Keras nor TensorFlow is installed.
test-without-training:
	@tools/make_other_venv.sh $(PYTHON) $(VENV)-without-training without-training
	PYTHONPATH=tests $(VENV)-without-training/bin/python tests/without_training.py

lint: $(TEST_READY)
	$(BIN)/ruff check
	$(BIN)/ruff format --check
	$(BIN)/mypy
	@$(BIN)/clang-format --dry-run --Werror $(C_FILES)

# Hours of random trials: make sweep SWEEP=operators|hostile_files|hostile_names|keras_models|random_models
# SEED=1 COUNT=200000. Operators on a core in QEMU: SWEEP=operators OPTIONS="--core cortex-m33".
# Files of all other formats: SWEEP=hostile_files COUNT=2000 OPTIONS="--format all".
# In half an hour, writers that are killed: make sweep SWEEP=killed_writers COUNT=1000.
# Boards over a line with faults, in half an hour: make sweep SWEEP=board_link COUNT=10000
# All of Keras' own layer tests, in minutes: make sweep SWEEP=keras_layer_tests
# Mistakes in arithmetic, quantiser and planner that no test notices, COUNT of each part:
# make sweep SWEEP=mutants COUNT=100
# Every family of keras.applications, in an hour: make sweep SWEEP=keras_applications COUNT=4
SWEEP ?= operators
SEED ?= 1
COUNT ?= 200000
sweep: $(TEST_READY)
	PYTHONPATH=tests $(BIN)/python tests/sweeps/$(SWEEP).py --seed $(SEED) --count $(COUNT) $(OPTIONS)

# What cppcheck finds and docs/misra.md does not list; worst-case stack of generated programs.
static: $(TEST_READY)
	@tools/install_debian_packages.sh gcc gcc-arm-none-eabi cppcheck || true
	PYTHONPATH=tests $(BIN)/python tests/static_checks/misra.py
	PYTHONPATH=tests $(BIN)/python tests/static_checks/stack.py

# What `make test` can use, or an error; not every system has compilers for other processors.
packages:
	@tools/install_debian_packages.sh $(TEST_PACKAGES)
	@tools/install_debian_packages.sh $(OTHER_PACKAGES) || true
	@tools/install_debian_packages.sh $(VECTOR_PACKAGES) || true

$(DEMO_READY): $(PROJECT_FILES)
	@tools/make_venv.sh $(PYTHON) $(VENV) examples
	@touch $@

$(TEST_READY): $(PROJECT_FILES)
	@tools/make_venv.sh $(PYTHON) $(VENV) dev,examples
	@touch $@ $(DEMO_READY)

clean:
	rm -rf $(VENV) $(VENV)-lowest $(VENV)-without-training build dist tfedge.egg-info .mypy_cache .pytest_cache .ruff_cache .hypothesis
	find . -name __pycache__ -type d -prune -exec rm -rf {} +
