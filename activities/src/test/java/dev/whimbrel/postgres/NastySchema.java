package dev.whimbrel.postgres;

import dev.whimbrel.servers.PostgresServer;

/** A schema of everything that copies have been seen to lose. */
final class NastySchema {
  private NastySchema() {}

  /** Creates schema and a few rows; roles are made where they are missing. */
  static void create(PostgresServer server, String database) {
    for (String role : new String[] {"nasty_owner", "nasty \"Reader\"", "nasty_group"}) {
      server.execute(
          database,
          "DO $$ BEGIN CREATE ROLE "
              + Quoting.identifier(role)
              + "; EXCEPTION WHEN duplicate_object THEN NULL; END $$");
    }
    server.execute(database, "GRANT nasty_group TO nasty_owner", SQL, VALUES);
    server.execute(
        database,
        "ALTER DATABASE " + Quoting.identifier(database) + " SET search_path = 'Ünïcode', public",
        "ALTER ROLE nasty_owner IN DATABASE "
            + Quoting.identifier(database)
            + " SET datestyle = 'german'",
        "ALTER ROLE nasty_owner IN DATABASE "
            + Quoting.identifier(database)
            + " SET statement_timeout = 60000",
        "ALTER ROLE nasty_owner IN DATABASE "
            + Quoting.identifier(database)
            + " SET work_mem = '12MB'");
    if (server.version() >= 14) {
      server.execute(
          database,
          "CREATE FUNCTION atomic(i int) RETURNS int LANGUAGE sql BEGIN ATOMIC SELECT i + 1;"
              + " SELECT i * 2; END");
    }
  }

  private static final String SQL =
      """
      CREATE SCHEMA "Ünïcode" AUTHORIZATION nasty_owner;
      CREATE EXTENSION hstore SCHEMA "Ünïcode";
      CREATE TYPE mood AS ENUM ('sad', 'so so', 'it''s');
      CREATE DOMAIN email AS text CHECK (VALUE LIKE '%@%') NOT NULL;
      CREATE TYPE pair AS (a int, b text);
      CREATE SEQUENCE odd INCREMENT -3 MAXVALUE 100 MINVALUE -1000 START 100 CACHE 7 CYCLE;
      CREATE FUNCTION touch() RETURNS trigger LANGUAGE plpgsql AS $f$
      BEGIN
        -- TOC entry 1 (class 1259 OID 16384)
        NEW.changed := now();
        RETURN NEW;
      END $f$;
      CREATE FUNCTION twice(i int) RETURNS int LANGUAGE sql IMMUTABLE AS 'SELECT i * 2';
      CREATE TABLE "Kunden ""A"" ;--" (
        id int GENERATED ALWAYS AS IDENTITY (START 5 INCREMENT 5) PRIMARY KEY,
        "größe" numeric(10, 2) DEFAULT 1.5, mood mood DEFAULT 'so so', mail email DEFAULT 'a@b',
        twice int GENERATED ALWAYS AS (2 * 7) STORED, pair pair, tags "Ünïcode".hstore,
        changed timestamptz, code text COLLATE "C", UNIQUE (code) DEFERRABLE INITIALLY DEFERRED,
        EXCLUDE USING gist (tsrange('2020-01-01', '2020-01-02') WITH &&) WHERE (id < 0));
      COMMENT ON TABLE "Kunden ""A"" ;--" IS E'two\\nlines -- and ; a \\\\ ''quote''';
      COMMENT ON COLUMN "Kunden ""A"" ;--"."größe" IS 'größe';
      CREATE INDEX "Index mit Leerzeichen" ON "Kunden ""A"" ;--" (lower(code)) WHERE id > 10;
      CREATE INDEX clustered ON "Kunden ""A"" ;--" (code);
      ALTER TABLE "Kunden ""A"" ;--" CLUSTER ON clustered;
      CREATE TRIGGER touch BEFORE UPDATE ON "Kunden ""A"" ;--" FOR EACH ROW EXECUTE FUNCTION touch();
      ALTER TABLE "Kunden ""A"" ;--" DISABLE TRIGGER touch;
      CREATE STATISTICS stats (dependencies) ON id, code FROM "Kunden ""A"" ;--";
      CREATE TABLE parts (id bigint, at date NOT NULL, text text, PRIMARY KEY (id, at))
        PARTITION BY RANGE (at);
      CREATE TABLE parts_2020 PARTITION OF parts FOR VALUES FROM ('2020-01-01') TO ('2021-01-01');
      CREATE TABLE parts_odd (text text, gone int, at date NOT NULL, id bigint NOT NULL);
      ALTER TABLE parts_odd DROP COLUMN gone;
      ALTER TABLE parts ATTACH PARTITION parts_odd FOR VALUES FROM ('2021-01-01') TO ('2022-01-01');
      CREATE TABLE parts_sub PARTITION OF parts DEFAULT PARTITION BY LIST (id);
      CREATE TABLE parts_sub_a PARTITION OF parts_sub DEFAULT;
      CREATE INDEX parts_text ON parts (text);
      CREATE TABLE base (id int PRIMARY KEY, name text);
      CREATE TABLE child (extra int, PRIMARY KEY (id)) INHERITS (base);
      CREATE TABLE refs (id serial PRIMARY KEY, base int REFERENCES base ON DELETE CASCADE,
        part bigint, at date, FOREIGN KEY (part, at) REFERENCES parts DEFERRABLE);
      ALTER TABLE refs ADD CONSTRAINT later CHECK (base > 0) NOT VALID;
      ALTER TABLE refs ADD CONSTRAINT later_fk FOREIGN KEY (base) REFERENCES base NOT VALID;
      CREATE TABLE nothing ();
      ALTER TABLE nothing REPLICA IDENTITY FULL;
      CREATE TABLE identified (a int NOT NULL, b int NOT NULL);
      CREATE UNIQUE INDEX identified_by ON identified (b, a);
      ALTER TABLE identified REPLICA IDENTITY USING INDEX identified_by;
      CREATE UNLOGGED TABLE fast (id int PRIMARY KEY);
      CREATE TABLE secret (id int PRIMARY KEY, who name DEFAULT current_user);
      ALTER TABLE secret ENABLE ROW LEVEL SECURITY;
      ALTER TABLE secret FORCE ROW LEVEL SECURITY;
      CREATE POLICY own ON secret TO nasty_owner USING (who = current_user);
      CREATE VIEW v1 WITH (security_barrier) AS SELECT id, lower(name) AS name FROM base;
      CREATE VIEW v2 AS SELECT v1.*, twice(v1.id) AS twice FROM v1 WITH CASCADED CHECK OPTION;
      CREATE MATERIALIZED VIEW m1 AS SELECT * FROM base;
      CREATE MATERIALIZED VIEW a_m2 AS SELECT count(*) AS n FROM m1;
      CREATE MATERIALIZED VIEW m3 AS SELECT 1 AS one WITH NO DATA;
      CREATE TABLE words (json int PRIMARY KEY, json_value text CHECK (json_value <> ''));
      CREATE INDEX words_value ON words (json_value, json);
      CREATE SEQUENCE json OWNED BY words.json;
      CREATE UNIQUE INDEX m1_id ON m1 (id);
      CREATE RULE ignore AS ON INSERT TO v1 DO INSTEAD NOTHING;
      CREATE OPERATOR === (LEFTARG = int, RIGHTARG = int, FUNCTION = int4eq);
      CREATE AGGREGATE total (int) (SFUNC = int4pl, STYPE = int, INITCOND = '0');
      CREATE TEXT SEARCH CONFIGURATION plain (COPY = simple);
      CREATE CAST (pair AS text) WITH INOUT;
      CREATE COLLATION folded (PROVIDER = libc, LOCALE = 'C');
      CREATE FUNCTION on_ddl() RETURNS event_trigger LANGUAGE plpgsql AS 'BEGIN END';
      ALTER TABLE base OWNER TO nasty_owner;
      GRANT SELECT, INSERT (id) ON base TO "nasty ""Reader""\" WITH GRANT OPTION;
      GRANT USAGE ON SCHEMA "Ünïcode" TO nasty_group;
      GRANT USAGE ON SEQUENCE odd TO PUBLIC;
      REVOKE EXECUTE ON FUNCTION twice(int) FROM PUBLIC;
      ALTER DEFAULT PRIVILEGES IN SCHEMA "Ünïcode" GRANT SELECT ON TABLES TO nasty_group;
      """;

  private static final String VALUES =
      """
      INSERT INTO base VALUES (1, 'ä'), (2, NULL);
      INSERT INTO child VALUES (3, 'c', 4);
      INSERT INTO "Kunden ""A"" ;--" (code) VALUES ('x'), ('y');
      INSERT INTO parts VALUES (1, '2020-05-05', 'a'), (2, '2021-05-05', 'b'), (3, '2030-01-01', 'c');
      INSERT INTO refs (base, part, at) VALUES (1, 1, '2020-05-05');
      INSERT INTO identified VALUES (1, 2);
      INSERT INTO nothing DEFAULT VALUES;
      INSERT INTO secret VALUES (1, 'nobody');
      REFRESH MATERIALIZED VIEW m1;
      REFRESH MATERIALIZED VIEW a_m2;
      """;
}
