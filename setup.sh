#!/usr/bin/env bash
# Sets up what is missing: checks the machine, installs the Python packages of a requirements file, fetches
# MySQL, Kafka and Debezium. Does nothing where all of it is there.
set -euo pipefail
cd "$(dirname "$0")"
umask 077

requirements=$1
missing=

lacks() { missing="$missing
  $1"; }

check_machine() {
    "$python" -c 'import sys; sys.exit(sys.version_info < (3, 11))' 2>/dev/null || lacks "Python 3.11 or later"
    "$python" -c 'import venv, ensurepip' 2>/dev/null || lacks "Python's venv module"
    java_version=$(java -version 2>&1 | sed -n 's/.*version "\([0-9]*\).*/\1/p' | head -n 1)
    [ "${java_version:-0}" -ge 17 ] || lacks "Java 17 or later"
    command -v mvn >/dev/null || lacks "Maven (mvn)"
    [ -z "$missing" ] && return
    cat >&2 <<EOF
Before oboegaki can be set up, this machine needs:$missing
It comes with
  Debian 12+ (also on WSL2):  sudo apt install python3-venv openjdk-17-jre-headless maven make
  Ubuntu 25.04+ (WSL2 too):   sudo apt install python3-venv openjdk-17-jre-headless maven make mysql-server
  Ubuntu 24.04:               the same, with MySQL 8.4 or later from MySQL's own packages
  Fedora:                     sudo dnf install python3 java-21-openjdk-headless maven make mysql8.4-server mysql8.4
  macOS:                      brew install python@3.12 openjdk@21 maven make mysql
EOF
    exit 1
}

find_python() {
    for python in python3 python3.13 python3.12 python3.11; do
        "$python" -c 'import sys; sys.exit(sys.version_info < (3, 11))' 2>/dev/null && return
    done
    python=python3
}

install_packages() {
    stamp=.venv/$requirements.installed
    cmp -s "$requirements" "$stamp" && return
    [ -x .venv/bin/python ] || { echo "Making a virtual environment in .venv"; "$python" -m venv .venv; }
    echo "Installing Python packages ($requirements)"
    if [ -t 1 ]; then moving=yes; else moving=; fi
    .venv/bin/pip install --disable-pip-version-check --require-hashes --only-binary :all: -r "$requirements" |
        awk -v moving="$moving" '
            !/^(Collecting|Downloading|Installing)/ { next }
            moving { printf "\r\033[K%.79s", $0; fflush() }
            END { if (moving) print "" }'
    .venv/bin/pip install --disable-pip-version-check -q --no-deps --no-build-isolation -e .
    cp "$requirements" "$stamp"
}

find_python
check_machine
install_packages
.venv/bin/oboegaki setup
