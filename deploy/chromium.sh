#!/bin/sh
# A browser for the tests: Debian's, installed by apt when we are root and it is missing.
[ "$NO_BROWSER" = 1 ] && exit 0
command -v chromium >/dev/null 2>&1 && exit 0
if [ "$(id -u)" = 0 ] && command -v apt-get >/dev/null 2>&1; then
    echo "Installing Chromium for the browser tests (once) …"
    { apt-get update -qq && DEBIAN_FRONTEND=noninteractive apt-get install -y -qq chromium fonts-noto-color-emoji; } >/dev/null 2>&1 && exit 0
fi
echo "Chromium is missing: apt install chromium, or NO_BROWSER=1 make test. The browser tests will fail." >&2
exit 0
