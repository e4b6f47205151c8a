# The tracking server and model registry, as locks/server.txt has it, and the light half of the package, which makes the
# store's buckets and keys. The database is MLFLOW_BACKEND_STORE_URI; files go to the store's bucket `mlflow`.
#   docker build -f docker/mlflow.Dockerfile -t oi-mlflow:dev .
ARG BASE_IMAGE=python:3.13-slim-bookworm
FROM ${BASE_IMAGE} AS build
COPY locks/uv.txt locks/server.txt locks/
RUN python3 -m venv /uv && python3 -m venv --without-pip /opt/oi \
 && for try in 1 2 3; do /uv/bin/pip install --no-cache-dir --quiet --require-hashes -r locks/uv.txt && break; sleep 5; done \
 && for try in 1 2 3 4 5; do \
      /uv/bin/uv pip install --python /opt/oi/bin/python --no-cache --compile-bytecode --quiet --require-hashes \
      -r locks/server.txt && exit 0; sleep 5; done; exit 1
COPY oi_tasks /opt/oi/app/oi_tasks
RUN echo /opt/oi/app > "$(/opt/oi/bin/python -c 'import site; print(site.getsitepackages()[0])')/oi_tasks.pth" \
 && /opt/oi/bin/python -m compileall -q /opt/oi/app && /opt/oi/bin/python -c 'import oi_tasks.local.rights'

FROM ${BASE_IMAGE}
COPY --from=build /opt/oi /opt/oi
ARG REVISION=unknown
LABEL org.opencontainers.image.title=oi-mlflow org.opencontainers.image.revision=${REVISION}
ENV PATH=/opt/oi/bin:$PATH PYTHONUNBUFFERED=1 PYTHONDONTWRITEBYTECODE=1 HOME=/scratch TMPDIR=/scratch \
    MLFLOW_SERVER_ENABLE_JOB_EXECUTION=false MLFLOW_DISABLE_TELEMETRY=true
RUN mkdir -m 1777 /scratch
WORKDIR /scratch
USER 10001:10001
EXPOSE 5000
CMD ["mlflow", "server", "--host", "0.0.0.0", "--port", "5000", "--workers", "1", "--artifacts-destination", "s3://mlflow"]
