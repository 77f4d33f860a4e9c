# Builds the image of the Headgate service: docker build --tag headgate .
# To pin the base image, pass --build-arg PYTHON_IMAGE=python:3.13-slim@sha256:…
ARG PYTHON_IMAGE=python:3.13-slim

# What the console's pages load from npm.
FROM ${PYTHON_IMAGE} AS assets
WORKDIR /build
COPY .ci/assets .ci/assets
COPY package.json package-lock.json ./
COPY requirements/node.lock requirements/node.lock
RUN .ci/assets python --omit=dev

FROM ${PYTHON_IMAGE} AS build
WORKDIR /build
# The environment gets no pip of its own; the one of the base image installs into it.
RUN python -m venv --without-pip /opt/headgate
# The locked dependencies come first, so that a change of the source does not install them again. Only wheels are
# taken: nothing is compiled, and no setup script of a dependency runs.
COPY requirements/run.lock requirements/run.lock
RUN python -m pip --python /opt/headgate install --no-cache-dir --only-binary :all: \
      --no-deps --require-hashes --requirement requirements/run.lock
COPY sdk sdk
COPY pyproject.toml README.md LICENSE* app.py ./
COPY controller controller
COPY --from=assets /build/controller/console/static/vendor controller/console/static/vendor
COPY stages stages
COPY triggers triggers
# What only builds the two distributions is removed again, and the rest must still fit together.
RUN python -m pip --python /opt/headgate install --no-cache-dir --no-deps --no-build-isolation ./sdk . \
 && python -m pip --python /opt/headgate uninstall --yes \
      editables hatchling pathspec pluggy tomlkit trove-classifiers \
 && python -m pip --python /opt/headgate check

FROM ${PYTHON_IMAGE}
ARG VERSION=0.1.0
ARG REVISION=unknown
LABEL org.opencontainers.image.title="Headgate" \
      org.opencontainers.image.description="Control plane that takes GenAI features from demo to production, and back out when they misbehave." \
      org.opencontainers.image.licenses="Apache-2.0" \
      org.opencontainers.image.version="${VERSION}" \
      org.opencontainers.image.revision="${REVISION}"
# The embedded SQLite file lives in /data, which the one process of the default setup may write.
RUN python -m pip uninstall --yes --root-user-action ignore pip \
 && groupadd --gid 10001 headgate \
 && useradd --uid 10001 --gid headgate --no-create-home --home-dir /tmp --shell /usr/sbin/nologin headgate \
 && install --directory --owner headgate --group headgate --mode 0750 /data
COPY --from=build /opt/headgate /opt/headgate
ENV PATH=/opt/headgate/bin:$PATH \
    HOME=/tmp \
    PYTHONDONTWRITEBYTECODE=1 \
    PYTHONUNBUFFERED=1 \
    HEADGATE_DATABASE_URL=sqlite:////data/headgate.db \
    HEADGATE_HOST=0.0.0.0 \
    HEADGATE_PORT=8080
VOLUME ["/data"]
WORKDIR /data
USER 10001:10001
EXPOSE 8080
HEALTHCHECK --interval=10s --timeout=5s --start-period=20s --retries=3 \
  CMD ["python", "-c", "import http.client, os, sys; c = http.client.HTTPConnection('127.0.0.1', int(os.environ['HEADGATE_PORT']), timeout=4); c.request('GET', '/livez'); sys.exit(c.getresponse().status != 200)"]
ENTRYPOINT ["headgate"]
CMD ["serve"]
