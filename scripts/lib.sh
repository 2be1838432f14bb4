# Shared by the scripts: where the build goes, and what a fresh machine lacks. Sourced, not run.
set -euo pipefail

project=$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd)
cd "$project"

# A build cache outside the checkout, so that a fresh clone does not build the engine again.
if [ -z "${CARGO_TARGET_DIR:-}" ]; then
    cache=${XDG_CACHE_HOME:-${HOME:-}/.cache}
    if mkdir -p "$cache/flowforge/target" 2>/dev/null && [ -w "$cache/flowforge/target" ]; then
        export CARGO_TARGET_DIR=$cache/flowforge/target
    fi
fi

say() { printf '== %s\n' "$*"; }
fail() {
    printf 'error: %s\n' "$*" >&2
    exit 1
}

as_root() {
    if [ "$(id -u)" = 0 ]; then
        "$@"
    elif command -v sudo >/dev/null; then
        sudo "$@"
    else
        fail "'$*' needs root; run it as root once and start again"
    fi
}

# apt_install COMMAND PACKAGE: installs the package when the command is missing.
apt_install() {
    command -v "$1" >/dev/null && return 0
    command -v apt-get >/dev/null || fail "$1 is missing; install it (Debian's package: $2)"
    say "installing $2"
    as_root apt-get update -qq
    as_root env DEBIAN_FRONTEND=noninteractive apt-get install -y -qq --no-install-recommends "$2" >/dev/null
}

# The folder of the PostgreSQL 15 server programs, which Debian keeps off the PATH.
postgres_programs() {
    local folder
    for folder in "${FLOWFORGE_POSTGRES_BIN:-}" /usr/lib/postgresql/15/bin "$(dirname "$(command -v postgres || true)")"; do
        if [ -x "$folder/postgres" ] && [ -x "$folder/initdb" ]; then
            printf '%s\n' "$folder"
            return 0
        fi
    done
    return 1
}

require_toolchain() {
    command -v cargo >/dev/null || fail "cargo is missing; install Rust 1.95 or newer from rustup.rs"
    cargo fmt --version >/dev/null 2>&1 || fail "rustfmt is missing: rustup component add rustfmt"
    cargo clippy --version >/dev/null 2>&1 || fail "clippy is missing: rustup component add clippy"
    apt_install cc gcc
}

require_test_tools() {
    require_toolchain
    if ! cargo nextest --version >/dev/null 2>&1; then
        say "installing cargo-nextest"
        cargo install cargo-nextest --locked
    fi
    apt_install psql postgresql-client-15
    postgres_programs >/dev/null || apt_install postgres-server-programs postgresql-15
    FLOWFORGE_POSTGRES_BIN=$(postgres_programs) || fail "the PostgreSQL 15 server programs are missing"
    export FLOWFORGE_POSTGRES_BIN
}

require_python() {
    apt_install python3 python3
    python3 -c 'import ensurepip, venv' 2>/dev/null || {
        as_root apt-get update -qq
        as_root env DEBIAN_FRONTEND=noninteractive apt-get install -y -qq --no-install-recommends python3-venv >/dev/null
    }
}

# The engines that the stores are tested with: Redis, and ClickHouse's engine as a Python package, in a cache outside the
# checkout. PostgreSQL, which plays Materialize, is there already.
require_engines() {
    local wanted cache
    require_python
    if ! command -v redis-server >/dev/null; then
        apt_install redis-server redis-server
        # Debian starts one; the tests have their own.
        as_root service redis-server stop >/dev/null 2>&1 || true
    fi
    wanted=$(sha256sum <tests/support/requirements.txt | cut -c1-16)
    cache=${XDG_CACHE_HOME:-${HOME:-/tmp}/.cache}/flowforge/engines-$wanted
    if [ ! -e "$cache/complete" ]; then
        say "installing the ClickHouse engine"
        rm -rf "$cache"
        python3 -m venv "$cache"
        "$cache/bin/pip" install --quiet --disable-pip-version-check -r tests/support/requirements.txt
        touch "$cache/complete"
    fi
    export FLOWFORGE_CLICKHOUSE_PYTHON=$cache/bin/python
}

# The pooler that the benchmarks compare the server with. Debian keeps it where only root's PATH looks.
require_pooler() {
    [ -x /usr/sbin/pgbouncer ] || command -v pgbouncer >/dev/null || {
        apt_install pgbouncer pgbouncer
        # Debian starts one; the benchmarks have their own.
        as_root service pgbouncer stop >/dev/null 2>&1 || true
    }
}

# Drivers of other languages, in a cache outside the checkout, named by what is asked for so that a change installs anew.
require_clients() {
    local wanted cache jdbc
    require_python
    apt_install node nodejs
    apt_install npm npm
    apt_install javac default-jdk-headless
    jdbc=/usr/share/java/postgresql.jar
    [ -e $jdbc ] || {
        as_root apt-get update -qq
        as_root env DEBIAN_FRONTEND=noninteractive apt-get install -y -qq --no-install-recommends libpostgresql-jdbc-java >/dev/null
    }
    wanted=$(cat tests/clients/requirements.txt tests/clients/package.json scripts/lib.sh | sha256sum | cut -c1-16)
    cache=${XDG_CACHE_HOME:-${HOME:-/tmp}/.cache}/flowforge/clients-$wanted
    if [ ! -e "$cache/complete" ]; then
        say "installing the client drivers"
        rm -rf "$cache"
        mkdir -p "$cache/node" "$cache/java"
        cp -L $jdbc "$cache/java/postgresql.jar"
        python3 -m venv "$cache/python"
        "$cache/python/bin/pip" install --quiet --disable-pip-version-check -r tests/clients/requirements.txt
        cp tests/clients/package.json "$cache/node/"
        (cd "$cache/node" && npm install --silent --no-audit --no-fund)
        touch "$cache/complete"
    fi
    export FLOWFORGE_CLIENTS=$cache
}
