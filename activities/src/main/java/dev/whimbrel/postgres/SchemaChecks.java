package dev.whimbrel.postgres;

import dev.whimbrel.activity.Side;
import java.sql.SQLException;
import java.util.Set;
import java.util.TreeSet;

/**
 * What the source's schema wants of a server, and the target's may not have: collations of its
 * system, libraries of functions, a way to compress. Each would stop the migration in the middle of
 * the schema.
 */
final class SchemaChecks {
  private static final int COMPRESSION_BY_COLUMN = 14;

  /**
   * What uses a collation that came with the source's server; {@code rel} is the relation that it
   * belongs to. A domain's array follows the domain.
   */
  private static final String USES =
      """
      SELECT o.collname, o.collprovider, count(*), min(pg_describe_object(d.classid, d.objid, d.objsubid))
        FROM pg_depend d JOIN pg_collation o ON o.oid = d.refobjid
             LEFT JOIN pg_index i ON d.classid = 'pg_class'::regclass AND i.indexrelid = d.objid
             LEFT JOIN pg_rewrite w ON d.classid = 'pg_rewrite'::regclass AND w.oid = d.objid
             LEFT JOIN pg_constraint k ON d.classid = 'pg_constraint'::regclass AND k.oid = d.objid
             LEFT JOIN pg_attrdef a ON d.classid = 'pg_attrdef'::regclass AND a.oid = d.objid
             CROSS JOIN LATERAL (SELECT coalesce(i.indrelid, w.ev_class, nullif(k.conrelid, 0), a.adrelid,
                 CASE WHEN d.classid = 'pg_class'::regclass THEN d.objid END)) r(rel)
       WHERE d.refclassid = 'pg_collation'::regclass AND o.collnamespace = 'pg_catalog'::regnamespace
         AND NOT EXISTS (SELECT FROM pg_depend e WHERE e.deptype = 'e'
                            AND (e.classid, e.objid) IN ((d.classid, d.objid), ('pg_class'::regclass, r.rel)))
         AND NOT EXISTS (SELECT FROM pg_type y WHERE d.classid = 'pg_type'::regclass AND y.oid = d.objid
                            AND y.typinput = 'array_in'::regproc)
         AND (r.rel IS NULL OR %s)
       GROUP BY 1, 2 ORDER BY 1""";

  private static final String LIBRARIES =
      """
      SELECT p.probin::text, count(*), min(p.oid::regprocedure::text)
        FROM pg_proc p JOIN pg_language l ON l.oid = p.prolang JOIN pg_namespace n ON n.oid = p.pronamespace
       WHERE l.lanname = 'c' AND n.nspname !~ '^pg_' AND n.nspname NOT IN ('information_schema', 'whimbrel')
         AND NOT EXISTS (SELECT FROM pg_depend e WHERE e.deptype = 'e'
                            AND e.classid = 'pg_proc'::regclass AND e.objid = p.oid)
       GROUP BY 1 ORDER BY 1""";

  private final Look look;
  private final Findings findings;
  private final Selection selection;

  SchemaChecks(Look look, Findings findings, Selection selection) {
    this.look = look;
    this.findings = findings;
    this.selection = selection;
  }

  void run() throws SQLException {
    collations();
    compression();
    libraries();
  }

  private void collations() throws SQLException {
    Set<String> known = new TreeSet<>();
    look.rows(
            Side.TARGET,
            "SELECT collname FROM pg_collation WHERE collnamespace = 'pg_catalog'::regnamespace AND"
                + " collencoding IN (-1, (SELECT encoding FROM pg_database WHERE datname ="
                + " current_database()))")
        .forEach(row -> known.add(row.text(1)));
    for (Look.Row row : look.rows(Side.SOURCE, USES.formatted(selection.moves("r.rel")))) {
      if (known.contains(row.text(1))) {
        continue;
      }
      findings.blocker(
          "collation-missing",
          Quoting.identifier(row.text(1)),
          "is not known to the target's server, and used by %s%s."
              .formatted(row.text(4), andMore(row.number(3))),
          (row.text(2).equals("c")
                  ? "install the locale on the target's server, then there:"
                      + " SELECT pg_import_system_collations('pg_catalog');"
                  : "move to a server that is built with ICU, or knows this locale of it")
              + " -- or give what uses it another collation on the source");
    }
  }

  private static String andMore(long count) {
    return count > 1 ? " and %d more".formatted(count - 1) : "";
  }

  private void compression() throws SQLException {
    if (look.major(Side.SOURCE) < COMPRESSION_BY_COLUMN
        || look.holds(
            Side.TARGET,
            "'lz4' = ANY (enumvals) FROM pg_settings WHERE name = 'default_toast_compression'")) {
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
                + " AND c.relkind IN ('r', 'p', 'm') GROUP BY 1 ORDER BY 1")) {
      findings.blocker(
          "compression",
          Look.shortName(row.text(1)),
          "compresses %s by LZ4, which the target's server is built without."
              .formatted(row.text(2)),
          "ALTER TABLE %s %s; -- on the source; rows that are there stay as they are"
              .formatted(row.text(1), row.text(3)));
    }
  }

  /** At last: what is loaded stays in the session. */
  private void libraries() throws SQLException {
    for (Look.Row row : look.rows(Side.SOURCE, LIBRARIES)) {
      String functions = row.text(3) + andMore(row.number(2));
      if (!look.isSuperuser(Side.TARGET)) {
        findings.blocker(
            "library",
            row.text(1),
            "holds %s, written in C, which only a superuser may create; %s on the target is none."
                .formatted(functions, look.role(Side.TARGET)),
            "ALTER ROLE %s SUPERUSER; -- on the target, or DROP FUNCTION on the source"
                .formatted(look.role(Side.TARGET)));
        continue;
      }
      try {
        look.run(Side.TARGET, "LOAD " + Quoting.literal(row.text(1)));
      } catch (SQLException e) {
        if (SqlFailures.mayPass(e)) {
          throw e;
        }
        findings.blocker(
            "library",
            row.text(1),
            "holds %s, and the target's server does not load it: %s."
                .formatted(functions, SqlFailures.firstLine(e).replaceFirst("^ERROR: ", "")),
            "install it on the target's server, for its version; or DROP FUNCTION on the source");
      }
    }
  }
}
