# The image of every pod: the package, its expectations, and what the jobs need, as locks/trainer.txt has it.
#   docker build -f docker/trainer.Dockerfile -t oi-trainer:dev .
# BASE_IMAGE: any Debian or Ubuntu with Python 3.11 to 3.13 and its venv module.
ARG BASE_IMAGE=python:3.13-slim-bookworm
FROM ${BASE_IMAGE} AS code
COPY expectations /opt/oi/app/expectations
COPY oi_tasks /opt/oi/app/oi_tasks
RUN python3 -m compileall -q /opt/oi/app

FROM ${BASE_IMAGE}
# The environment first: it changes seldom, and is 6 GB, which a stage of its own would put on the disk twice. What
# installs it goes in the same layer. An index may fail for a moment: some tries.
COPY locks/uv.txt locks/trainer.txt locks/
RUN python3 -m venv /uv && python3 -m venv --without-pip /opt/oi \
 && for try in 1 2 3; do /uv/bin/pip install --no-cache-dir --quiet --require-hashes -r locks/uv.txt && break; sleep 5; done \
 && for try in 1 2 3 4 5; do \
      /uv/bin/uv pip install --python /opt/oi/bin/python --no-cache --compile-bytecode --quiet --require-hashes \
      -r locks/trainer.txt && done=yes && break; sleep 5; done \
 && test -n "$done" && rm -r /uv \
 && printf '#!/opt/oi/bin/python\nfrom oi_tasks.cli import main\n\nmain()\n' > /opt/oi/bin/oi && chmod 755 /opt/oi/bin/oi \
 && echo /opt/oi/app > "$(/opt/oi/bin/python -c 'import site; print(site.getsitepackages()[0])')/oi_tasks.pth" \
 && mkdir -m 1777 /scratch
COPY --from=code /opt/oi/app /opt/oi/app

ARG REVISION=unknown
LABEL org.opencontainers.image.title=oi-trainer org.opencontainers.image.revision=${REVISION}
# Pods run with a read-only root: all that is written goes below /scratch.
ENV PATH=/opt/oi/bin:$PATH PYTHONUNBUFFERED=1 PYTHONDONTWRITEBYTECODE=1 \
    HOME=/scratch TMPDIR=/scratch OI_CACHE=/scratch/cache MPLCONFIGDIR=/scratch/matplotlib
WORKDIR /scratch
USER 10001:10001
RUN oi --help > /dev/null
ENTRYPOINT ["oi"]
