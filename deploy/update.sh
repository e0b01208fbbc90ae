#!/bin/sh
# update.sh [VERSION]: bring the installed shop to a version of this clone (a tag, branch or commit; default: what is checked
# out). As root, in the clone the shop was installed from:
#
#   git pull && sh deploy/update.sh          sh deploy/update.sh v1.2          sh deploy/update.sh --standby [v1.2]
#
# Dump first, the new environment beside the old, migrations tried on a copy where both codes must sell, then the switch (a few
# seconds in which webhooks are told to come again), then two minutes of health. What is not well goes back by itself. It goes
# on when the terminal is lost: its words stand in /var/log/autoorder-update-….log. `--standby` on a second server that only waits
# (deploy/SOP/standby.md): the release, without the database, which is the shop's.
set -eu
. "$(dirname "$0")/lib.sh"
. "$(dirname "$0")/database.sh"

case "${1-}" in --help | -h) sed -n '2,10s/^# \{0,1\}//p' "$0"; exit 0 ;; esac
[ "$(id -u)" = 0 ] || stop "Updating needs root: sudo sh deploy/update.sh"
[ -L "$CURRENT" ] || stop "autoorder is not installed here: run deploy/install.sh first."

if [ -z "${AUTOORDER_UPDATE_LOG-}" ]; then
    log=/var/log/autoorder-update-$(date +%Y%m%d-%H%M%S).log
    (umask 077 && : >"$log") # the journal's lines stand in it
    AUTOORDER_UPDATE_LOG=$log setsid sh "$0" "$@" >"$log" 2>&1 </dev/null &
    work=$!
    trap 'kill "$seen"; printf "\nThe update goes on without you. See it by: tail -f %s\n" "$log"; exit 130' INT HUP TERM
    tail -n +1 -f --pid="$work" "$log" & # in the background, so that the trap is heard at once
    seen=$!
    code=0
    wait "$work" || code=$?
    wait "$seen" || true
    ls -1t /var/log/autoorder-update-*.log | tail -n +11 | xargs -r rm --
    exit "$code"
fi

WATCHED=${AUTOORDER_UPDATE_SECONDS:-120} # seconds of health before the update counts
QUIET=20 # seconds the migrations may take while the shop sells
TRIAL=autoorder_trial
lock
need_room 1500 "$ROOT"

standby=
if [ "${1-}" = --standby ]; then
    standby=yes
    shift
    ! systemctl -q is-active autoorder-web || stop "The shop runs here: this is no standby. Update it without --standby."
fi
if [ -z "$standby" ] && [ "$(as_postgres psql -qAtc 'SELECT pg_is_in_recovery()')" = t ]; then
    stop "This server's database follows another one: it is a standby. Update it with: sh deploy/update.sh --standby"
fi
ref=${1:-HEAD}
git_here rev-parse -q --verify "$ref^{commit}" >/dev/null || stop "There is no version \"$ref\" in $SOURCE: git fetch --tags, then try again."
old=$(basename "$(readlink -f "$CURRENT")")
new=$(release_of "$ref")
proved=$(cat "$ROOT/unproved" 2>/dev/null || true) # the release before an update that a power cut kept from being judged
if [ -n "$proved" ] && [ -e "$RELEASES/$proved/complete" ]; then
    say "The update to $old was cut off before its health was known. What is not well now goes back to $proved."
    old=$proved
elif [ "$old" = "$new" ] && [ -z "$standby" ]; then
    say "$new runs already: nothing to do."
    exit 0
fi

forget_old_releases() {
    ls -1d "$RELEASES"/* | sort | head -n -3 | while read -r folder; do
        case $folder in "$RELEASES/$old" | "$RELEASES/$new") ;; *) rm -rf "$folder" ;; esac
    done
}

say "1/5 The release $new, beside $old …"
build_release "$ref" "$new"
if [ -n "$standby" ]; then
    switch_to "$new" || stop "The release $new could not be put in place; see above." 1
    forget_old_releases
    say "The release $new waits here. What the shop's migrations did comes with its database."
    exit 0
fi

say "2/5 A dump of the database …"
install -d -m 0700 -o root -g root "$DUMPS"
dump=$DUMPS/before-$new.dump
# the dump, a copy to try the migrations on, and what PostgreSQL writes ahead for both
need_room "$((2 * $(as_postgres psql -qAtc "SELECT pg_database_size('autoorder') / 1048576") + 2000))" "$DUMPS"
rm -f "$dump"
(umask 077 && as_postgres pg_dump -Fc autoorder >"$dump.new") || stop "The dump failed: nothing was changed."
mv "$dump.new" "$dump"

say "3/5 Migrations, tried on a copy …"
notes=$(mktemp -d)
switched=
resting= # whether `watch` was stopped by us
drop_trial() { as_postgres dropdb --if-exists --force "$TRIAL" >/dev/null 2>&1 || true; }
over() {
    trap '' INT HUP TERM
    [ -z "$resting" ] || systemctl start autoorder-watch 2>/dev/null || true
    drop_trial
    rm -rf "$notes"
}
interrupted() {
    trap '' INT HUP TERM
    [ -z "$switched" ] || go_back "The update was interrupted."
    stop "Interrupted: $old runs on, and nothing was changed that it does not understand." 1
}
trap over EXIT
trap interrupted INT HUP TERM

drop_trial
as_postgres createdb -O autoorder_admin -T template0 -E UTF8 --locale=C.UTF-8 "$TRIAL"
as_postgres pg_restore --no-comments -d "$TRIAL" <"$dump" || stop "The dump $dump does not load: nothing was changed."
grant_rights "$TRIAL"
trial_url=postgres://autoorder_admin@%2Fvar%2Frun%2Fpostgresql/$TRIAL
on_trial() { # NAME WORDS…
    DATABASE_URL=$trial_url DATABASE_ADMIN_URL=$trial_url manage_as_root "$@"
}
worse() { # BEFORE AFTER: prints what became worse; fails when anything did
    "$RELEASES/$new/.venv/bin/python" "$RELEASES/$new/deploy/worse.py" "$notes/$1" "$notes/$2"
}
books() { # NOTE NAME: what was wrong before the update does not stand in its way
    on_trial "$2" checkinvariants --json >"$notes/$1" 2>/dev/null || true
}
knows_testbuy() { [ -e "$RELEASES/$1/apps/ops/management/commands/testbuy.py" ]; }

books before "$old"
began=$(date +%s)
on_trial "$new" migrate --verbosity 0 || stop "The migrations of $new fail on this shop's data: nothing was changed. $old runs on."
slow=$(($(date +%s) - began))
[ "$slow" -lt "$QUIET" ] || [ -n "${AUTOORDER_UPDATE_SLOW-}" ] || stop "The migrations of $new take $slow s on this shop's data, in which buyers and webhooks may wait: nothing was changed. In a quiet hour: AUTOORDER_UPDATE_SLOW=1 sh deploy/update.sh"
books after "$new"
worse before after || stop "After the migrations of $new the books are wrong (above): nothing was changed."
on_trial "$new" testbuy --rehearse >/dev/null || stop "$new cannot sell on this shop's data: nothing was changed. $old runs on."
books back "$old"
worse before back || stop "$old does not understand the tables of $new, so that there would be no way back: nothing was changed."
if knows_testbuy "$old"; then
    on_trial "$old" testbuy --rehearse >/dev/null || stop "$old cannot sell on the tables of $new, so that there would be no way back: nothing was changed."
fi
drop_trial

rest() { # nobody is called for what we end ourselves
    resting=yes
    systemctl stop autoorder-watch || true
}
restart() {
    rest
    rm -f "$DATA"/shop/run/*.start # how often the release before died is no reason to wait
    systemctl restart autoorder-web autoorder-worker autoorder-bot 2>/dev/null || true # what does not start shows in its health
    systemctl start autoorder-watch
    resting=
}

# True when every unit stays up, this host may get traffic and nothing fails that did not before, for $WATCHED seconds after a
# start of at most 30.
stays_well() {
    comes_up 30 || return 1
    [ -z "$sells" ] || autoorder testbuy || autoorder testbuy || return 1
    before=$(restarts)
    bad=0
    sick=0
    next=$(($(date +%s) + 20)) # a shop that has just started has not seen everything yet
    until_second=$(($(date +%s) + WATCHED))
    while [ "$(date +%s)" -lt "$until_second" ]; do
        sleep 2
        if all_active && ready; then bad=0; else bad=$((bad + 1)); fi
        if [ "$(date +%s)" -ge "$next" ]; then
            next=$(($(date +%s) + 10))
            autoorder health --json >"$notes/health" 2>/dev/null || true
            if worse well health; then sick=0; else sick=$((sick + 1)); fi
        fi
        [ "$bad" -lt 3 ] && [ "$sick" -lt 3 ] && [ "$(($(restarts) - before))" -lt 3 ] || return 1
    done
}

comes_up() { # SECONDS: what dies again and again is not waited for
    started=$(restarts)
    end=$(($(date +%s) + $1))
    until all_active && ready; do
        [ "$(date +%s)" -lt "$end" ] && [ "$(($(restarts) - started))" -lt 3 ] || return 1
        sleep 1
    done
}

restarts() {
    sum=0
    for unit in $UNITS; do sum=$((sum + $(systemctl show -P NRestarts "$unit"))); done
    echo "$sum"
}

go_back() { # WHY
    trap '' INT HUP TERM
    say "$1 Going back to $old …"
    journalctl -q --no-pager -n 15 -o cat -u 'autoorder-*' --since "@$switched" || true
    if ! knows_testbuy "$old"; then # older code would take the test buyer's free orders for unpaid ones
        rest
        systemctl stop autoorder-web.socket autoorder-worker autoorder-bot || true # so that no new one comes; web goes with its socket
        manage_as_root "$new" testbuy --forget || true
    fi
    switch_to "$old" || true
    autoorder prepare >/dev/null || true # the routines of the new code rest
    restart || true
    rm -f "$ROOT/unproved"
    if WATCHED=10 && stays_well; then
        stop "The update failed; $old runs again, on the tables of $new, and nothing was lost. What $new said stands above and in: journalctl -u 'autoorder-*'" 1
    fi
    stop "The update failed and $old does not come up either. The dump from before: $dump. Look: systemctl status 'autoorder-*'" 1
}

say "4/5 The switch …"
autoorder health --json >"$notes/well" 2>/dev/null || true
sells=
if autoorder testbuy >/dev/null 2>&1 || autoorder testbuy >/dev/null 2>&1; then sells=yes; fi
[ -n "$sells" ] || say "The test buyer cannot buy now, or $old has none: no sale is asked for after the switch."
# a change of a table that cannot have it within 5 s gives way: everybody who comes after it would wait in line behind it
migrated=
for try in 1 2 3 4; do
    if PGOPTIONS='-c lock_timeout=5s' manage_as_root "$new" migrate --verbosity 0; then migrated=yes; break; fi
    sleep "$try"
done
[ -n "$migrated" ] || stop "The migrations failed on the real database, though not on the copy. $old runs on; look at the message above." 1
printf '%s\n' "$old" >"$ROOT/unproved" # a machine that loses its power now comes up with $new, and the next update judges it
switched=$(date +%s)
say "5/5 Watching its health for $WATCHED s …"
end_forgotten_transactions
if switch_to "$new" && autoorder prepare >/dev/null && restart && stays_well; then
    forget_old_releases
    ls -1t "$DUMPS"/before-*.dump | tail -n +4 | xargs -r rm --
    rm -f "$ROOT/unproved"
    say "autoorder $new runs. The dump from before: $dump"
    exit 0
fi
go_back "$new is not well."
