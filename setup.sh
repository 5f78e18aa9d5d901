#!/usr/bin/env bash
# Sets up what `make run` (setup.sh run), `make test` (setup.sh test) or `make bench` (setup.sh bench) needs:
# system packages, a virtual environment in .venv, and the built parts (ring, QEMU plugin, guest image) in the cache.
# Safe to call again: what is there already is left alone, and a call with nothing to do ends within a second or two.
set -euo pipefail
cd "$(dirname "$0")"
purpose=${1:-run}

system_packages=(gcc libc6-dev python3-venv qemu-system-x86 mmdebstrap erofs-utils)
system_packages+=(qemu-system-arm qemu-system-misc)  # microcontrollers, and compilers for their firmware
system_packages+=(gcc-arm-none-eabi gcc-riscv64-unknown-elf gcc-xtensa-lx106)
extras=sizing
case $purpose in
    run) ;;
    test)
        system_packages+=(clang libclang-rt-14-dev gcc-aarch64-linux-gnu)
        system_packages+=(libvirt-daemon libvirt-daemon-driver-qemu libvirt-clients libvirt-dev pkg-config python3-dev)
        extras=sizing,cluster,dev,inference,video,libvirt
        ;;
    bench) extras=sizing,inference,bench ;;
    *) echo "usage: $0 run|test|bench" >&2; exit 2 ;;
esac

as_root() {
    if [ "$(id -u)" -eq 0 ]; then
        "$@"
    elif command -v sudo >/dev/null; then
        sudo "$@"
    else
        echo "setup: not root and sudo is not installed; as root run: $*" >&2
        exit 3
    fi
}

missing=()
for package in "${system_packages[@]}"; do
    [ "$(dpkg-query -W -f '${db:Status-Status}' "$package" 2>/dev/null)" = installed ] || missing+=("$package")
done
if [ ${#missing[@]} -gt 0 ]; then
    echo "setup: installing ${missing[*]}"
    as_root apt-get update -q >/dev/null
    as_root env DEBIAN_FRONTEND=noninteractive apt-get install -y -q --no-install-recommends "${missing[@]}" >/dev/null
fi

[ -x .venv/bin/python ] || python3 -m venv .venv
wanted=$(cat pyproject.toml constraints.txt | sha256sum | cut -d ' ' -f 1)
stamp=.venv/.installed-${extras//,/-}
if [ "$(cat "$stamp" 2>/dev/null)" != "$wanted" ]; then
    echo "setup: installing Python packages"
    pins=()  # the versions that are tested, for the Python of Debian 12; another Python takes what fits it
    if .venv/bin/python -c 'import sys; sys.exit(sys.version_info[:2] != (3, 11))'; then pins=(--constraint constraints.txt); fi
    .venv/bin/pip install --quiet --disable-pip-version-check "${pins[@]}" --editable ".${extras:+[$extras]}"
    echo "$wanted" > "$stamp"
fi

.venv/bin/sim images build --quiet
