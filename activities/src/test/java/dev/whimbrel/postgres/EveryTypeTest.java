package dev.whimbrel.postgres;

import static org.assertj.core.api.Assertions.assertThat;

import dev.whimbrel.activity.Move;
import dev.whimbrel.activity.VerificationReport;
import dev.whimbrel.servers.Needs;
import dev.whimbrel.servers.PostgresServer;
import dev.whimbrel.servers.Program;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;

/** Every type of a server and of its extensions, as a value, in arrays, in rows and as a key. */
@Tag("campaign")
@Needs(Program.PG_DUMP_18)
class EveryTypeTest {

  /** A type that only another process of the server can make has no values. */
  private static final String TABLES =
      """
      CREATE TYPE mood AS ENUM ('so so', 'it''s', 'Ünïcode', '\\N', '');
      CREATE DOMAIN even AS int CHECK (VALUE % 2 = 0);
      CREATE TYPE pair AS (a int, b text, c timestamptz);
      CREATE TYPE words AS RANGE (subtype = text, collation = "C");
      CREATE DOMAIN pairs AS pair[];
      DO $$
      DECLARE
        each record;
        extension text;
      BEGIN
        FOREACH extension IN ARRAY ARRAY['hstore', 'citext', 'ltree', 'cube', 'isn', 'seg', 'lo', 'postgis'] LOOP
          IF EXISTS (SELECT FROM pg_available_extensions WHERE name = extension) THEN
            EXECUTE format('CREATE EXTENSION %I', extension);
          END IF;
        END LOOP;
        FOR each IN
          SELECT format_type(t.oid, NULL) AS type, typarray <> 0 AS listed, replace(typname, '"', '') AS name
          FROM pg_type t JOIN pg_namespace n ON n.oid = typnamespace
          WHERE typtype IN ('b', 'd', 'e', 'r', 'm', 'c') AND typcategory <> 'A'
            AND (typrelid = 0 OR EXISTS (SELECT FROM pg_class c WHERE c.oid = typrelid AND relkind = 'c'))
            AND nspname <> 'information_schema'
            AND typname !~ '^(pg_node_tree|pg_ndistinct|pg_dependencies|pg_mcv_list|pg_brin.*|gtsvector|ltree_gist|pg_ddl_command|regoper|regproc)$'
          ORDER BY 3
        LOOP
          EXECUTE format('CREATE TABLE %I (id int GENERATED ALWAYS AS IDENTITY PRIMARY KEY, value %s, again %2$s)', 'value ' || each.name, each.type);
          EXECUTE format('CREATE TABLE %I (value %s, again %2$s)', 'keyless ' || each.name, each.type);
          IF each.listed THEN
            EXECUTE format('CREATE TABLE %I (id int GENERATED ALWAYS AS IDENTITY PRIMARY KEY, list %s[])', 'list ' || each.name, each.type);
          END IF;
          BEGIN
            EXECUTE format('CREATE TABLE %I (key %s PRIMARY KEY, value text)', 'key ' || each.name, each.type);
            EXECUTE format('CREATE TABLE %I (other int, key %s, value text, PRIMARY KEY (key, other))', 'keys ' || each.name, each.type);
            EXECUTE format('CREATE TABLE %I (key %s[] PRIMARY KEY, value text)', 'list key ' || each.name, each.type);
          EXCEPTION WHEN undefined_object THEN
            NULL;  -- nothing sorts it
          END;
        END LOOP;
      END $$;
      """;

  /** Blocks of a comparison end among them. */
  private static final String MANY =
      """
      DO $$
      DECLARE
        each record;
      BEGIN
        FOR each IN SELECT relname FROM pg_class WHERE relkind = 'r' AND relname ~ '^keys ' LOOP
          EXECUTE format(
            'INSERT INTO %I (other, key, value) SELECT i, key, i FROM (SELECT DISTINCT key FROM %1$I) k, generate_series(1000, 1100) i', each.relname);
        END LOOP;
      END $$;
      """;

  @ParameterizedTest(name = "{0} to {1}")
  @CsvSource({"15, 15", "15, 18", "13, 16"})
  void arrives(int from, int to) throws Exception {
    try (Pairs pair =
        new Pairs(
            PostgresServer.version(from).set("max_locks_per_transaction", "256").start(),
            PostgresServer.version(to).set("max_locks_per_transaction", "256").start())) {
      Move move = pair.move("types");
      pair.source().createDatabase("types");
      pair.target().createDatabase("types");
      pair.source().execute("types", TABLES);
      GeneratedRows.Filled filled = GeneratedRows.fill(pair.source(), "types");
      System.out.println("types: " + filled.line());
      assertThat(filled.empty()).isEmpty();
      pair.source().execute("types", MANY);
      Carriage carriage = new Carriage(pair, move);

      carriage.followTheAdvice();
      VerificationReport report = carriage.carry();

      assertThat(report.findings()).isEmpty();
      carriage.assertArrivedWhole();
      carriage.end();
    }
  }
}
