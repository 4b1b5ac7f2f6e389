#!/bin/sh
# The programs that the tests run beside Python's own packages, from Debian's or Ubuntu's archive.
#
# Installs what is missing where it may. Where it may not, it says what is missing and ends well: the tests of it are
# skipped then, or fail where CI=true.
set -eu

# program=package
NEEDED="nginx=nginx-light chromium=chromium redis-server=redis-server"

PATH="$PATH:/usr/sbin:/sbin"
packages=""
for pair in $NEEDED; do
    command -v "${pair%%=*}" > /dev/null || packages="$packages ${pair#*=}"
done
[ -n "$packages" ] || exit 0

if [ "$(id -u)" -ne 0 ] || ! command -v apt-get > /dev/null; then
    echo "The tests also need:$packages. As root: apt-get install --no-install-recommends$packages" >&2
    exit 0
fi
echo "Installing what the tests need:$packages ..."
export DEBIAN_FRONTEND=noninteractive
apt-get -qq update && apt-get -qq install --yes --no-install-recommends $packages > /dev/null ||
    echo "apt-get could not install:$packages. The tests that need them are skipped, or fail where CI=true." >&2
