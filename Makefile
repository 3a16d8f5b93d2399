# The set-up. `make` alone says what there is. PYTHON=/path/to/python3.7 names the Python to use.

PY = .venv/bin/python

help:
	@echo 'make mnist   set up, get the MNIST data, train the network of article 3 and evaluate it'
	@echo 'make test    set up and run the tests'
	@echo 'make venv    set up: TensorFlow 1.15 and all else, in .venv, as requirements.lock pins it'
	@echo 'make tensorboard   show the graphs and curves of all runs: http://localhost:6006'
	@echo 'make clean   delete .venv and caches; data, checkpoints and pictures stay'
	@echo 'make notebooks   for maintainers: run the notebooks on the real data, and store what they show'
	@echo 'make lock    for maintainers: bring requirements.lock up to setup.py, keeping the pins that fit'

# Not known to be whole: a .venv without its stamp (an interrupted set-up), one that was moved together
# with the project (the stamp holds the folder), one whose Python is gone or is not 3.7.
venv:
	@if test -e .venv && ! { test "`cat .venv/ready 2>/dev/null`" = "`pwd -P`" && \
	    $(PY) -c 'import sys; sys.exit(sys.version_info[:2] != (3, 7))' 2>/dev/null; }; then \
	    echo '.venv is incomplete, was moved, or has lost its Python 3.7: it is made anew.'; \
	    rm -f .venv/ready; \
	fi
	@$(MAKE) -s .venv/ready

# The stamp is gone while the set-up runs, and comes last. First come pip, setuptools and wheel: a Python
# may bring a pip too old for TensorFlow's wheels, and gast and tflearn have no wheel.
.venv/ready: requirements.lock setup.py
	@test -e $@ || { python=`./find_python.sh` && rm -rf .venv && echo "Making .venv with $$python" && \
	    "$$python" -m venv .venv; }
	@rm -f $@
	@echo 'Installing requirements.lock in .venv: TensorFlow alone is 400 MB, a few minutes the first time'
	@awk '/^[a-z]/ { keep = /^(pip|setuptools|wheel)==/ } keep' requirements.lock > .venv/build.lock
	@$(PY) -m pip install -q --require-hashes -r .venv/build.lock
	@$(PY) -m pip install --require-hashes --no-build-isolation -r requirements.lock
	@$(PY) -m pip install -q --no-deps --no-build-isolation -e .
	@pwd -P > $@
	@echo 'Ready: source .venv/bin/activate'

test: venv
	@$(PY) -m pytest -ra -n 2 tests

# With ch02 or so in NOTEBOOKS, only these.
notebooks: venv
	@$(PY) results/notebooks.py $(NOTEBOOKS)

# Status 3 of `data fetch`: the files are not there, and no mirror can be reached.
mnist: venv
	@status=0; $(PY) -m data fetch mnist || status=$$?; \
	case $$status in \
	0) sample= ;; \
	3) sample=--sample; \
	   echo 'No MNIST files and no network: going on with the embedded sample, another and easier' \
	        'task. Its numbers are not those of the article.' ;; \
	*) exit $$status ;; \
	esac; \
	$(PY) ch03_training_tricks/mnist_train.py $$sample && \
	$(PY) ch03_training_tricks/mnist_eval.py --once $$sample

# On this machine only: it asks for no password, and shows files of yours. LOGDIR=runs/ch07_acceleration for one chapter.
LOGDIR = $(if $(TF_TUTORIAL_RUNS),$(TF_TUTORIAL_RUNS),runs)
tensorboard: venv
	@$(PY) -c 'import sys, glob; sys.exit(not glob.glob("$(LOGDIR)/**/events.out.*", recursive=True))' || { \
	    echo 'There is nothing to show in $(LOGDIR): run ch02_mnist_basics/vector_sum.py first'; exit 1; }
	@.venv/bin/tensorboard --logdir '$(LOGDIR)' --host localhost

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
	@python=`./find_python.sh` && UV_CUSTOM_COMPILE_COMMAND='make lock' build/lock/bin/uv -q \
	    --project build/lock pip compile setup.py --all-extras --universal --python "$$python" \
	    --python-version 3.7 --generate-hashes --no-annotate -o build/lock/requirements.lock >/dev/null
	@sed -e "s/ ; python_full_version < '3.8' and / ; /" -e "s/ ; python_full_version < '3.8' / /" \
	    build/lock/requirements.lock > build/lock/short && mv build/lock/short requirements.lock
	@rm -rf build/lock

clean:
	rm -rf .venv build .pytest_cache *.egg-info
	find . \( -name .git -o -name runs \) -prune -o -type d -name __pycache__ -exec rm -rf {} +

.PHONY: help venv test notebooks mnist tensorboard lock clean
