package dev.whimbrel.postgres;

import dev.whimbrel.activity.Side;
import dev.whimbrel.postgres.Selection.Relation;
import dev.whimbrel.runbook.NearestWord;
import dev.whimbrel.runbook.TablePattern;
import dev.whimbrel.runbook.TablesSpec;
import java.sql.SQLException;
import java.util.ArrayList;
import java.util.LinkedHashSet;
import java.util.List;
import java.util.Set;
import java.util.function.Predicate;
import java.util.stream.Collectors;

/** What of the source the runbook leaves out, and whether the rest can do without it. */
final class SelectionChecks {
  private static final String TABLES = "replicate.tables";

  /** A plan is read by people, and travels through a workflow's history. */
  private static final int SHOWN = 200;

  private static final int REFUSALS = 50;

  private static final long PAGE = 8192;

  /** Indexes and what is stored beside the rows belong to it. */
  private static final String PAGES =
      """
      SELECT coalesce(sum(c.relpages::bigint + coalesce(t.relpages, 0) + coalesce(
               (SELECT sum(x.relpages) FROM pg_index i JOIN pg_class x ON x.oid = i.indexrelid
                 WHERE i.indrelid IN (c.oid, t.oid)), 0)), 0)::bigint
        FROM pg_class c LEFT JOIN pg_class t ON t.oid = c.reltoastrelid
       WHERE c.relkind IN ('r', 'm') AND c.oid IN (SELECT unnest(%s))""";

  private static final String WRITTEN =
      """
      SELECT relid::bigint FROM pg_stat_user_tables
       WHERE n_tup_ins + n_tup_upd + n_tup_del > 0 AND relid IN (SELECT unnest(%s)) ORDER BY 1""";

  /** Functions of triggers on what moves whose text holds the name of something that stays. */
  private static final String NAMING =
      """
      SELECT f.name, c.oid::bigint
        FROM (SELECT DISTINCT format('%%I.%%I', pn.nspname, p.proname) AS name, lower(p.prosrc) AS text
                FROM pg_trigger t JOIN pg_proc p ON p.oid = t.tgfoid
                JOIN pg_namespace pn ON pn.oid = p.pronamespace
               WHERE NOT t.tgisinternal AND t.tgrelid NOT IN (SELECT unnest(%1$s))
                 AND pn.nspname NOT IN ('pg_catalog', 'whimbrel')) f
        JOIN pg_class c ON c.oid IN (SELECT unnest(%2$s)) AND c.relkind IN ('r', 'p', 'v', 'f')
       WHERE position(lower(c.relname) IN f.text) > 0
         AND f.text ~ ('\\m' || regexp_replace(lower(c.relname), '(\\W)', '\\\\\\1', 'g') || '\\M')
       ORDER BY 1, 2 LIMIT 20""";

  /** Foreign keys from what stays, or stays empty, to what moves with its rows. */
  private static final String KEYS_FROM =
      """
      SELECT conrelid::bigint, confrelid::bigint, quote_ident(conname) FROM pg_constraint
       WHERE contype = 'f' AND conparentid = 0 AND conrelid IN (SELECT unnest(%s))
         AND confrelid NOT IN (SELECT unnest(%s)) ORDER BY 3""";

  private final Look look;
  private final Findings findings;
  private final Selection selection;

  SelectionChecks(Look look, Findings findings, Selection selection) {
    this.look = look;
    this.findings = findings;
    this.selection = selection;
  }

  void run() throws SQLException {
    TablesSpec tables = look.move().tables();
    if (tables == null) {
      return;
    }
    patterns(tables);
    leftOut();
    severed();
    keysFrom();
    naming();
  }

  /** For a clone: its source is closed to nobody, and nobody goes back to it. */
  void runForClone() throws SQLException {
    TablesSpec tables = look.move().tables();
    if (tables == null) {
      return;
    }
    patterns(tables);
    if (!selection.leftOut().isEmpty()) {
      findings.note("left-out", "source", staying());
    }
    severed();
    naming();
  }

  private void patterns(TablesSpec tables) {
    known("include", tables.include(), false);
    known("exclude", tables.exclude(), false);
    known("excludeData", tables.excludeData(), true);
    alone("exclude", tables.exclude(), each -> !selection.leftOut().contains(each));
    alone(
        "excludeData",
        tables.excludeData(),
        each -> each.isTable() && !selection.keepingRows().contains(each));
    alone("include", tables.include(), selection.leftOut()::contains);
    if (!selection.leftOut().isEmpty() && selection.leftOut().size() == selection.all().size()) {
      findings.blocker("tables", TABLES, "nothing would move.", "correct the patterns");
    }
  }

  /** About how many bytes of the source move; what stays is counted as its statistics have it. */
  static long bytes(Look look, Selection selection) throws SQLException {
    List<Relation> staying = selection.keepingRows();
    long all = look.number(Side.SOURCE, "SELECT pg_database_size(current_database())");
    return staying.isEmpty()
        ? all
        : Math.max(
            0, all - PAGE * look.number(Side.SOURCE, PAGES.formatted(Selection.oids(staying))));
  }

  /** A pattern that finds nothing is a slip of the pen, or there is nothing just now. */
  private void known(String key, List<String> patterns, boolean ofTables) {
    List<Relation> relations =
        selection.all().stream().filter(each -> !ofTables || each.isTable()).toList();
    for (TablePattern pattern : Selection.patterns(patterns)) {
      List<Relation> found = relations.stream().filter(each -> each.matches(pattern)).toList();
      boolean comesAndGoes =
          !key.equals("include")
              && pattern.isForMany()
              && selection.all().stream().anyMatch(each -> pattern.matchesSchema(each.schema()));
      if (found.isEmpty() && comesAndGoes) {
        findings.warning(
            "tables",
            TABLES + "." + key,
            "'%s' finds no table of the source now: what it should leave out MOVES unless it has such a name when it is made."
                .formatted(pattern),
            null);
      } else if (found.isEmpty()) {
        String near =
            NearestWord.of(pattern.toString(), relations.stream().map(Relation::label).toList());
        findings.blocker(
            "tables",
            TABLES + "." + key,
            "'%s' finds no table of the source.%s"
                .formatted(pattern, near == null ? "" : " Did you mean '" + near + "'?"),
            "correct the pattern, or take it out");
      } else if (ofTables && selection.leftOut().containsAll(found)) {
        findings.blocker(
            "tables",
            TABLES + "." + key,
            "'%s' finds only what is left out altogether.".formatted(pattern),
            "take it out");
      }
    }
  }

  /** What goes with something else can neither stay nor move by itself. */
  private void alone(String key, List<String> patterns, Predicate<Relation> elsewhere) {
    List<TablePattern> parsed = Selection.patterns(patterns);
    List<TablePattern> excluded = Selection.patterns(excluded());
    List<Relation> torn =
        selection.all().stream()
            .filter(Relation::follows)
            .filter(each -> each.matchesAny(parsed) && elsewhere.test(each))
            .filter(each -> !key.equals("include") || !each.matchesAny(excluded))
            .filter(each -> !key.equals("include") || !selection.leading(each).matchesAny(excluded))
            .toList();
    if (!torn.isEmpty()) {
      findings.blocker(
          "tables",
          TABLES + "." + key,
          "%s cannot be chosen alone: %s goes with %s. Partitions go with their root, sequences with the table that owns them."
              .formatted(
                  Selection.names(torn, 5),
                  torn.get(0).label(),
                  selection.leading(torn.get(0)).label()),
          Selection.line(key, leaders(torn)) + "; or a pattern that does not find it");
    }
  }

  private void leftOut() throws SQLException {
    if (!selection.leftOut().isEmpty()) {
      findings.note(
          "left-out",
          "source",
          staying()
              + ". After the hand-over they are closed on the source like everything else, and open again after a rollback, as they were");
    }
    written(selection.leftOut());
    List<Relation> empty =
        selection.withoutRows().stream().filter(each -> !each.follows()).toList();
    if (!empty.isEmpty()) {
      findings.warning(
          "rows-left-out",
          "source",
          "the rows of %s do not move, as the runbook says: on the target these begin empty. WHAT IS WRITTEN TO THEM THERE DOES NOT COME BACK with a rollback: it stays on the target, which is kept then."
              .formatted(Selection.names(empty, SHOWN)),
          null);
    }
  }

  private String staying() throws SQLException {
    List<Relation> out = selection.leftOut();
    return "%s not moved, as the runbook says, with about %s: %s"
        .formatted(
            out.size() == 1 ? "1 relation is" : "%,d relations are".formatted(out.size()),
            Size.words(PAGE * look.number(Side.SOURCE, PAGES.formatted(Selection.oids(out)))),
            Selection.names(out, SHOWN));
  }

  /** Whoever shares the database with the service is stopped with it. */
  private void written(List<Relation> out) throws SQLException {
    if (out.isEmpty()) {
      return;
    }
    List<Relation> written = new ArrayList<>();
    for (Look.Row row : look.rows(Side.SOURCE, WRITTEN.formatted(Selection.oids(out)))) {
      Relation relation = selection.find(row.number(1));
      if (relation != null) {
        written.add(relation);
      }
    }
    if (!written.isEmpty()) {
      findings.warning(
          "left-out-written",
          "source",
          "%s: written to, as the statistics have it, and not moved: WHOEVER WRITES THERE IS REFUSED from the hand-over on."
              .formatted(Selection.names(written, 20)),
          null);
    }
  }

  /** No catalog knows what a function's text names: it may, or may not, mean the table. */
  private void naming() throws SQLException {
    if (selection.leftOut().isEmpty()) {
      return;
    }
    for (Look.Row row :
        look.rows(
            Side.SOURCE,
            NAMING.formatted(
                Selection.oids(selection.leftOut()),
                Selection.oids(
                    selection.leftOut().stream().filter(each -> !each.follows()).toList())))) {
      Relation named = selection.find(row.number(2));
      if (named != null) {
        findings.warning(
            "trigger-names-left-out",
            Look.shortName(row.text(1)),
            "is a trigger function of a table that moves, and its text holds the name of %s, which does not: where it writes there, EVERY WRITE TO ITS TABLE FAILS on the target."
                .formatted(named.label()),
            "let %s move too, or take the trigger off".formatted(selection.leading(named).label()));
      }
    }
  }

  private void severed() throws SQLException {
    List<Severed> all = Severed.all(selection, look.source());
    for (Severed one : all.subList(0, Math.min(REFUSALS, all.size()))) {
      findings.blocker("tables", one.what(), "needs " + one.needs() + ".", one.fix());
    }
    if (all.size() > REFUSALS) {
      findings.note("tables", TABLES, "%d more of this kind".formatted(all.size() - REFUSALS));
    }
  }

  private void keysFrom() throws SQLException {
    if (selection.keepingRows().isEmpty()) {
      return;
    }
    String staying = Selection.oids(selection.keepingRows());
    Set<Relation> out = new LinkedHashSet<>(selection.leftOut());
    for (Look.Row row : look.rows(Side.SOURCE, KEYS_FROM.formatted(staying, staying))) {
      Relation from = selection.find(row.number(1));
      Relation to = selection.find(row.number(2));
      if (from == null || to == null) {
        continue;
      }
      findings.warning(
          "key-from-left-out",
          from.label(),
          out.contains(from)
              ? "refers to %1$s, which moves (foreign key %2$s): after a rollback its rows may refer to rows of %1$s that were deleted on the target, and TRUNCATE of %1$s there would stop the way back."
                  .formatted(to.label(), row.text(3))
              : "refers to %1$s, whose rows move (foreign key %2$s): after a rollback its rows on the source may refer to rows of %1$s that were deleted on the target, and TRUNCATE %1$s CASCADE would stop the stream, there and back."
                  .formatted(to.label(), row.text(3)),
          null);
    }
  }

  private List<String> excluded() {
    TablesSpec tables = look.move().tables();
    return tables == null ? List.of() : tables.exclude();
  }

  private Set<String> leaders(List<Relation> followers) {
    return followers.stream()
        .limit(5)
        .map(each -> selection.leading(each).label())
        .collect(Collectors.toCollection(LinkedHashSet::new));
  }
}
