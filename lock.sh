#!/usr/bin/env bash
# Writes the requirements anew: every package by version and hash, for every platform, without any address.
set -euo pipefail
cd "$(dirname "$0")"
.venv/bin/pip install --disable-pip-version-check -q "uv>=0.5"
compile() {
    .venv/bin/uv pip compile -q --universal --python-version 3.11 --generate-hashes --no-header --no-annotate \
        --no-emit-index-url --no-emit-find-links -o "$@"
}
compile requirements.txt pyproject.toml --group setup --extra redis
compile requirements-dev.txt pyproject.toml --group dev -c requirements.txt
compile deploy/requirements-sbom.txt --group sbom
compile requirements-sentence-transformers.txt pyproject.toml --group sentence-transformers \
    --extra sentence-transformers-onnx -c requirements-dev.txt
