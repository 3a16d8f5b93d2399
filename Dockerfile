# TensorFlow 1.15 on CPython 3.7, for the CPU: what `make venv` installs, with Jupyter and a newer TensorBoard.
#
#   docker build -t tensorflow-companion .
#   docker run --rm -v companion:/home/companion tensorflow-companion python ch03_training_tricks/mnist_train.py
#   docker run --rm -v companion:/home/companion -p 127.0.0.1:8888:8888 tensorflow-companion
#   docker run --rm -v companion:/home/companion -p 127.0.0.1:6006:6006 tensorflow-companion \
#       tensorboard --logdir /home/companion/runs --host 0.0.0.0
#
# The third is Jupyter; it prints its address, with the token. A published port leads to the container's own network
# address, not to its loopback, so both servers listen on 0.0.0.0 in there. What keeps others out is 127.0.0.1 before
# the port: without it the port is open to the whole network, and TensorBoard asks for no password.
#
# The volume keeps data (downloaded once, none are in the image), checkpoints, logs and pictures. The rest can be
# read-only: --read-only --tmpfs /tmp. To change programs or notebooks and keep them: -v "$PWD":/companion (user 1000).
# Another package index: --build-arg PIP_INDEX_URL=URL.
FROM python:3.7-slim-bookworm
ARG PIP_INDEX_URL
WORKDIR /tmp/set-up
COPY requirements/tf1.lock requirements/tensorboard.lock ./
# pip and what builds gast and tflearn come first, as in tools/environment.py.
RUN export PIP_NO_CACHE_DIR=1 PIP_DISABLE_PIP_VERSION_CHECK=1 PIP_ROOT_USER_ACTION=ignore && \
    sed -nE '/^(pip|setuptools|wheel|packaging)==/,/[^\\]$/p' tf1.lock > build.lock && \
    python -m pip install --require-hashes -r build.lock && \
    python -m pip install --require-hashes --no-build-isolation -r tf1.lock && \
    python -m venv /opt/tensorboard && \
    /opt/tensorboard/bin/python -m pip install --require-hashes -r tensorboard.lock && \
    ln -sf /opt/tensorboard/bin/tensorboard /usr/local/bin/tensorboard

RUN useradd --uid 1000 --create-home companion && install -d -o companion -g companion /companion
WORKDIR /companion
COPY --chown=1000:1000 . .
ENV PYTHONPATH=/companion HOME=/home/companion TF_TUTORIAL_RUNS=/home/companion/runs
USER 1000
VOLUME /home/companion
EXPOSE 8888 6006
CMD ["jupyter", "lab", "--ip=0.0.0.0", "--no-browser"]
