# What there is to call; the set-up itself is in tools/. `make` alone says what there is.
# PYTHON=/path/to/python3.7 names the Python to use; COMPANION_TF=2 takes TensorFlow 2.x, COMPANION_TF=1 only 1.15.

PY = .venv/bin/python
PY2 = .venv-tf2/bin/python tf1.py
# Four processes for two cores, as many tests wait for processes of theirs.
PYTEST = -m pytest -n 4 --dist worksteal
# TensorFlow 1.15, or 2.x where there is no Python 3.7: sets it up, and leaves in $$run how a program is run.
ANY = run=`tools/environment.sh any` || exit

help:
	@echo 'make mnist        set up, get the MNIST data, train the network of article 3 and evaluate it'
	@echo 'make test         set up, run the smoke test: every program, on the embedded sample; three minutes'
	@echo 'make venv         set up TensorFlow 1.15 and all else, in .venv, as requirements/tf1.lock pins it'
	@echo 'make venv-tf2     set up TensorFlow 2.x, in .venv-tf2, as requirements/tf2.lock pins it'
	@echo 'make tensorboard  show the graphs and curves of all runs: http://localhost:6006'
	@echo 'make clean        delete .venv, .venv-*, .python37, build and caches; data, checkpoints and pictures stay'
	@echo
	@echo 'For who changes something (MAINTAINING.md):'
	@echo 'make test-all     run all tests, on TensorFlow 1.15 and on 2.x; 17 minutes'
	@echo 'make lint         check the code with ruff'
	@echo 'make site         build the companion as a site, in build/site, which a browser opens without a server'
	@echo 'make notebooks    run the notebooks on the real data, and store what they show; NOTEBOOKS=ch02 for one'
	@echo 'make lock         bring the locks up to what is required; PACKAGES="six numpy" renews these pins'

mnist:
	@$(ANY); \
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

test:
	@$(ANY); $$run $(PYTEST) -m 'not slow'

test-all: .venv .venv-tf2
	@$(PY) $(PYTEST)
	@$(PY2) $(PYTEST) -m 'not slow'
	@$(PY2) $(PYTEST) -k runs_on_the_sample tests/test_notebooks.py
	@test ! -e .venv-site/ready || PYTEST_ADDOPTS= .venv-site/bin/python -m pytest --noconftest tests/test_site.py

lint: .venv-lint
	@.venv-lint/bin/ruff check

venv: .venv
venv-tf2: .venv-tf2

.venv .venv-tf2 .venv-tensorboard .venv-lint .venv-site: always
	@tools/environment.sh $@

site: .venv-site
	@.venv-site/bin/python tools/site/build.py

notebooks: .venv
	@$(PY) tools/notebooks.py $(NOTEBOOKS)

# On this machine only: it asks for no password, and shows files of yours. LOGDIR=runs/ch07_acceleration for one chapter.
LOGDIR = $(if $(TF_TUTORIAL_RUNS),$(TF_TUTORIAL_RUNS),runs)
tensorboard:
	@test -n "`find '$(LOGDIR)' -name 'events.out.*' 2>/dev/null | head -1`" || { \
	    echo 'There is nothing to show in $(LOGDIR): run ch02_mnist_basics/vector_sum.py first'; exit 1; }
	@$(MAKE) -s .venv-tensorboard
	@.venv-tensorboard/bin/python -m tensorboard.main --logdir '$(LOGDIR)' --host localhost

lock:
	@tools/lock.sh $(PACKAGES)

clean:
	rm -rf .venv .venv-* .python37* build .pytest_cache .ruff_cache *.egg-info
	find . \( -name .git -o -name runs \) -prune -o -type d -name __pycache__ -exec rm -rf {} +

always:
.PHONY: help mnist test test-all lint venv venv-tf2 site notebooks tensorboard lock clean always
