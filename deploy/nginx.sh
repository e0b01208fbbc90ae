#!/bin/sh
# The failover drill needs an nginx of its own on loopback: Debian's, installed by apt when we are root and it is missing.
PATH=$PATH:/usr/sbin
command -v nginx >/dev/null 2>&1 && exit 0
if [ "$(id -u)" = 0 ] && command -v apt-get >/dev/null 2>&1; then
    echo "Installing nginx for the failover drill (once) …"
    # it must not start by itself
    { apt-get update -qq && RUNLEVEL=1 DEBIAN_FRONTEND=noninteractive apt-get install -y -qq --no-install-recommends nginx; } >/dev/null 2>&1 && exit 0
fi
echo "nginx is missing: apt install nginx, then try again." >&2
exit 2
