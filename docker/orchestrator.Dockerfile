# Airflow with the DAGs, the pod templates and the light half of the package: it starts pods, and needs no torch.
#   docker build -f docker/orchestrator.Dockerfile -t oi-orchestrator:dev .
# LOCKS="orchestrator trainer" adds what the steps need, for one machine without a cluster (docker/compose.yaml).
ARG BASE_IMAGE=python:3.13-slim-bookworm
FROM ${BASE_IMAGE} AS build
ARG LOCKS=orchestrator
COPY locks locks
RUN python3 -m venv /uv && python3 -m venv --without-pip /opt/oi \
 && for try in 1 2 3; do /uv/bin/pip install --no-cache-dir --quiet --require-hashes -r locks/uv.txt && break; sleep 5; done \
 && for try in 1 2 3 4 5; do \
      /uv/bin/uv pip install --python /opt/oi/bin/python --no-cache --compile-bytecode --quiet --require-hashes \
      $(for lock in ${LOCKS}; do echo "-r locks/$lock.txt"; done) && exit 0; sleep 5; done; exit 1
COPY expectations /opt/oi/app/expectations
COPY k8s/pods /opt/oi/app/k8s/pods
COPY oi_tasks /opt/oi/app/oi_tasks
COPY dags /opt/oi/app/dags
RUN printf '#!/opt/oi/bin/python\nfrom oi_tasks.cli import main\n\nmain()\n' > /opt/oi/bin/oi && chmod 755 /opt/oi/bin/oi \
 && echo /opt/oi/app > "$(/opt/oi/bin/python -c 'import site; print(site.getsitepackages()[0])')/oi_tasks.pth" \
 && /opt/oi/bin/python -m compileall -q /opt/oi/app && /opt/oi/bin/oi pod tables > /dev/null

FROM ${BASE_IMAGE}
COPY --from=build /opt/oi /opt/oi
ARG REVISION=unknown
LABEL org.opencontainers.image.title=oi-orchestrator org.opencontainers.image.revision=${REVISION}
ENV PATH=/opt/oi/bin:$PATH PYTHONUNBUFFERED=1 HOME=/opt/airflow AIRFLOW_HOME=/opt/airflow TMPDIR=/opt/airflow/tmp \
    AIRFLOW__CORE__DAGS_FOLDER=/opt/oi/app/dags AIRFLOW__CORE__PLUGINS_FOLDER=/opt/oi/app/dags/plugins \
    AIRFLOW__WORKERS__MIN_HEARTBEAT_INTERVAL=1 AIRFLOW__CORE__LOAD_EXAMPLES=False OI_CACHE=/opt/airflow/cache
# The official chart runs its pods as user 50000 of group 0.
RUN mkdir -p /opt/airflow/tmp /opt/airflow/logs && chown -R 50000:0 /opt/airflow && chmod -R g+rwX /opt/airflow
WORKDIR /opt/airflow
USER 50000:0
EXPOSE 8080
ENTRYPOINT ["airflow"]
