package dev.whimbrel.postgres;

import static java.util.stream.Collectors.joining;

import dev.whimbrel.activity.Side;
import java.sql.Connection;
import java.sql.SQLException;
import java.sql.Statement;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import org.jspecify.annotations.Nullable;
import org.postgresql.util.PSQLException;
import org.postgresql.util.ServerErrorMessage;

/**
 * What the source's schema wants of a server, and the target's may not have: collations of its
 * system, libraries of functions, a way to compress. Each would stop the migration in the middle of
 * the schema. The target is asked for the thing itself, in transactions that are rolled back: its
 * catalog may name a locale that its system has lost, and a library may lack a function.
 */
final class SchemaChecks {
  private static final int COMPRESSION_BY_COLUMN = 14;
  private static final int SOME = 5;

  /**
   * What uses a collation that came with the source's server; {@code rel} is the relation that it
   * belongs to. A domain's array follows the domain; publications, and invalid indexes, are not
   * carried.
   */
  private static final String USES =
      """
      SELECT o.collname, count(*), min(pg_describe_object(d.classid, d.objid, d.objsubid))
        FROM pg_depend d JOIN pg_collation o ON o.oid = d.refobjid
             LEFT JOIN pg_index i ON d.classid = 'pg_class'::regclass AND i.indexrelid = d.objid
             LEFT JOIN pg_rewrite w ON d.classid = 'pg_rewrite'::regclass AND w.oid = d.objid
             LEFT JOIN pg_constraint k ON d.classid = 'pg_constraint'::regclass AND k.oid = d.objid
             LEFT JOIN pg_attrdef a ON d.classid = 'pg_attrdef'::regclass AND a.oid = d.objid
             LEFT JOIN pg_trigger g ON d.classid = 'pg_trigger'::regclass AND g.oid = d.objid
             LEFT JOIN pg_policy p ON d.classid = 'pg_policy'::regclass AND p.oid = d.objid
             LEFT JOIN pg_statistic_ext s ON d.classid = 'pg_statistic_ext'::regclass AND s.oid = d.objid
             CROSS JOIN LATERAL (SELECT coalesce(i.indrelid, w.ev_class, nullif(k.conrelid, 0), a.adrelid, g.tgrelid,
                 p.polrelid, s.stxrelid, CASE WHEN d.classid = 'pg_class'::regclass THEN d.objid END)) r(rel)
             LEFT JOIN pg_class c ON c.oid = r.rel
       WHERE d.refclassid = 'pg_collation'::regclass AND o.collnamespace = 'pg_catalog'::regnamespace
         AND d.classid::regclass::text <> 'pg_publication_rel'
         AND c.relpersistence IS DISTINCT FROM 't' AND i.indisvalid IS DISTINCT FROM false
         AND NOT EXISTS (SELECT FROM pg_depend e WHERE e.deptype = 'e' AND (e.classid, e.objid) IN
               ((d.classid, d.objid), ('pg_class'::regclass, r.rel), ('pg_type'::regclass, c.reltype)))
         AND NOT EXISTS (SELECT FROM pg_type y WHERE d.classid = 'pg_type'::regclass AND y.oid = d.objid
                            AND y.typinput = 'array_in'::regproc)
         AND (r.rel IS NULL OR %s)
       GROUP BY 1 ORDER BY 1""";

  /**
   * All of the service's own functions of which a condition holds; those that come with a range
   * type, and aggregates, are made by it, whatever their language says.
   */
  private static final String FUNCTIONS =
      """
      SELECT format('%%I.%%I(%%s)', n.nspname, p.proname, pg_get_function_identity_arguments(p.oid)), p.probin::text, p.prosrc
        FROM pg_proc p JOIN pg_language l ON l.oid = p.prolang JOIN pg_namespace n ON n.oid = p.pronamespace
       WHERE n.nspname !~ '^pg_' AND n.nspname NOT IN ('information_schema', 'whimbrel') AND p.prokind <> 'a'
         AND NOT EXISTS (SELECT FROM pg_depend e WHERE e.deptype IN ('e', 'i')
                            AND e.classid = 'pg_proc'::regclass AND e.objid = p.oid)
         AND (%s) ORDER BY 1""";

  /** What has a name of its own, and how it gets another one. Roles are in no definition. */
  private static final String NAMES =
      """
      WITH rel AS (SELECT c.oid, n.nspname, c.relname, c.relkind FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace
             WHERE c.relkind IN ('r', 'p', 'v', 'm', 'f', 'S') AND c.relpersistence <> 't' AND %1$s)
      SELECT kind, name, shown, rename FROM (
        SELECT n.nspname, 'pg_namespace'::regclass, n.oid, 'schema', n.nspname, format('%%I', n.nspname),
               format('ALTER SCHEMA %%I RENAME TO %%I', n.nspname, n.nspname || '_') FROM pg_namespace n
        UNION ALL
        SELECT nspname, 'pg_class'::regclass, oid, 'relation', relname, format('%%I.%%I', nspname, relname),
               format('ALTER TABLE %%I.%%I RENAME TO %%I', nspname, relname, relname || '_') FROM rel
        UNION ALL
        SELECT nspname, 'pg_class'::regclass, oid, 'column', a.attname, format('%%I.%%I.%%I', nspname, relname, a.attname),
               format('ALTER TABLE %%I.%%I RENAME COLUMN %%I TO %%I', nspname, relname, a.attname, a.attname || '_')
          FROM rel JOIN pg_attribute a ON a.attrelid = rel.oid AND a.attnum > 0 AND NOT a.attisdropped WHERE relkind <> 'S'
        UNION ALL
        SELECT n.nspname, 'pg_type'::regclass, t.oid, 'type', t.typname, format('%%I.%%I', n.nspname, t.typname),
               format('ALTER TYPE %%I.%%I RENAME TO %%I', n.nspname, t.typname, t.typname || '_')
          FROM pg_type t JOIN pg_namespace n ON n.oid = t.typnamespace LEFT JOIN pg_class c ON c.oid = t.typrelid
         WHERE t.typtype <> 'c' OR c.relkind = 'c'
        UNION ALL
        SELECT n.nspname, 'pg_proc'::regclass, p.oid, 'function', p.proname, p.oid::regprocedure::text,
               format('ALTER ROUTINE %%s RENAME TO %%I', p.oid::regprocedure, p.proname || '_')
          FROM pg_proc p JOIN pg_namespace n ON n.oid = p.pronamespace
      ) AS named(schema, class, oid, kind, name, shown, rename)
       WHERE name = ANY (%2$s) AND schema !~ '^pg_' AND schema NOT IN ('information_schema', 'whimbrel')
         AND NOT EXISTS (SELECT FROM pg_depend e WHERE e.deptype = 'e' AND e.classid = class AND e.objid = named.oid)
       ORDER BY 1, 3""";

  private static final String RESERVED =
      "SELECT word FROM pg_get_keywords() WHERE catcode IN ('R', 'T') ORDER BY 1";

  private final Look look;
  private final Findings findings;
  private final Selection selection;

  SchemaChecks(Look look, Findings findings, Selection selection) {
    this.look = look;
    this.findings = findings;
    this.selection = selection;
  }

  /** At last: what is loaded stays in the target's session. */
  void run() throws SQLException {
    reservedNames();
    compression();
    if (look.holds(Side.TARGET, "pg_is_in_recovery()")) {
      return; // has a finding of its own, and nothing can be tried there
    }
    collationsOfTheSystem();
    collationsOfTheService();
    if (look.isSuperuser(Side.TARGET)) {
      libraries();
    } else {
      functionsOfSuperusers();
    }
  }

  /**
   * The source does not quote them in its definitions: on the target the same text fails, or means
   * something else, as {@code system_user} does since 16; so does the service's own SQL.
   */
  private void reservedNames() throws SQLException {
    List<String> reserved = new ArrayList<>(PublishedTables.names(look.target(), RESERVED));
    reserved.removeAll(PublishedTables.names(look.source(), RESERVED));
    if (reserved.isEmpty()) {
      return;
    }
    String names = NAMES.formatted(selection.moves(), Quoting.array(reserved));
    for (Look.Row row : look.rows(Side.SOURCE, names)) {
      findings.blocker(
          "reserved-name",
          Look.shortName(row.text(3)),
          "is a %s whose name PostgreSQL %d has reserved: without quotes it fails there, or means something else."
              .formatted(row.text(1), look.major(Side.TARGET)),
          row.text(4) + "; -- on the source, with the service's own SQL");
    }
  }

  private void collationsOfTheSystem() throws SQLException {
    for (Look.Row row : look.rows(Side.SOURCE, USES.formatted(selection.moves("r.rel")))) {
      String name = Quoting.identifier(row.text(1));
      Refusal refusal = refusal("SELECT 'a' < 'b' COLLATE pg_catalog." + name);
      if (refusal != null) {
        long more = row.number(2) - 1;
        findings.blocker(
            "collation-missing",
            name,
            "is used by %s%s, and the target does not know it: %s."
                .formatted(
                    row.text(3), more > 0 ? " and %d more".formatted(more) : "", refusal.said()),
            "install the locale on the target's server and restart it; "
                + (refusal.state().equals(SqlFailures.UNDEFINED_OBJECT)
                    ? "then in the target's database: SELECT"
                        + " pg_import_system_collations('pg_catalog'); -- or, where it has it under"
                        + " another name: CREATE COLLATION pg_catalog."
                        + name
                        + " FROM …;"
                    : "or create the target's database in the source's encoding"));
      }
    }
  }

  /** They are made by the schema, all of them, whatever is left out. */
  private void collationsOfTheService() throws SQLException {
    for (Map.Entry<String, TextOrder> own : TextOrder.ofCollations(look.source()).entrySet()) {
      Refusal refusal = refusal("CREATE COLLATION pg_temp.whimbrel " + own.getValue().definition());
      if (refusal != null) {
        findings.blocker(
            "collation-missing",
            own.getKey(),
            "(%s) cannot be made on the target: %s."
                .formatted(own.getValue().words(), refusal.said()),
            "install the locale on the target's server and restart it; or give what uses it another"
                + " collation on the source, and DROP COLLATION "
                + own.getKey()
                + ";");
      }
    }
  }

  private void compression() throws SQLException {
    if (look.major(Side.SOURCE) < COMPRESSION_BY_COLUMN
        || look.major(Side.TARGET) < COMPRESSION_BY_COLUMN
        || look.holds(
            Side.TARGET,
            "EXISTS (SELECT FROM pg_settings WHERE name = 'default_toast_compression' AND 'lz4' ="
                + " ANY (enumvals))")) {
      return;
    }
    for (Look.Row row :
        look.rows(
            Side.SOURCE,
            TableChecks.NAME
                + ", string_agg(quote_ident(a.attname), ', ' ORDER BY a.attnum), string_agg("
                + "format('ALTER COLUMN %I SET COMPRESSION pglz', a.attname), ', ' ORDER BY a.attnum)"
                + TableChecks.CLASSES
                + " JOIN pg_attribute a ON a.attrelid = c.oid AND a.attcompression = 'l'"
                + " AND NOT a.attisdropped"
                + TableChecks.TABLES
                + selection.moves()
                + " AND c.relkind IN ('r', 'p', 'm') AND c.relpersistence <> 't'"
                + " GROUP BY 1 ORDER BY 1")) {
      findings.blocker(
          "compression",
          Look.shortName(row.text(1)),
          "compresses %s by LZ4, which the target's server is built without."
              .formatted(row.text(2)),
          "ALTER TABLE %s %s; -- on the source; rows that are there stay as they are"
              .formatted(row.text(1), row.text(3)));
    }
  }

  private void libraries() throws SQLException {
    Map<String, List<String>> refused = new LinkedHashMap<>();
    for (Look.Row row : look.rows(Side.SOURCE, FUNCTIONS.formatted("l.lanname = 'c'"))) {
      Refusal refusal =
          refusal(
              "CREATE FUNCTION pg_temp.whimbrel(internal) RETURNS internal LANGUAGE c AS "
                  + Quoting.literal(row.text(2))
                  + ", "
                  + Quoting.literal(row.text(3)));
      if (refusal != null) {
        refused.computeIfAbsent(refusal.said(), none -> new ArrayList<>()).add(row.text(1));
      }
    }
    refused.forEach(
        (refusal, functions) ->
            findings.blocker(
                "library",
                some(functions),
                "cannot be made on the target: " + refusal + ".",
                "install the library on the target's server, built for its version; or on the"
                    + " source, with what depends on it: DROP ROUTINE "
                    + String.join(", ", functions)
                    + ";"));
  }

  private void functionsOfSuperusers() throws SQLException {
    String role = look.role(Side.TARGET);
    List<String> untrusted = functions("NOT l.lanpltrusted");
    if (!untrusted.isEmpty()) {
      findings.blocker(
          "superusers-function",
          some(untrusted),
          "can only be made by a superuser, which %s on the target is not: its language is not trusted."
              .formatted(role),
          "ALTER ROLE %s SUPERUSER; -- on the target, until the move is over; or on the source, with what depends on it: DROP ROUTINE %s;"
              .formatted(role, String.join(", ", untrusted)));
    }
    for (String leakproof : functions("l.lanpltrusted AND p.proleakproof")) {
      findings.blocker(
          "superusers-function",
          leakproof,
          "can only be made by a superuser, which %s on the target is not: it is LEAKPROOF."
              .formatted(role),
          "ALTER ROUTINE %s NOT LEAKPROOF; -- on the source".formatted(leakproof));
    }
  }

  private List<String> functions(String condition) throws SQLException {
    return look.rows(Side.SOURCE, FUNCTIONS.formatted(condition)).stream()
        .map(row -> row.text(1))
        .toList();
  }

  /** In the server's own language, without its word for an error. */
  private static String said(SQLException e) {
    ServerErrorMessage message = e instanceof PSQLException p ? p.getServerErrorMessage() : null;
    return message == null || message.getMessage() == null
        ? SqlFailures.firstLine(e)
        : message.getMessage();
  }

  private static String some(List<String> functions) {
    int more = functions.size() - SOME;
    return functions.stream().limit(SOME).collect(joining(", "))
        + (more > 0 ? " and %d more".formatted(more) : "");
  }

  /** What the target said to a statement. */
  private record Refusal(String state, String said) {}

  /**
   * What the target says to a statement, of which nothing stays; null where it takes it, or does
   * not let this role try.
   */
  private @Nullable Refusal refusal(String sql) throws SQLException {
    Connection target = look.target();
    target.setAutoCommit(false);
    try (Statement statement = target.createStatement()) {
      // As the schema's session does it, whatever the database sets; nobody is waited for.
      statement.execute("SET TRANSACTION READ WRITE; SET LOCAL lock_timeout = '5s'");
      statement.execute(sql);
      return null;
    } catch (SQLException e) {
      if (SqlFailures.mayPass(e)) {
        throw e;
      }
      return SqlFailures.is(e, SqlFailures.INSUFFICIENT_PRIVILEGE)
          ? null
          : new Refusal(String.valueOf(e.getSQLState()), said(e));
    } finally {
      target.rollback();
      target.setAutoCommit(true);
    }
  }
}
