package dev.whimbrel.postgres;

import dev.whimbrel.activity.Side;
import java.sql.Connection;
import java.sql.SQLException;
import java.util.ArrayList;
import java.util.HashSet;
import java.util.List;
import java.util.Optional;
import java.util.Set;

/** What the two databases must have in common before anything is carried. */
final class DatabaseChecks {
  private final Look look;
  private final Findings findings;

  DatabaseChecks(Look look, Findings findings) {
    this.look = look;
    this.findings = findings;
  }

  /**
   * Looks at all of it.
   *
   * @param bytes how much of the source moves
   */
  void run(long bytes) throws SQLException {
    claimed();
    emptyTarget();
    extensions();
    encoding();
    roles();
    new PasswordChecks(look, findings).run();
    tablespaces();
    otherStreams();
    disk(bytes);
  }

  /**
   * What a clone of the source needs; it changes nothing there, whoever holds it.
   *
   * @param bytes how much of the source is cloned
   */
  void runForClone(long bytes) throws SQLException {
    String run = look.move().migration();
    String ofThisClone = run.substring(0, run.indexOf('~') + 1);
    Optional<Authority.Row> holder = Authority.read(look.target());
    if (holder.isEmpty()) {
      emptyTarget();
    } else if (!holder.get().migration().startsWith(ofThisClone)) {
      claimed(Side.TARGET);
    }
    extensions();
    encoding();
    roles();
    tablespaces();
    disk(bytes);
  }

  private void claimed() throws SQLException {
    for (Side side : Side.values()) {
      claimed(side);
    }
  }

  private void claimed(Side side) throws SQLException {
    Optional<Authority.Row> held = Authority.read(look.on(side));
    if (held.isEmpty() || held.get().migration().equals(look.move().migration())) {
      return;
    }
    String holder = held.get().migration();
    if (side == Side.SOURCE || !KeptTarget.isReported(look, findings, holder)) {
      findings.blocker(
          "claimed",
          side.word(),
          "belongs to %s (as its %s, since %s)."
              .formatted(
                  CloneTarget.words(holder), held.get().side().word(), held.get().changedAt()),
          "end that first: " + CloneTarget.command(holder));
    }
  }

  private void emptyTarget() throws SQLException {
    if (KeptTarget.isReported(look, findings, look.move().migration())) {
      return;
    }
    if (look.holds(Side.TARGET, "to_regclass('whimbrel.created') IS NOT NULL")
        && look.holds(Side.TARGET, "EXISTS (SELECT FROM whimbrel.created)")) {
      return; // what is there was created by this migration: it is run again
    }
    List<String> found = objects(look.target());
    if (found.isEmpty()) {
      return;
    }
    findings.blocker(
        "target-not-empty",
        "target",
        "is not empty: it holds %s. A migration never mixes with what is there: drop it, or move"
                .formatted(some(found))
            + " into an empty database and name that one in the runbook.",
        "DROP SCHEMA public CASCADE; CREATE SCHEMA public; -- or CREATE DATABASE "
            + look.database(Side.TARGET).replaceAll("\"$", "")
            + "_new"
            + (look.database(Side.TARGET).endsWith("\"") ? "\";" : ";"));
  }

  /** Relations that a database holds, without those of PostgreSQL, extensions and Whimbrel. */
  static List<String> objects(Connection database) throws SQLException {
    return PublishedTables.names(
        database,
        "SELECT format('%I.%I', n.nspname, c.relname) FROM pg_class c JOIN pg_namespace n"
            + " ON n.oid = c.relnamespace WHERE n.nspname !~ '^pg_' AND n.nspname NOT IN"
            + " ('information_schema', 'whimbrel') AND c.relkind IN ('r', 'p', 'v', 'm', 'S',"
            + " 'f') AND c.relpersistence <> 't' AND NOT EXISTS (SELECT FROM pg_depend e WHERE"
            + " e.classid = 'pg_class'::regclass AND e.objid = c.oid AND e.deptype IN ('e',"
            + " 'i', 'a')) ORDER BY 1");
  }

  /** The first of them, and how many more there are. */
  static String some(List<String> objects) {
    List<String> names = objects.stream().limit(5).map(Look::shortName).toList();
    return String.join(", ", names)
        + (objects.size() > names.size() ? " and %d more".formatted(objects.size() - 5) : "");
  }

  private void extensions() throws SQLException {
    Set<String> available = new HashSet<>();
    look.rows(Side.TARGET, "SELECT name FROM pg_available_extensions")
        .forEach(row -> available.add(row.text(1)));
    for (Look.Row row :
        look.rows(
            Side.SOURCE,
            "SELECT extname, extversion, extconfig IS NOT NULL FROM pg_extension"
                + " WHERE extname <> 'plpgsql' ORDER BY 1")) {
      String name = row.text(1);
      if (!available.contains(name)) {
        findings.blocker(
            "extension",
            name,
            "the extension (version " + row.text(2) + ") is not available on the target.",
            "install its package on the target's server, or on the source: DROP EXTENSION "
                + Quoting.identifier(name)
                + ";");
        continue;
      }
      String there =
          look.row(
                  Side.TARGET,
                  "SELECT default_version FROM pg_available_extensions WHERE name = "
                      + Quoting.literal(name))
              .text(1);
      if (!there.equals(row.text(2))) {
        findings.note(
            "extension-version",
            name,
            "version " + row.text(2) + " on the source becomes " + there + " on the target");
      }
      if (row.holds(3)) {
        findings.warning(
            "extension-configuration",
            name,
            "keeps rows of its own, such as scheduled jobs, which are not carried.",
            "carry them by hand, or say that they are not needed");
      }
    }
  }

  private void encoding() throws SQLException {
    String sql =
        "SELECT pg_encoding_to_char(encoding), datcollate, datctype FROM pg_database"
            + " WHERE datname = current_database()";
    Look.Row source = look.row(Side.SOURCE, sql);
    Look.Row target = look.row(Side.TARGET, sql);
    TextOrder order = TextOrder.ofDatabase(look.source());
    TextOrder there = TextOrder.ofDatabase(look.target());
    String create =
        "CREATE DATABASE %s TEMPLATE template0 ENCODING '%s' LC_COLLATE '%s' LC_CTYPE '%s'%s;"
            .formatted(
                look.database(Side.TARGET),
                source.text(1),
                source.text(2),
                source.text(3),
                look.major(Side.TARGET) < 15 ? "" : " " + order.ofNewDatabase());
    if (!source.text(1).equals(target.text(1)) && !target.text(1).equals("UTF8")) {
      findings.blocker(
          "encoding",
          "target",
          "has encoding " + target.text(1) + ", the source " + source.text(1) + ".",
          create);
    }
    if (!order.sameAs(there)) {
      findings.warning(
          "collation",
          "target",
          "sorts by %s, the source by %s.".formatted(there.words(), order.words()),
          create);
    }
  }

  private void roles() throws SQLException {
    boolean mayCreate =
        look.holds(
            Side.TARGET, "rolsuper OR rolcreaterole FROM pg_roles WHERE rolname = current_user");
    List<Roles.Role> missing = Roles.missing(Roles.needed(look.source()), look.target());
    for (Roles.Role role : missing) {
      if (mayCreate && !role.mayLogin()) {
        findings.note(
            "role", role.plain(), "does not exist on the target and will be created there");
      } else if (mayCreate) {
        findings.warning(
            "role",
            role.plain(),
            "does not exist on the target and will be created there without a password.",
            "ALTER ROLE " + role.name() + " PASSWORD '…'; -- on the target, after the schema step");
      } else {
        findings.blocker(
            "role",
            role.plain(),
            "does not exist on the target, and " + look.role(Side.TARGET) + " may not create it.",
            "CREATE ROLE " + role.name() + " " + role.attributes() + ";");
      }
    }
  }

  private void tablespaces() throws SQLException {
    Set<String> there = new HashSet<>();
    look.rows(Side.TARGET, "SELECT spcname FROM pg_tablespace")
        .forEach(row -> there.add(row.text(1)));
    List<String> missing = new ArrayList<>(new SourceCatalog(look.source()).tablespaces());
    missing.removeAll(there);
    if (!missing.isEmpty()) {
      findings.warning(
          "tablespace",
          String.join(", ", missing),
          "does not exist on the target: everything goes to its default tablespace.",
          "CREATE TABLESPACE " + Quoting.identifier(missing.get(0)) + " LOCATION '…';");
    }
  }

  private void otherStreams() throws SQLException {
    String own = " !~ '^whimbrel_'";
    for (Look.Row row :
        look.rows(
            Side.SOURCE,
            "SELECT slot_name, plugin, active FROM pg_replication_slots WHERE slot_type = 'logical'"
                + " AND database = current_database() AND NOT temporary AND slot_name"
                + own
                + " AND slot_name !~ '^pg_[0-9]+_sync_'")) {
      findings.warning(
          "logical-slot",
          row.text(1),
          "somebody reads changes of the source through this slot (%s, %s): they end with the switchover."
              .formatted(row.text(2), row.holds(3) ? "in use" : "idle"),
          "set its consumer up on the target before the cutover");
    }
    for (Look.Row row :
        look.rows(
            Side.SOURCE, "SELECT quote_ident(pubname) FROM pg_publication WHERE pubname" + own)) {
      findings.warning(
          "publication",
          row.text(1),
          "is somebody else's publication and is not carried.",
          "create it on the target before the cutover");
    }
    for (Look.Row row :
        look.rows(
            Side.SOURCE,
            "SELECT quote_ident(subname) FROM pg_subscription WHERE subdbid = (SELECT oid FROM"
                + " pg_database WHERE datname = current_database()) AND subname"
                + own)) {
      findings.blocker(
          "subscription",
          row.text(1),
          "the source is filled by this subscription, whose stream passes the fence.",
          "DROP SUBSCRIPTION " + row.text(1) + "; -- or point it to the target first");
    }
  }

  private void disk(long bytes) {
    long needed = Size.ofCopy(bytes);
    String declared = look.move().target().storage();
    if (declared == null) {
      findings.note(
          "storage",
          "target",
          "needs about "
              + Size.words(needed)
              + "; the runbook does not say what it has (storage:)");
      return;
    }
    long bought = Size.parse(declared);
    if (bought < needed) {
      findings.blocker(
          "storage",
          "target",
          "needs about %s (the source holds %s), and has %s."
              .formatted(Size.words(needed), Size.words(bytes), declared),
          "enlarge the target's storage, then correct target.postgres.storage");
    } else if (bought - needed < bought / 5) {
      findings.warning(
          "storage",
          "target",
          "will be more than 80 percent full: %s of %s.".formatted(Size.words(needed), declared),
          "enlarge the target's storage");
    }
  }
}
