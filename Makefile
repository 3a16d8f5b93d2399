# The set-up. `make` alone says what there is. PYTHON=/path/to/python3.7 names the Python to use.

PY = .venv/bin/python
PY2 = .venv-tf2/bin/python
# What the tests are on TensorFlow 2.x.
TESTS2 = tests/test_tf1.py

help:
	@echo 'make mnist            set up, get the MNIST data, train the network of article 3 and evaluate it'
	@echo 'make test             set up and run the tests'
	@echo 'make test-tf2         set up TensorFlow 2.x and run the tests of tf1.py there: two minutes'
	@echo 'make venv             set up: TensorFlow 1.15 and all else, in .venv, as requirements.lock pins it'
	@echo 'make venv-tf2         set up: TensorFlow 2.x, in .venv-tf2, as requirements/tf2.lock pins it'
	@echo 'make tensorboard      show the graphs and curves of all runs: http://localhost:6006'
	@echo 'make clean            delete .venv, .venv-* and caches; data, checkpoints and pictures stay'
	@echo 'make notebooks        for maintainers: run the notebooks on the real data, and store what they show'
	@echo 'make lock             for maintainers: bring requirements.lock up to setup.py, keeping the pins that fit'
	@echo 'make lock-tensorboard for maintainers: bring requirements/tensorboard.lock up to date'
	@echo 'make lock-tf2         for maintainers: bring requirements/tf2.lock up to requirements/tf2.in, likewise'

# Not known to be whole: a .venv without its stamp (an interrupted set-up), one that was moved together
# with the project (the stamp holds the folder), one whose Python is gone or is not 3.7.
WHOLE = { test "`cat .venv/ready 2>/dev/null`" = "`pwd -P`" && \
    $(PY) -c 'import sys; sys.exit(sys.version_info[:2] != (3, 7))' 2>/dev/null; }
WHOLE2 = { test "`cat .venv-tf2/ready 2>/dev/null`" = "`pwd -P`" && \
    $(PY2) -c 'import sys; sys.exit(not (3, 11) <= sys.version_info[:2] <= (3, 13))' 2>/dev/null; }

venv:
	@if test -e .venv && ! $(WHOLE); then \
	    echo '.venv is incomplete, was moved, or has lost its Python 3.7: it is made anew.'; \
	    rm -f .venv/ready; \
	fi
	@$(MAKE) -s .venv/ready

# The stamp is gone while the set-up runs, and comes last. First come pip, setuptools and wheel: a Python
# may bring a pip too old for TensorFlow's wheels, and gast and tflearn have no wheel.
.venv/ready: requirements/tf1.lock setup.py
	@test -e $@ || { python=`tools/find_python.sh` && rm -rf .venv && echo "Making .venv with $$python" && \
	    "$$python" -m venv .venv; }
	@rm -f $@
	@echo 'Installing requirements/tf1.lock in .venv: TensorFlow alone is 400 MB, a few minutes the first time'
	@awk '/^[a-z]/ { keep = /^(pip|setuptools|wheel)==/ } keep' requirements/tf1.lock > .venv/build.lock
	@$(PY) -m pip install -q --require-hashes -r .venv/build.lock
	@$(PY) -m pip install --require-hashes --no-build-isolation -r requirements/tf1.lock
	@$(PY) -m pip install -q --no-deps --no-build-isolation -e .
	@pwd -P > $@
	@echo 'Ready: source .venv/bin/activate'

# The same for TensorFlow 2.x. The project is not installed there: tf1.py puts it on the path.
venv-tf2:
	@if test -e .venv-tf2 && ! $(WHOLE2); then \
	    echo '.venv-tf2 is incomplete, was moved, or has lost its Python: it is made anew.'; \
	    rm -f .venv-tf2/ready; \
	fi
	@$(MAKE) -s .venv-tf2/ready

.venv-tf2/ready: requirements/tf2.lock
	@test -e $@ || { python=`tools/find_python.sh 2.x` && rm -rf .venv-tf2 && \
	    echo "Making .venv-tf2 with $$python" && "$$python" -m venv .venv-tf2; }
	@rm -f $@
	@echo 'Installing requirements/tf2.lock in .venv-tf2: TensorFlow alone is 600 MB, a few minutes'
	@awk '/^[a-z]/ { keep = /^(pip|setuptools|wheel|packaging)==/ } keep' requirements/tf2.lock \
	    > .venv-tf2/build.lock
	@$(PY2) -m pip install -q --require-hashes -r .venv-tf2/build.lock
	@$(PY2) -m pip install --require-hashes --no-build-isolation -r requirements/tf2.lock
	@pwd -P > $@
	@echo 'Ready: .venv-tf2/bin/python tf1.py ch03_training_tricks/mnist_train.py, or another program'

# Without a .venv and a Python 3.7 to make it, TensorFlow 2.x: says so, sets up, and leaves in $$run how
# to run a program.
CHOOSE = if $(WHOLE) || tools/find_python.sh >/dev/null 2>&1; then \
	    $(MAKE) -s venv && run=$(PY); \
	else \
	    tools/find_python.sh any >/dev/null && \
	    echo 'No Python 3.7, so no TensorFlow 1.15: going on with TensorFlow 2.x, by way of tf1.py.' && \
	    $(MAKE) -s venv-tf2 && run='$(PY2) tf1.py'; \
	fi || exit

# Four processes for two cores, as many tests wait, for processes of theirs to start or to notice that one is dead.
test:
	@$(CHOOSE); \
	test "$$run" = $(PY) || exec $(MAKE) -s test-tf2; \
	$(PY) -m pytest -ra -n 4 --dist worksteal tests && \
	echo 'All this was on TensorFlow 1.15; `make test-tf2` tests tf1.py, on TensorFlow 2.x.'

test-tf2: venv-tf2
	@$(PY2) tf1.py -m pytest -ra -n 2 $(TESTS2)

# With ch02 or so in NOTEBOOKS, only these.
notebooks: venv
	@$(PY) tools/notebooks.py $(NOTEBOOKS)

# Status 3 of `data fetch`: the files are not there, and no mirror can be reached.
mnist:
	@$(CHOOSE); \
	status=0; $$run -m data fetch mnist || status=$$?; \
	case $$status in \
	0) sample= ;; \
	3) sample=--sample; \
	   echo 'No MNIST files and no network: going on with the embedded sample, another and easier' \
	        'task. Its numbers are not those of the article.' ;; \
	*) exit $$status ;; \
	esac; \
	$$run ch03_training_tricks/mnist_train.py $$sample && \
	$$run ch03_training_tricks/mnist_eval.py --once $$sample

# Not TensorFlow 1.15's own TensorBoard, 1.15: there the colours by device, article 7's figure 2, do not work.
.venv-tensorboard/ready: requirements/tensorboard.lock
	@python=`tools/find_python.sh 2>/dev/null || tools/find_python.sh any` && rm -rf .venv-tensorboard && \
	    echo 'Installing requirements/tensorboard.lock in .venv-tensorboard: 40 MB' && \
	    "$$python" -m venv .venv-tensorboard
	@.venv-tensorboard/bin/python -m pip install -q --require-hashes -r $<
	@pwd -P > $@

# On this machine only: it asks for no password, and shows files of yours. LOGDIR=runs/ch07_acceleration for one chapter.
LOGDIR = $(if $(TF_TUTORIAL_RUNS),$(TF_TUTORIAL_RUNS),runs)
tensorboard:
	@test -n "`find '$(LOGDIR)' -name 'events.out.*' 2>/dev/null | head -1`" || { \
	    echo 'There is nothing to show in $(LOGDIR): run ch02_mnist_basics/vector_sum.py first'; exit 1; }
	@test "`cat .venv-tensorboard/ready 2>/dev/null`" = "`pwd -P`" || rm -f .venv-tensorboard/ready
	@$(MAKE) -s .venv-tensorboard/ready
	@.venv-tensorboard/bin/python -m tensorboard.main --logdir '$(LOGDIR)' --host localhost

# One lock for Linux, macOS and Windows. Lines for other Pythons than 3.7 are left out, and so is the
# condition "only on 3.7" of all others: with it, pip on another Python would silently install nothing.
# Send2Trash 2.0.0 excludes Python 3.7 with a "!=3.7.*", which uv overlooks.
# To renew every pin, delete requirements.lock first. uv needs Python 3.8 or newer, as `python3`.
lock:
	@rm -rf build/lock && mkdir -p build && python3 -m venv build/lock
	@build/lock/bin/python -m pip install -q uv==0.13.9
	@printf '%s\n' '[tool.uv]' "environments = [\"python_full_version < '3.8'\"]" \
	    'constraint-dependencies = ["send2trash<2"]' > build/lock/pyproject.toml
	@test ! -e requirements.lock || cp requirements.lock build/lock/
	@python=`tools/find_python.sh` && UV_CUSTOM_COMPILE_COMMAND='make lock' build/lock/bin/uv -q \
	    --project build/lock pip compile setup.py --all-extras --universal --python "$$python" \
	    --python-version 3.7 --generate-hashes --no-annotate -o build/lock/requirements.lock >/dev/null
	@sed -e "s/ ; python_full_version < '3.8' and / ; /" -e "s/ ; python_full_version < '3.8' / /" \
	    build/lock/requirements.lock > build/lock/short && mv build/lock/short requirements.lock
	@rm -rf build/lock

# One lock for CPython 3.11 to 3.13 on Linux (x86-64 and ARM), macOS (Apple silicon) and Windows.
lock-tf2:
	@rm -rf build/lock-tf2 && mkdir -p build && python3 -m venv build/lock-tf2
	@build/lock-tf2/bin/python -m pip install -q uv==0.13.9
	@printf '%s\n' '[tool.uv]' \
	    "environments = [\"python_full_version >= '3.11' and python_full_version < '3.14'\"]" \
	    'required-environments = [' "\"sys_platform == 'linux' and platform_machine == 'x86_64'\"," \
	    "\"sys_platform == 'linux' and platform_machine == 'aarch64'\"," \
	    "\"sys_platform == 'darwin' and platform_machine == 'arm64'\"," \
	    "\"sys_platform == 'win32' and platform_machine == 'AMD64'\"]" > build/lock-tf2/pyproject.toml
	@test ! -e requirements/tf2.lock || cp requirements/tf2.lock build/lock-tf2/
	@python=`tools/find_python.sh 2.x` && UV_CUSTOM_COMPILE_COMMAND='make lock-tf2' build/lock-tf2/bin/uv -q \
	    --project build/lock-tf2 pip compile requirements/tf2.in --universal --python "$$python" \
	    --python-version 3.11 --generate-hashes --no-annotate -o build/lock-requirements/tf2.lock >/dev/null
	@sed -e "s/ ; python_full_version < '3.14' and / ; /" -e "s/ ; python_full_version < '3.14' / /" \
	    -e "s/ and python_full_version < '3.14' / /" build/lock-requirements/tf2.lock > build/lock-tf2/short && \
	    mv build/lock-tf2/short requirements/tf2.lock
	@rm -rf build/lock-tf2

# The same for TensorBoard, for CPython 3.7 and 3.11 to 3.13.
lock-tensorboard:
	@rm -rf build/lock-tensorboard && mkdir -p build && python3 -m venv build/lock-tensorboard
	@build/lock-tensorboard/bin/python -m pip install -q uv==0.13.9
	@printf '%s\n' '[tool.uv]' "environments = [\"python_full_version < '3.8'\"," \
	    "\"python_full_version >= '3.11' and python_full_version < '3.14'\"]" > build/lock-tensorboard/pyproject.toml
	@python=`tools/find_python.sh` && UV_CUSTOM_COMPILE_COMMAND='make lock-tensorboard' build/lock-tensorboard/bin/uv -q \
	    --project build/lock-tensorboard pip compile requirements/tensorboard.in --universal --python "$$python" \
	    --python-version 3.7 --generate-hashes --no-annotate -o requirements/tensorboard.lock >/dev/null
	@rm -rf build/lock-tensorboard

clean:
	rm -rf .venv .venv-* build .pytest_cache *.egg-info
	find . \( -name .git -o -name runs \) -prune -o -type d -name __pycache__ -exec rm -rf {} +

.PHONY: help venv venv-tf2 test test-tf2 lock-tf2 lock-tensorboard notebooks mnist tensorboard lock clean
