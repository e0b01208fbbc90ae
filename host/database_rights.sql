-- What the shop's own role may do: everything with rows, nothing with tables, and with what is append-only only to append.
-- Run by the owner of the tables after every migration, and by whoever makes the roles. `autoorder` stands on a server,
-- `autoorder_shop` in the embedded database.
DO $$
DECLARE
    shop name;
    kept text;
BEGIN
    FOR shop IN
        SELECT rolname FROM pg_roles
        WHERE rolname IN ('autoorder', 'autoorder_shop') AND NOT rolsuper AND rolname <> current_user
    LOOP
        EXECUTE format('GRANT USAGE ON SCHEMA public TO %I', shop);
        EXECUTE format('GRANT SELECT, INSERT, UPDATE, DELETE ON ALL TABLES IN SCHEMA public TO %I', shop);
        EXECUTE format('GRANT USAGE, SELECT ON ALL SEQUENCES IN SCHEMA public TO %I', shop);
        FOREACH kept IN ARRAY ARRAY['base_auditrow', 'orders_ledgerentry', 'ops_drillreport'] LOOP
            IF to_regclass(kept) IS NOT NULL THEN
                EXECUTE format('REVOKE UPDATE, DELETE, TRUNCATE ON %I FROM %I', kept, shop);
            END IF;
        END LOOP;
        IF to_regclass('orders_seat') IS NOT NULL THEN
            EXECUTE format('REVOKE DELETE, TRUNCATE ON orders_seat FROM %I', shop);
        END IF;
    END LOOP;
END $$;
