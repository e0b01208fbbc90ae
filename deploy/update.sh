#!/bin/sh
# update.sh [VERSION]: bring the installed shop to a version of this clone (a tag, branch or commit; default: what is checked
# out). As root, in the clone the shop was installed from:
#
#   git pull && sh deploy/update.sh          sh deploy/update.sh v1.2
#
# Dump first, the new environment beside the old, migrations tried on a copy with the old code looking at it, then the switch
# (a few seconds in which webhooks are told to come again), then two minutes of health. What is not well goes back by itself.
set -eu
. "$(dirname "$0")/lib.sh"
. "$(dirname "$0")/database.sh"

case "${1-}" in --help | -h) sed -n '2,8s/^# \{0,1\}//p' "$0"; exit 0 ;; esac
[ "$(id -u)" = 0 ] || stop "Updating needs root: sudo sh deploy/update.sh"
[ -L "$CURRENT" ] || stop "autoorder is not installed here: run deploy/install.sh first."
WATCHED=${AUTOORDER_UPDATE_SECONDS:-120} # seconds of health before the update counts
TRIAL=autoorder_trial
lock
need_room 1500 "$ROOT"

ref=${1:-HEAD}
git_here rev-parse -q --verify "$ref^{commit}" >/dev/null || stop "There is no version \"$ref\" in $SOURCE: git fetch --tags, then try again."
old=$(basename "$(readlink -f "$CURRENT")")
new=$(release_of "$ref")
[ "$old" != "$new" ] || { say "$new runs already: nothing to do."; exit 0; }

say "1/5 The release $new, beside $old …"
build_release "$ref" "$new"

say "2/5 A dump of the database …"
dump=$DATA/backups/before-$new.dump
need_room "$(($(as_postgres psql -qAtc "SELECT pg_database_size('autoorder') / 1048576") + 500))" "$DATA"
rm -f "$dump"
(umask 077 && as_postgres pg_dump -Fc autoorder >"$dump.new") || stop "The dump failed: nothing was changed."
mv "$dump.new" "$dump"

say "3/5 Migrations, tried on a copy …"
drop_trial() { as_postgres dropdb --if-exists --force "$TRIAL" >/dev/null 2>&1 || true; }
trap drop_trial EXIT
drop_trial
as_postgres createdb -O autoorder_admin -T template0 -E UTF8 --locale=C.UTF-8 "$TRIAL"
as_postgres pg_restore --no-comments -d "$TRIAL" <"$dump" || stop "The dump $dump does not load: nothing was changed."
grant_rights "$TRIAL"
trial_url=postgres://autoorder_admin@%2Fvar%2Frun%2Fpostgresql/$TRIAL
on_trial() { # NAME WORDS…
    DATABASE_URL=$trial_url DATABASE_ADMIN_URL=$trial_url manage_as_root "$@"
}
on_trial "$new" migrate --verbosity 0 || stop "The migrations of $new fail on this shop's data: nothing was changed. $old runs on."
on_trial "$new" checkinvariants >/dev/null || stop "After the migrations of $new the books are wrong: nothing was changed. See: autoorder checkinvariants"
on_trial "$old" checkinvariants >/dev/null || stop "$old does not understand the tables of $new, so that there would be no way back: nothing was changed."
drop_trial
trap - EXIT

restart() {
    switched=$(date +%s)
    systemctl stop autoorder-watch # nobody is called for what we end ourselves
    systemctl restart autoorder-web autoorder-worker autoorder-bot 2>/dev/null || true # what does not start shows in its health
    systemctl start autoorder-watch
}

# True when every unit stays up and this host may get traffic, for $WATCHED seconds after a start of at most 30.
stays_well() {
    wait_ready 30 || return 1
    before=$(restarts)
    bad=0
    until_second=$(($(date +%s) + WATCHED))
    while [ "$(date +%s)" -lt "$until_second" ]; do
        sleep 2
        if all_active && ready; then bad=0; else bad=$((bad + 1)); fi
        [ "$bad" -lt 3 ] && [ "$(($(restarts) - before))" -lt 3 ] || return 1
    done
}

restarts() {
    sum=0
    for unit in $UNITS; do sum=$((sum + $(systemctl show -P NRestarts "$unit"))); done
    echo "$sum"
}

switched=$(date +%s)
say "4/5 The switch …"
manage_as_root "$new" migrate --verbosity 0 || stop "The migrations failed on the real database, though not on the copy. $old runs on; look at the message above." 1
switch_to "$new"
say "5/5 Watching its health for $WATCHED s …"
if autoorder prepare >/dev/null && restart && stays_well; then
    ls -1d "$RELEASES"/* | sort | head -n -3 | while read -r folder; do
        case $folder in "$RELEASES/$old" | "$RELEASES/$new") ;; *) rm -rf "$folder" ;; esac
    done
    ls -1t "$DATA"/backups/before-*.dump | tail -n +4 | xargs -r rm --
    say "autoorder $new runs. The dump from before: $dump"
    exit 0
fi

say "$new is not well. Going back to $old …"
journalctl -q --no-pager -n 15 -o cat -u 'autoorder-*' --since "@$switched" >&2 || true
switch_to "$old"
restart
if WATCHED=10 && stays_well; then
    stop "The update failed; $old runs again, on the tables of $new, and nothing was lost. What $new said stands above and in: journalctl -u 'autoorder-*'" 1
fi
stop "The update failed and $old does not come up either. The dump from before: $dump. Look: systemctl status 'autoorder-*'" 1
