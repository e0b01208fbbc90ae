# Shared by install.sh and update.sh; not run by itself. POSIX sh.
PATH=$PATH:/usr/sbin:/sbin # a plain `su` leaves them out
umask 022 # what root makes here the shop's user must be able to read
ROOT=/opt/autoorder
RELEASES=$ROOT/releases
CURRENT=$ROOT/current
SETTINGS=/etc/autoorder/env
DATA=/var/lib/autoorder
DUMPS=/var/backups/autoorder # not in the shop's own folder: who breaks into the shop must not reach what root writes
SITE=/etc/nginx/sites-available/autoorder
UNITS="autoorder-web autoorder-worker autoorder-bot autoorder-watch"
LOGS=$(mktemp -d /tmp/autoorder.XXXXXXXX) # what apt and certbot say; nobody else may have laid something there
SOURCE=$(cd "$(dirname "$0")/.." && pwd)

say() { printf '\n%s\n' "$1"; }

stop() {
    printf '\n%s\n' "$1" >&2
    exit "${2-2}"
}

git_here() { git -c safe.directory='*' -C "$SOURCE" "$@"; }

# One install or update at a time.
lock() {
    mkdir -p "$ROOT"
    exec 9>"$ROOT/lock"
    flock -n 9 || stop "Another install or update is running here: wait for it to end."
}

need_room() { # MEGABYTES FOLDER
    free=$(df -Pk "$2" | awk 'NR == 2 { print int($4 / 1024) }')
    [ "$free" -ge "$1" ] || stop "The disk is too full: $free MB free in $2, this needs $1 MB. Remove old releases from $RELEASES."
}

# NAME of a commit's release: its date first, so that names sort by age.
release_of() { git_here log -1 --format=%cd-%h --date=format:%Y%m%d-%H%M%S "$1"; }

# Make the release of a commit, code and environment, beside the running one. Made already: nothing to do.
build_release() { # REF NAME
    [ ! -e "$RELEASES/$2/complete" ] || return 0
    rm -rf "${RELEASES:?}/$2"
    mkdir -p "$RELEASES/$2"
    git_here archive "$1" | tar -x -C "$RELEASES/$2"
    (cd "$RELEASES/$2" && sh deploy/venv.sh requirements.txt .venv/.run && .venv/bin/python -m compileall -q host fakes apps autoorder manage.py) || {
        rm -rf "${RELEASES:?}/$2"
        stop "The release $2 could not be made; nothing was changed."
    }
    echo "$2" >"$RELEASES/$2/VERSION"
    chown -R root:root "$RELEASES/$2"
    chmod -R go-w "$RELEASES/$2"
    sync # a power cut must not leave half a release that counts as complete
    touch "$RELEASES/$2/complete"
}

# Point `current` at a release, in one step, with its units and its site. Fails when anything of it fails: `set -e` does not count
# inside a condition.
switch_to() { # NAME
    ln -sfn "$RELEASES/$1" "$CURRENT.new" && mv -T "$CURRENT.new" "$CURRENT" &&
        put_units && install -D -m 0644 -t /etc/systemd/system/autoorder-.service.d "$CURRENT"/deploy/systemd/autoorder-.service.d/common.conf &&
        put_jobs &&
        put_again postgresql@ && put_again nginx &&
        install -m 0755 "$CURRENT/deploy/autoorder" /usr/local/bin/autoorder && systemctl daemon-reload && hear_jobs || return 1
    [ ! -e "$SITE" ] || put_site || say "nginx does not take the site of $1: the one before stays."
}

# An older release may have no socket: what is there stays.
put_units() {
    for unit in "$CURRENT"/deploy/systemd/autoorder*.service "$CURRENT"/deploy/systemd/autoorder*.socket "$CURRENT"/deploy/systemd/autoorder*.path "$CURRENT"/deploy/systemd/autoorder.target; do
        [ ! -e "$unit" ] || install -m 0644 "$unit" /etc/systemd/system/ || return 1
    done
}

# An older release has no long work.
hear_jobs() { [ ! -e "$CURRENT/deploy/systemd/autoorder-jobs.path" ] || systemctl -q enable --now autoorder-jobs.path; }

# Long work is root's: its file of the same name stands in for what the shop's units share.
put_jobs() {
    [ ! -e "$CURRENT/deploy/systemd/autoorder-jobs.service" ] ||
        install -D -m 0644 -t /etc/systemd/system/autoorder-jobs.service.d "$CURRENT"/deploy/systemd/autoorder-jobs.service.d/common.conf
}

# Debian's own unit is started again whatever it died of. An older release has no such file: what is there stays.
put_again() { # UNIT
    [ ! -e "$CURRENT/deploy/systemd/again.conf" ] ||
        install -D -m 0644 "$CURRENT/deploy/systemd/again.conf" "/etc/systemd/system/$1.service.d/autoorder.conf"
}

# As Python reads the file: the last line counts, `export` and quotes are none of the value, and NAME_FILE names a file.
value_in_force() { # NAME
    value=$(setting "$1")
    [ -n "$value" ] || { file=$(setting "${1}_FILE"); [ -z "$file" ] || value=$(cat "$file"); }
    printf '%s\n' "$value"
}
setting() { # NAME
    [ ! -e "$SETTINGS" ] || sed -n "s/^[[:space:]]*\(export[[:space:]]\{1,\}\)\{0,1\}$1=//p" "$SETTINGS" | tail -1 | sed "s/^[[:space:]\"']*//; s/[[:space:]\"']*\$//"
}

# The dashboard's path without slashes around it.
admin_path() { value_in_force ADMIN_PATH | sed 's#^/*##; s#/*$##' | grep . || echo admin; }

# Put the release's site in force, with certbot's certificate, else one of our own making. What nginx refuses is taken back.
put_site() {
    domain=$(value_in_force PUBLIC_URL | sed 's#^https://##')
    [ -n "$domain" ] || return 0
    folder=/etc/letsencrypt/live/$domain
    certificate=$folder/fullchain.pem
    key=$folder/privkey.pem
    [ -e "$certificate" ] || { certificate=/etc/autoorder/tls/cert.pem; key=/etc/autoorder/tls/key.pem; }
    who=
    for address in $(value_in_force ADMIN_ALLOW); do who="$who allow $address;"; done
    [ ! -e "$SITE" ] || cp "$SITE" "$SITE.before"
    sed "s#@DOMAIN@#$domain#g; s#@ADMIN@#/$(admin_path)/#; s#@ALLOW@#$who#; s#@CERTIFICATE@#$certificate#; s#@KEY@#$key#" \
        "$CURRENT/deploy/nginx/autoorder.conf" >"$SITE"
    ln -sf "../sites-available/autoorder" /etc/nginx/sites-enabled/autoorder
    if nginx -tq; then
        systemctl reload-or-restart nginx
    else
        [ ! -e "$SITE.before" ] || mv "$SITE.before" "$SITE"
        return 1
    fi
}

# One of our own making, until certbot has one: nginx must be able to start.
own_certificate() {
    [ ! -e /etc/autoorder/tls/cert.pem ] || return 0
    mkdir -p /etc/autoorder/tls
    openssl req -x509 -newkey rsa:2048 -nodes -days 30 -subj "/CN=$domain" -keyout /etc/autoorder/tls/key.pem \
        -out /etc/autoorder/tls/cert.pem 2>/dev/null
}

# Only web and SSH: every port sshd listens on, and the one this very session came by.
close_ports() {
    ports=$({ sshd -T 2>/dev/null | awk '$1 == "port" { print $2 }'; echo "${SSH_CONNECTION-}" | awk '{ print $4 }'; } | grep -E '^[0-9]+$' | sort -un | tr '\n' ' ' || true)
    ports=${ports:-22 }
    case $ports in *"22 "*) other_port= ;; *) other_port=" -p ${ports%% *}" ;; esac
    listed=$(echo "$ports" | sed 's/ /, /g')
    if firewall >/dev/null 2>&1; then
        say "The firewall lets in ports ${listed}80 and 443 only."
    else
        say "The firewall could not be switched on here (ufw). Close all ports but ${listed}80 and 443 at your provider."
    fi
}
firewall() {
    for port in $ports 80 443; do ufw allow "$port/tcp" || return 1; done
    ufw --force enable && ufw status | grep -q '^Status: active'
}

# 200 when this host may get traffic.
ready() {
    [ "$(curl -s -o /dev/null -m 5 -w '%{http_code}' --unix-socket /run/autoorder/web.sock http://localhost/healthz/ready)" = 200 ]
}

all_active() {
    for unit in $UNITS; do
        systemctl -q is-active "$unit" || return 1
    done
}

wait_ready() { # SECONDS
    end=$(($(date +%s) + $1))
    until all_active && ready; do
        [ "$(date +%s)" -lt "$end" ] || return 1
        sleep 1
    done
}

as_postgres() { (cd / && exec setpriv --reuid=postgres --regid=postgres --init-groups -- "$@"); }

# Run manage.py of a release by the settings of this host: as root, whom the database knows as its owner.
manage_as_root() { # NAME WORDS…
    release=$1
    shift
    (cd "$RELEASES/$release" && AUTOORDER_ENV_FILE=$SETTINGS AUTOORDER_VAR=$DATA .venv/bin/python manage.py "$@")
}
