# Shared by install.sh: Debian's PostgreSQL with checksums and two roles. POSIX sh; needs lib.sh.
# autoorder_admin owns everything and is reached by root only; autoorder owns nothing and is the shop.

prepare_database() {
    version=$(pg_lsclusters -h | awk '$2 == "main" { print $1 }' | sort -n | tail -1)
    [ -n "$version" ] || stop "There is no PostgreSQL cluster called main: apt install postgresql, then try again."
    [ "$version" -ge 15 ] || stop "PostgreSQL 15 or newer is needed, this is $version."
    data=/var/lib/postgresql/$version/main
    systemctl start "postgresql@$version-main"
    if [ "$(as_postgres psql -qAtc 'SHOW data_checksums')" = off ]; then
        say "Switching the database's checksums on …"
        systemctl stop "postgresql@$version-main"
        as_postgres "/usr/lib/postgresql/$version/bin/pg_checksums" --enable -D "$data" >/dev/null
        systemctl start "postgresql@$version-main"
    fi
    systemctl -q enable postgresql
    let_root_in "/etc/postgresql/$version/main"
    make_roles
    systemctl reload "postgresql@$version-main"
}

# Over the socket root is autoorder_admin, and the user autoorder is only itself.
let_root_in() { # FOLDER
    grep -q '^autoorder ' "$1/pg_ident.conf" || echo 'autoorder root autoorder_admin' >>"$1/pg_ident.conf"
    grep -q autoorder_admin "$1/pg_hba.conf" || {
        { echo 'local all autoorder_admin peer map=autoorder'; cat "$1/pg_hba.conf"; } >"$1/pg_hba.conf.new"
        cat "$1/pg_hba.conf.new" >"$1/pg_hba.conf"
        rm "$1/pg_hba.conf.new"
    }
}

make_roles() {
    as_postgres psql -q -v ON_ERROR_STOP=1 <<'SQL'
DO $$ BEGIN
    IF NOT EXISTS (SELECT FROM pg_roles WHERE rolname = 'autoorder_admin') THEN CREATE ROLE autoorder_admin LOGIN CREATEDB; END IF;
    IF NOT EXISTS (SELECT FROM pg_roles WHERE rolname = 'autoorder') THEN CREATE ROLE autoorder LOGIN; END IF;
END $$;
SQL
    [ "$(as_postgres psql -qAtc "SELECT 1 FROM pg_database WHERE datname = 'autoorder'")" = 1 ] ||
        as_postgres createdb -O autoorder_admin -E UTF8 -T template0 --locale=C.UTF-8 autoorder
    end_forgotten_transactions
    # a restore sends everybody away for a moment (host/backups/swap.py)
    as_postgres psql -q -c 'GRANT pg_signal_backend TO autoorder_admin'
    grant_rights autoorder
}

# A transaction that somebody forgot must not keep its locks.
end_forgotten_transactions() { as_postgres psql -q -c "ALTER DATABASE autoorder SET idle_in_transaction_session_timeout = '30s'"; }

# What the shop may do with the tables of a database; `migrate` says so again for those that it makes.
grant_rights() { # DATABASE
    as_postgres psql -q -v ON_ERROR_STOP=1 -d "$1" <<'SQL'
ALTER SCHEMA public OWNER TO autoorder_admin;
ALTER DEFAULT PRIVILEGES FOR ROLE autoorder_admin IN SCHEMA public REVOKE ALL ON TABLES FROM autoorder;
SQL
    as_postgres psql -q -v ON_ERROR_STOP=1 -d "$1" <"$SOURCE/host/database_rights.sql"
}
