#!/bin/sh
# upgrade-check.sh [BASE]: the code of BASE (a tag or commit; default: the newest tag, else the code before the newest migration)
# passes its own tests on the tables of this checkout. That is what makes the way back of deploy/update.sh safe.
set -eu
cd "$(dirname "$0")/.."
# the tables were begun anew once; older code has other migrations
begun_anew() { git log --diff-filter=A -1 --format=%H -- apps/base/migrations/0002_names_of_tasks.py; }
before_the_newest_migration() {
    newest=$(git log -1 --format=%H -- 'apps/*/migrations/0*.py')
    [ "$newest" = "$(begun_anew)" ] && echo "$newest" || echo "$newest~1"
}
base=${1:-$(git describe --tags --abbrev=0 2>/dev/null || before_the_newest_migration)}
git rev-parse -q --verify "$base^{commit}" >/dev/null || { echo "There is no version \"$base\" here: name a tag or a commit." >&2; exit 2; }
git merge-base --is-ancestor "$(begun_anew)" "$base" || { echo "$base is older than the tables, which were begun anew since." >&2; exit 2; }
git show "$base:tests/plugin.py" | grep -q AUTOORDER_SCHEMA_OF || { echo "$base is older than this check: its tests cannot run on other tables." >&2; exit 2; }
here=$PWD
old=$(mktemp -d)
trap 'rm -rf "$old"' EXIT
git archive "$base" | tar -x -C "$old"
echo "The tests of $base on the tables of $(git rev-parse --short HEAD) …"
cd "$old"
AUTOORDER_SCHEMA_OF=$here "$here/.venv/bin/python" -m pytest --reuse-db -m "not acceptance and not browser"
