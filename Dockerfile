# oboegaki in one image: `serve` (API, learning and store in one process), `api` and `consume`.
#
#   docker build -t oboegaki:0.1.0 .
#   docker build -t oboegaki:0.1.0-sentence-transformers --target sentence-transformers --build-arg TORCH_INDEX=... .
#
# TORCH_INDEX is the index of CPU-only wheels that PyTorch's page on installing it names: others bring gigabytes of CUDA.
#
# The base is the same at building and at running, so that the virtual environment fits.
ARG PYTHON=python:3.11.14-slim-bookworm

FROM ${PYTHON} AS build
ENV PIP_NO_CACHE_DIR=1 PIP_DISABLE_PIP_VERSION_CHECK=1
WORKDIR /src
COPY deploy/requirements-sbom.txt deploy/
RUN python3 -m venv /sbom \
    && /sbom/bin/pip install -q --require-hashes --only-binary :all: -r deploy/requirements-sbom.txt
COPY requirements.txt ./
RUN python3 -m venv /opt/oboegaki \
    && /opt/oboegaki/bin/pip install -q --require-hashes --only-binary :all: -r requirements.txt
COPY . .

# What installs and builds leaves the environment, then what stays is listed.
FROM build AS environment
RUN /opt/oboegaki/bin/pip install -q --no-deps --no-build-isolation . \
    && /opt/oboegaki/bin/pip uninstall -q -y editables hatchling pathspec pluggy trove-classifiers setuptools pip
RUN /sbom/bin/cyclonedx-py environment --output-reproducible --of JSON -o /opt/oboegaki/sbom.json /opt/oboegaki

# As much again with sentence-transformers, and a torch that knows the CPU only.
FROM build AS environment-sentence-transformers
ARG TORCH_INDEX
RUN test -n "$TORCH_INDEX" || { echo "Give --build-arg TORCH_INDEX: PyTorch's index of CPU-only wheels." >&2; exit 1; }
RUN python3 deploy/cpu_only.py torch requirements-sentence-transformers.txt > /tmp/torch.txt \
    && python3 deploy/cpu_only.py others requirements-sentence-transformers.txt > /tmp/others.txt \
    && /opt/oboegaki/bin/pip install -q --only-binary :all: --no-deps --index-url "$TORCH_INDEX" -r /tmp/torch.txt \
    && /opt/oboegaki/bin/pip install -q --only-binary :all: --no-deps --require-hashes -r /tmp/others.txt
RUN /opt/oboegaki/bin/pip install -q --no-deps --no-build-isolation . \
    && /opt/oboegaki/bin/pip uninstall -q -y editables hatchling pathspec pluggy trove-classifiers setuptools pip
RUN /sbom/bin/cyclonedx-py environment --output-reproducible --of JSON -o /opt/oboegaki/sbom.json /opt/oboegaki

FROM ${PYTHON} AS base
# The base's own pip goes, too: nothing is installed at run time.
RUN rm -rf /usr/local/lib/python3*/site-packages/* /usr/local/lib/python3*/ensurepip /usr/local/bin/pip* \
    && groupadd --gid 10001 oboegaki \
    && useradd --uid 10001 --gid 10001 --home-dir /oboegaki --no-create-home --shell /usr/sbin/nologin oboegaki \
    && install -d -m 0700 -o 10001 -g 10001 /oboegaki /oboegaki/mysql /oboegaki/kafka /oboegaki/connect \
        /oboegaki/qdrant /oboegaki/grafana
# The root file system may be read-only: all that is written is in the home, or in /tmp.
ENV PATH=/opt/oboegaki/bin:$PATH \
    PYTHONUNBUFFERED=1 \
    PYTHONDONTWRITEBYTECODE=1 \
    OBOEGAKI_HOME=/oboegaki
WORKDIR /
USER 10001:10001
EXPOSE 8420 8425
HEALTHCHECK --interval=10s --timeout=5s --start-period=60s --retries=3 \
    CMD ["python", "-c", "import urllib.request as r; r.build_opener(r.ProxyHandler({})).open('http://127.0.0.1:8420/health/ready', timeout=4)"]
LABEL org.opencontainers.image.title=oboegaki \
      org.opencontainers.image.description="Long-term memory for chat assistants, on one's own machine" \
      org.opencontainers.image.licenses=Apache-2.0
ENTRYPOINT ["oboegaki"]
CMD ["serve"]

FROM base AS sentence-transformers
COPY --from=environment-sentence-transformers /opt/oboegaki /opt/oboegaki

FROM base AS oboegaki
COPY --from=environment /opt/oboegaki /opt/oboegaki
