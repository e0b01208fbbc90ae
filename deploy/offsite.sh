#!/bin/sh
# What the tests of copies elsewhere need: rclone and OpenSSH's server, installed by apt when we are root and they are missing.
[ "$NO_OFFSITE" = 1 ] && exit 0
PATH=$PATH:/usr/sbin
command -v rclone >/dev/null 2>&1 && command -v sshd >/dev/null 2>&1 && exit 0
if [ "$(id -u)" = 0 ] && command -v apt-get >/dev/null 2>&1; then
    echo "Installing rclone and OpenSSH's server for the backup tests (once) …"
    { apt-get update -qq && DEBIAN_FRONTEND=noninteractive apt-get install -y -qq rclone openssh-server; } >/dev/null 2>&1 && exit 0
fi
echo "rclone or sshd is missing: apt install rclone openssh-server, or NO_OFFSITE=1 make test. The tests of copies elsewhere will fail." >&2
exit 0
