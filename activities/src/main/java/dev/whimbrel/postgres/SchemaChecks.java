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
import java.util.Set;
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

  /** No right, or a session that only reads: says nothing of what the schema's own session may. */
  private static final Set<String> NOT_TO_BE_TRIED =
      Set.of(SqlFailures.INSUFFICIENT_PRIVILEGE, "25006");

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

  /** All of the service's own functions of which a condition holds. */
  private static final String FUNCTIONS =
      """
      SELECT p.oid::regprocedure, p.probin::text, p.prosrc
        FROM pg_proc p JOIN pg_language l ON l.oid = p.prolang JOIN pg_namespace n ON n.oid = p.pronamespace
       WHERE n.nspname !~ '^pg_' AND n.nspname NOT IN ('information_schema', 'whimbrel')
         AND NOT EXISTS (SELECT FROM pg_depend e WHERE e.deptype = 'e'
                            AND e.classid = 'pg_proc'::regclass AND e.objid = p.oid)
         AND (%s) ORDER BY 1""";

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
    collationsOfTheSystem();
    collationsOfTheService();
    compression();
    if (look.isSuperuser(Side.TARGET)) {
      libraries();
    } else {
      functionsOfSuperusers();
    }
  }

  private void collationsOfTheSystem() throws SQLException {
    for (Look.Row row : look.rows(Side.SOURCE, USES.formatted(selection.moves("r.rel")))) {
      String name = Quoting.identifier(row.text(1));
      String refusal = refusal("SELECT 'a' < 'b' COLLATE pg_catalog." + name);
      if (refusal != null) {
        long more = row.number(2) - 1;
        findings.blocker(
            "collation-missing",
            name,
            "is used by %s%s, and the target does not know it: %s."
                .formatted(row.text(3), more > 0 ? " and %d more".formatted(more) : "", refusal),
            "install the locale on the target's server and restart it; then in the target's"
                + " database: SELECT pg_import_system_collations('pg_catalog'); -- or, where it has"
                + " it under another name: CREATE COLLATION pg_catalog."
                + name
                + " FROM …;");
      }
    }
  }

  /** They are made by the schema, all of them, whatever is left out. */
  private void collationsOfTheService() throws SQLException {
    for (Map.Entry<String, TextOrder> own : TextOrder.ofCollations(look.source()).entrySet()) {
      String refusal = refusal("CREATE COLLATION pg_temp.whimbrel " + own.getValue().definition());
      if (refusal != null) {
        findings.blocker(
            "collation-missing",
            own.getKey(),
            "(%s) cannot be made on the target: %s.".formatted(own.getValue().words(), refusal),
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
      String refusal =
          refusal(
              "CREATE FUNCTION pg_temp.whimbrel(internal) RETURNS internal LANGUAGE c AS "
                  + Quoting.literal(row.text(2))
                  + ", "
                  + Quoting.literal(row.text(3)));
      if (refusal != null) {
        refused.computeIfAbsent(refusal, none -> new ArrayList<>()).add(row.text(1));
      }
    }
    refused.forEach(
        (refusal, functions) ->
            findings.blocker(
                "library",
                some(functions),
                "cannot be made on the target: " + refusal + ".",
                "install the library on the target's server, built for its version; or on the"
                    + " source: DROP ROUTINE "
                    + String.join(", ", functions)
                    + ";"));
  }

  private void functionsOfSuperusers() throws SQLException {
    List<String> functions =
        look
            .rows(
                Side.SOURCE,
                FUNCTIONS.formatted("NOT l.lanpltrusted AND l.lanname <> 'sql' OR p.proleakproof"))
            .stream()
            .map(row -> row.text(1))
            .toList();
    if (!functions.isEmpty()) {
      String role = look.role(Side.TARGET);
      findings.blocker(
          "superusers-function",
          some(functions),
          "can only be made by a superuser, which %s on the target is not: written in a language that is not trusted, or LEAKPROOF."
              .formatted(role),
          "ALTER ROLE %s SUPERUSER; -- on the target, until the move is over; or on the source: DROP ROUTINE %s;"
              .formatted(role, String.join(", ", functions)));
    }
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

  /**
   * What the target says to a statement, of which nothing stays; null where it takes it, or does
   * not let this role try.
   */
  private @Nullable String refusal(String sql) throws SQLException {
    Connection target = look.target();
    target.setAutoCommit(false);
    try (Statement statement = target.createStatement()) {
      statement.execute(sql);
      return null;
    } catch (SQLException e) {
      if (SqlFailures.mayPass(e)) {
        throw e;
      }
      return NOT_TO_BE_TRIED.contains(String.valueOf(e.getSQLState())) ? null : said(e);
    } finally {
      target.rollback();
      target.setAutoCommit(true);
    }
  }
}
