package dev.whimbrel.postgres;

import dev.whimbrel.activity.Failures;
import dev.whimbrel.activity.Move;
import dev.whimbrel.activity.Progress;
import dev.whimbrel.secrets.Secrets;
import java.sql.Connection;
import java.sql.ResultSet;
import java.sql.SQLException;
import java.sql.Statement;
import java.util.ArrayList;
import java.util.Comparator;
import java.util.HashSet;
import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.function.Predicate;
import org.jspecify.annotations.Nullable;

/**
 * Carries entries of the source's schema that the target does not have yet. What is created and the
 * record of it are one transaction, so an attempt that dies anywhere leaves nothing half done.
 */
final class SchemaCopy implements AutoCloseable {
  /** Enough that round trips do not count, few enough that the default lock table holds them. */
  private static final int TOGETHER = 200;

  private final SchemaSession target;

  private final SourceCatalog catalog;
  private final SchemaArchive archive;

  /** The source is closed, and the functions that write large objects are taken there. */
  private final boolean taken;

  private SchemaCopy(
      SchemaSession target, SourceCatalog catalog, SchemaArchive archive, boolean taken) {
    this.target = target;
    this.catalog = catalog;
    this.archive = archive;
    this.taken = taken;
  }

  /**
   * Dumps the source's schema, as far as it moves. The session, with its lock, was opened before.
   *
   * @throws io.temporal.failure.ApplicationFailure {@code NeedsHelp} where what moves needs what
   *     does not
   */
  static SchemaCopy of(Connection source, SchemaSession target, Move move, Secrets secrets)
      throws SQLException {
    return of(source, target, move, secrets, null);
  }

  /**
   * As {@link #of(Connection, SchemaSession, Move, Secrets)}, as a snapshot shows it.
   *
   * @param snapshot the name under which {@code source}, which sees it, exports it; null for the
   *     schema of now
   */
  static SchemaCopy of(
      Connection source,
      SchemaSession target,
      Move move,
      Secrets secrets,
      @Nullable String snapshot)
      throws SQLException {
    Severed.refuse(move, source);
    SourceCatalog catalog = new SourceCatalog(source);
    PgTools tools = PgTools.find(catalog.major(), System.getenv());
    SchemaArchive archive =
        SchemaArchive.dump(
            tools,
            move.source(),
            secrets,
            Names.applicationName(move.migration(), "schema"),
            DumpChoice.patterns(move, Selection.of(move, source)),
            snapshot);
    try {
      DumpChoice.check(archive, Selection.of(move, source));
      return new SchemaCopy(target, catalog, archive, LargeObjectFence.isTaken(source));
    } catch (SQLException | RuntimeException e) {
      archive.close();
      throw e;
    }
  }

  /** Creates everything of {@code pg_dump}'s pre-data section, some hundred entries at a time. */
  int createTables() throws SQLException {
    List<SchemaEntry> entries = remaining("pre-data", entry -> true);
    for (int from = 0; from < entries.size(); from += TOGETHER) {
      List<SchemaEntry> batch = entries.subList(from, Math.min(from + TOGETHER, entries.size()));
      SchemaScript script = archive.script(batch, keepsTablespaces());
      target.create(
          batch, complete(script, batch), script.drops(), at(batch.get(0), from, entries.size()));
    }
    return entries.size();
  }

  /** Creates keys alone, each in its own transaction. */
  int createKeys() throws SQLException {
    Set<Long> keys = catalog.keys();
    return createOneByOne(
        remaining(
            "post-data",
            entry ->
                keys.contains(entry.oid())
                    && (entry.isType("CONSTRAINT") || entry.isType("INDEX"))),
        Set.of());
  }

  /**
   * A key or an index of one table, which can be created as soon as its rows are there.
   *
   * @param table the table's oid on the source
   * @param key whether it is a constraint, which nobody else may work beside
   * @param entry the key under which the ledger knows it
   * @param sql what creates it, by itself
   */
  record TableEntry(long table, boolean key, String entry, String sql) {}

  /** Keys and indexes that belong to one table alone, and are not there yet. */
  List<TableEntry> ofTables() throws SQLException {
    Map<Long, Long> tables = catalog.tablesOfIndexes();
    List<SchemaEntry> entries =
        remaining(
            "post-data",
            entry ->
                tables.containsKey(entry.oid())
                    && (entry.isType("CONSTRAINT") || entry.isType("INDEX")));
    List<TableEntry> found = new ArrayList<>();
    if (entries.isEmpty()) {
      return found;
    }
    SchemaScript script = complete(archive.script(entries, keepsTablespaces()), entries);
    Map<SchemaEntry, String> alone = script.standingAlone();
    for (SchemaEntry entry : entries) {
      String sql = alone.getOrDefault(entry, "");
      found.add(
          new TableEntry(
              tables.getOrDefault(entry.oid(), 0L),
              // CLUSTER ON and REPLICA IDENTITY would wait for the table's other builds.
              entry.isType("CONSTRAINT") || sql.contains("\nALTER TABLE "),
              entry.key(),
              sql));
    }
    return found;
  }

  /**
   * What is created behind the rows and belongs to no table alone.
   *
   * @param sql what creates it, by itself
   * @param undo what drops it again; empty where it goes with its table
   */
  record LaterEntry(SchemaEntry entry, String sql, String undo) {}

  /**
   * Everything that comes behind the rows, in its order. Foreign keys are left to {@link
   * ForeignKeys#validate}.
   *
   * @param listed keys of entries that come with their tables
   */
  List<LaterEntry> later(Set<String> listed) throws SQLException {
    List<SchemaEntry> entries = remaining("post-data", entry -> !listed.contains(entry.key()));
    List<LaterEntry> later = new ArrayList<>();
    if (!entries.isEmpty()) {
      scriptOf(entries, catalog.foreignKeysToValidate())
          .standingAlone()
          .forEach((entry, sql) -> later.add(new LaterEntry(entry, sql, undo(entry))));
    }
    return later;
  }

  /**
   * Creates whatever is left, each in its own transaction: an index may take hours. Foreign keys
   * are left to {@link ForeignKeys#validate}.
   */
  int createRest() throws SQLException {
    List<SchemaEntry> entries = new ArrayList<>(remaining("pre-data", entry -> true));
    if (!entries.isEmpty()) {
      throw Failures.needsHelp(
          "Cannot create indexes and constraints: since the schema was carried, the source has got "
              + entries.get(0).label().strip()
              + (entries.size() == 1 ? "" : " and " + (entries.size() - 1) + " more"),
          "do not change the schema during a migration: take the change back on the source, or roll"
              + " the migration back and start again",
          null);
    }
    return createOneByOne(remaining("post-data", entry -> true), catalog.foreignKeysToValidate());
  }

  @Override
  public void close() {
    archive.close();
  }

  private int createOneByOne(List<SchemaEntry> entries, Set<Long> validatedLater)
      throws SQLException {
    int done = 0;
    for (int from = 0; from < entries.size(); from += TOGETHER) {
      List<SchemaEntry> batch = entries.subList(from, Math.min(from + TOGETHER, entries.size()));
      SchemaScript script = scriptOf(batch, validatedLater);
      for (SchemaEntry entry : batch) {
        target.create(List.of(entry), script, undo(entry), at(entry, done, entries.size()));
        done++;
      }
    }
    return done;
  }

  private SchemaScript scriptOf(List<SchemaEntry> batch, Set<Long> validatedLater)
      throws SQLException {
    return complete(archive.script(batch, keepsTablespaces()), batch)
        .changed(
            entry -> validatedLater.contains(entry.oid()) && entry.isType("FK CONSTRAINT"),
            ForeignKeys::notValid);
  }

  /** What goes away with its table needs no undo; these do not. */
  private String undo(SchemaEntry entry) {
    boolean staysBehind = entry.isType("FK CONSTRAINT") || entry.isType("EVENT TRIGGER");
    return staysBehind ? archive.script(List.of(entry), true).drops() : "";
  }

  private List<SchemaEntry> remaining(String section, Predicate<SchemaEntry> wanted)
      throws SQLException {
    Set<String> done = target.ledger().done();
    Set<Long> own = catalog.ownTriggers();
    Map<Long, String> schemas = catalog.schemas();
    Map<Long, String> extensions = catalog.extensions();
    Set<String> present = namesOnTarget("SELECT nspname FROM pg_namespace");
    Set<String> installed = namesOnTarget("SELECT extname FROM pg_extension");
    return archive.entries(section).stream()
        .filter(entry -> !done.contains(entry.key()))
        .filter(entry -> !(entry.isType("TRIGGER") && own.contains(entry.oid())))
        .filter(entry -> !(entry.isType("EVENT TRIGGER") && own.contains(entry.oid())))
        .filter(entry -> !entry.label().startsWith("COMMENT - EXTENSION "))
        .filter(
            entry ->
                !(taken && entry.label().matches("ACL pg_catalog FUNCTION (lo_|lowrite\\().*")))
        .filter(
            entry ->
                !entry.isType("EXTENSION")
                    || !installed.contains(extensions.getOrDefault(entry.oid(), "")))
        .filter(
            entry ->
                !entry.isType("SCHEMA")
                    || "public".equals(schemas.get(entry.oid()))
                    || !present.contains(schemas.getOrDefault(entry.oid(), "")))
        .filter(wanted)
        .sorted(Comparator.comparingInt(SchemaEntry::pass))
        .toList();
  }

  private Set<String> namesOnTarget(String sql) throws SQLException {
    Set<String> names = new HashSet<>();
    try (Statement statement = target.connection().createStatement();
        ResultSet rows = statement.executeQuery(sql)) {
      while (rows.next()) {
        names.add(rows.getString(1));
      }
    }
    return names;
  }

  private boolean keepsTablespaces() throws SQLException {
    return namesOnTarget("SELECT spcname FROM pg_tablespace").containsAll(catalog.tablespaces());
  }

  private static SchemaScript complete(SchemaScript script, List<SchemaEntry> batch) {
    for (SchemaEntry entry : batch) {
      if (!script.creates().containsKey(entry)) {
        throw Failures.defect(
            "Cannot find " + entry.label().strip() + " in the script that pg_restore wrote");
      }
    }
    return script;
  }

  /** How far it is before an entry is created. */
  static Progress at(SchemaEntry entry, int done, int total) {
    return new Progress(
        "creating " + entry.label().strip(),
        (long) done,
        (long) total,
        null,
        null,
        null,
        null,
        null);
  }
}
