#!/bin/sh
# install.sh: autoorder on a fresh Debian 12 or 13, or Ubuntu 24.04, with 1 GB of memory. As root, in a clone of the project:
#
#   sh deploy/install.sh
#
# It asks four things and may be run again: what was answered before is kept when you only press Enter. A shop that was
# tried out with `make run` and a bot token moves in with everything it has. Answers may also come on standard input.
#
#   sh deploy/install.sh --standby      on a second server that only waits, with the shop's settings copied to it first
#                                       (deploy/SOP/standby.md): asks nothing, starts nothing
set -eu
. "$(dirname "$0")/lib.sh"
. "$(dirname "$0")/database.sh"

case "${1-}" in
    "") standby= ;;
    --standby) standby=yes ;;
    --help | -h) sed -n '2,10s/^# \{0,1\}//p' "$0"; exit 0 ;;
    *) stop "install.sh knows --standby only; it asks for everything else. Example: sh deploy/install.sh" ;;
esac
[ "$(id -u)" = 0 ] || stop "Installing needs root: sudo sh deploy/install.sh"
[ -d /run/systemd/system ] || stop "This machine does not run systemd: use \`make run\`, or a VPS with Debian 12 or newer."
. /etc/os-release
case "$ID-${VERSION_ID:-0}" in
    debian-1[2-9]* | ubuntu-2[4-9]*) ;;
    *) stop "Debian 12 or 13, or Ubuntu 24.04 is needed; this is $PRETTY_NAME." ;;
esac
git_here rev-parse -q --verify HEAD >/dev/null 2>&1 || stop "Run it in a clone of the project (git clone …), so that updates can come."
lock
need_room 2000 /
shop_is_here() { [ -e "$DATA/moved-in" ]; }
if [ -n "$standby" ]; then
    ! systemctl -q is-enabled autoorder.target 2>/dev/null || stop "A shop is installed here and starts with the machine: this is no standby."
    [ -n "$(value_in_force FIELD_KEYS)" ] || stop "Copy the shop's settings here first (deploy/SOP/standby.md, step 1): without its keys nothing opens."
fi
if shop_is_here && [ "$(basename "$(readlink -f "$CURRENT")")" != "$(release_of HEAD)" ]; then
    stop "autoorder $(basename "$(readlink -f "$CURRENT")") runs here and this clone is another version. Update first: sh deploy/update.sh"
fi

ask() { # VARIABLE QUESTION KEPT
    if [ -n "$3" ]; then printf '%s [%s]: ' "$2" "$3"; else printf '%s: ' "$2"; fi
    read -r answer || true # a last line without an end is one too
    eval "$1=\${answer:-\$3}"
}

ask_secret() { # VARIABLE QUESTION
    printf '%s: ' "$2"
    [ ! -t 0 ] || { trap 'stty echo; exit 130' INT HUP TERM; stty -echo; }
    read -r answer || true
    [ ! -t 0 ] || { stty echo; trap - INT HUP TERM; echo; }
    eval "$1=\$answer"
}

ask_everything() {
    say "autoorder: five questions, then about five minutes of work."
    old_domain=$(value_in_force PUBLIC_URL | sed 's#^https://##')
    ask domain "1. The shop's domain (toko.example), or - for none" "${old_domain:--}"
    domain=$(printf '%s' "$domain" | sed 's#^https\{0,1\}://##; s#/*$##' | tr 'A-Z' 'a-z')
    case $domain in
        -) domain= ;;
        *[!a-z0-9.-]* | "" | .* | -*) stop "\"$domain\" is no domain: write it like toko.example, or - for none." ;;
    esac
    ask_secret token "2. The bot's token from @BotFather$([ -z "$(value_in_force TELEGRAM_BOT_TOKEN)" ] || echo ' (Enter: keep it)')"
    token=${token:-$(value_in_force TELEGRAM_BOT_TOKEN)}
    printf '%s' "$token" | grep -Eq '^[0-9]{5,}:[A-Za-z0-9_-]{20,}$' || stop "That is no bot token: it looks like 123456789:AAE…, from @BotFather."
    ask owner "3. Your numeric Telegram id (ask @userinfobot)" "$(value_in_force OWNER_CHAT_IDS)"
    printf '%s' "$owner" | grep -Eq '^-?[0-9]+(,-?[0-9]+)*$' || stop "\"$owner\" is no numeric id, such as 123456789."
    has_login=
    if shop_is_here && [ -n "$(as_postgres psql -qAtd autoorder -c 'SELECT 1 FROM auth_user WHERE is_superuser LIMIT 1' 2>/dev/null)" ]; then has_login=yes; fi
    ask_secret password "4. A password for the dashboard, 10 characters or more${has_login:+ (Enter: keep it)}"
    [ -n "$password$has_login" ] || stop "The dashboard needs a password of 10 characters or more."
    [ -z "$password" ] || [ "${#password}" -ge 10 ] || stop "The password is too short: 10 characters or more."
    ask contact "5. How buyers reach you, such as @budi or WA 0812… (Enter: as it is; Pengaturan changes it)" ""
}
if [ -n "$standby" ]; then domain=$(value_in_force PUBLIC_URL | sed 's#^https://##'); else ask_everything; fi

say "Installing Debian's packages …"
export DEBIAN_FRONTEND=noninteractive
# a fresh machine updates itself in its first minutes, and holds the lock meanwhile
apt-get -q -o DPkg::Lock::Timeout=300 update >$LOGS/autoorder-apt.log 2>&1 || stop "apt-get update failed; the reasons stand in $LOGS/autoorder-apt.log. Is the network there?"
apt-get -qy -o DPkg::Lock::Timeout=300 install --no-install-recommends postgresql nginx python3-venv curl openssl ca-certificates logrotate ufw \
    ${domain:+certbot} >$LOGS/autoorder-apt.log 2>&1 || stop "Packages could not be installed; the reasons stand in $LOGS/autoorder-apt.log"

getent passwd autoorder >/dev/null || useradd --system --home-dir "$DATA" --shell /usr/sbin/nologin autoorder
install -d -m 0750 -o root -g autoorder /etc/autoorder
install -d -m 0750 -o root -g autoorder /etc/autoorder/secrets
install -d -m 0750 -o root -g autoorder "$DATA"
install -d -m 0750 -o autoorder -g autoorder "$DATA/shop" "$DATA/shop/static"
install -d -m 0700 -o root -g root "$DUMPS"

say "Making the release …"
name=$(release_of HEAD)
[ -z "$(git_here status --porcelain --untracked-files=no)" ] || say "Changes that are not committed are left out of it."
build_release HEAD "$name"
switch_to "$name"

say "Setting up the database …"
prepare_database

if [ -n "$standby" ]; then
    chown root:autoorder "$SETTINGS"
    chmod 0640 "$SETTINGS"
    install -D -m 0644 "$CURRENT/deploy/systemd/journald.conf" /etc/systemd/journald.conf.d/autoorder.conf
    systemctl restart systemd-journald
    [ -z "$domain" ] || { rm -f /etc/nginx/sites-enabled/default; own_certificate; put_site || stop "nginx does not take the site; see above."; }
    close_ports
    touch "$DATA/moved-in"
    say "The release $name waits here; nothing runs. Go on with the replica: deploy/SOP/standby.md, step 3."
    exit 0
fi

if [ ! -e "$SETTINGS" ]; then
    if [ -e "$SOURCE/.env" ] && { [ -d "$SOURCE/var/shop" ] || grep -q '^TELEGRAM_BOT_TOKEN=.' "$SOURCE/.env"; }; then
        install -m 0640 -o root -g autoorder "$SOURCE/.env" "$SETTINGS" # the keys of the shop that was tried out
    else
        (cd "$CURRENT" && AUTOORDER_ENV_FILE=$SETTINGS .venv/bin/python -c 'from host.environment import ensure_env_file; ensure_env_file()')
    fi
fi
small=$(awk '/^MemTotal/ { print ($2 < 1500000) }' /proc/meminfo)
"$CURRENT/.venv/bin/python" "$CURRENT/deploy/setvalues.py" "$SETTINGS" <<END
TELEGRAM_BOT_TOKEN=$token
OWNER_CHAT_IDS=$owner
PUBLIC_URL=${domain:+https://$domain}
DATABASE_URL=postgres://autoorder@%2Fvar%2Frun%2Fpostgresql/autoorder
DATABASE_ADMIN_URL=postgres://autoorder_admin@%2Fvar%2Frun%2Fpostgresql/autoorder
$([ "$small" = 0 ] || printf 'AUTOORDER_WORKERS=2\nAUTOORDER_WEB_WORKERS=1')
END
[ -n "$domain" ] || sed -i 's#^PUBLIC_URL=.*#PUBLIC_URL=#' "$SETTINGS"
chown root:autoorder "$SETTINGS"
chmod 0640 "$SETTINGS"

if [ -n "$password" ]; then
    printf '%s\n' "$password" | manage_as_root "$name" prepare --try-password || stop "Choose another password, and run this again. Nothing was stopped."
fi
if systemctl -q is-active autoorder.target; then
    trap 'exit 130' INT HUP TERM # dash runs the next trap only when it exits by itself
    trap 'systemctl start autoorder.target' EXIT # whatever goes wrong from here on, the shop runs again
    systemctl stop autoorder.target $UNITS
fi
say "Making the tables …"
manage_as_root "$name" migrate --verbosity 0 || stop "The tables could not be made; see above."
if [ -d "$SOURCE/var/shop" ] && [ ! -e "$DATA/moved-in" ]; then
    flock -n "$SOURCE/var/shop/up.lock" true || stop "The try-out still runs: stop it first (Ctrl-C in its window), then run this again."
    say "Moving the shop that was tried out here …"
    (cd "$CURRENT" && AUTOORDER_ENV_FILE=$SETTINGS .venv/bin/python -m host.adopt_tryout "$SOURCE/var/shop" "$DATA/shop") || stop "It could not be moved; the try-out is untouched. See above."
    chown -R autoorder:autoorder "$DATA/shop"
fi
touch "$DATA/moved-in" # a later try-out in this clone never overwrites the shop
printf '%s\n' "$password" | /usr/local/bin/autoorder prepare --password - --contact="$contact" >/dev/null || stop "The shop could not be prepared; see above."

install -D -m 0644 "$CURRENT/deploy/systemd/journald.conf" /etc/systemd/journald.conf.d/autoorder.conf
systemctl restart systemd-journald
systemctl -q enable autoorder.target $UNITS
systemctl start autoorder.target
trap - EXIT INT HUP TERM

# The web server: a certificate of our own making until certbot has one, so that it can start at all.
if [ -n "$domain" ]; then
    say "Setting up nginx for $domain …"
    rm -f /etc/nginx/sites-enabled/default
    if [ ! -e "/etc/letsencrypt/live/$domain/fullchain.pem" ]; then
        own_certificate
        put_site
        certbot certonly -n -q --webroot -w /var/www/html -d "$domain" --agree-tos --register-unsafely-without-email \
            --deploy-hook 'systemctl reload nginx' >$LOGS/autoorder-certbot.log 2>&1 || certificate_missing=1
    fi
    put_site
fi

close_ports

say "Starting …"
wait_ready 90 || stop "The shop does not come up. Look: systemctl status 'autoorder-*'; journalctl -u autoorder-web -u autoorder-bot -n 50" 1
autoorder health --quiet || true
[ -z "${certificate_missing-}" ] || say "There is no certificate yet (the reason stands in $LOGS/autoorder-certbot.log). Does $domain point to this machine? Until then updates come by polling. Run this again when it does."
# who came by sudo comes back by SSH under their own name, since root often may not: the dashboard's socket lets www-data in
visitor=${SUDO_USER:-root}
[ "$visitor" = root ] || usermod -aG www-data "$visitor"
address=$(hostname -I 2>/dev/null | awk '{ print $1 }')
say "autoorder $name runs, and starts again with the machine."
echo "  Dashboard             from your own computer: ssh$other_port -L 8000:/run/autoorder/web.sock $visitor@${domain:-${address:-ADDRESS}}"
echo "                        then open http://localhost:8000/$(admin_path)/  (not on the internet before logins have a second factor)"
[ -z "$domain" ] || echo "                        or let one address in: ADMIN_ALLOW=203.0.113.7 in $SETTINGS, then run this again and open https://$domain/$(admin_path)/"
[ -z "$domain" ] || echo "  Webhook for Pakasir   https://$domain/payments/pakasir/webhook/"
echo "  Login                 owner, with the password you gave"
[ -n "$contact" ] || echo "  Next                  your contact for buyers: Pengaturan, Kontak penjual"
echo "  Commands              autoorder health, autoorder importproducts - < produk.csv, …"
echo "  Logs                  journalctl -u 'autoorder-*' -f"
echo "  Update                git pull && sh deploy/update.sh"
[ -n "$(value_in_force PAKASIR_API_KEY)" ] || echo "  Gateway               put PAKASIR_PROJECT, PAKASIR_API_KEY and PAKASIR_WEBHOOK_SECRET into $SETTINGS, then: systemctl restart autoorder.target"
echo "Keep a copy of $SETTINGS somewhere else: without its keys nobody can open the goods again."
