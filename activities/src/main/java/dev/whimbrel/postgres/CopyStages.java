package dev.whimbrel.postgres;

import dev.whimbrel.activity.Move;
import dev.whimbrel.postgres.CopyList.Totals;
import java.sql.Connection;
import java.sql.PreparedStatement;
import java.sql.ResultSet;
import java.sql.SQLException;
import java.sql.Statement;
import java.util.HashSet;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.Set;
import java.util.TreeMap;
import java.util.stream.Collectors;
import org.jspecify.annotations.Nullable;

/**
 * The stages of a copy, in {@code whimbrel.copy_stage} on the target. The list of work holds one
 * stage at a time; what it held of the stages before is summed up here.
 */
final class CopyStages {
  private static final String CREATE =
      """
      CREATE TABLE whimbrel.copy_stage (
        number int PRIMARY KEY, tables int NOT NULL, bytes bigint NOT NULL,
        listed_at timestamptz, generations int, joined_at timestamptz, live_at timestamptz,
        rows bigint NOT NULL DEFAULT 0, indexes int NOT NULL DEFAULT 0);
      CREATE TABLE whimbrel.copy_stage_table (
        source_oid oid PRIMARY KEY, name text, stage int NOT NULL REFERENCES whimbrel.copy_stage);
      CREATE TABLE whimbrel.copy_meeting (
        one boolean PRIMARY KEY DEFAULT true CHECK (one), stage int NOT NULL, marker uuid NOT NULL,
        transaction text NOT NULL, before pg_lsn NOT NULL, until pg_lsn NOT NULL, lsn pg_lsn);
      """;

  private final Connection target;

  CopyStages(Connection target) {
    this.target = target;
  }

  /**
   * One stage.
   *
   * @param number from 1
   * @param stages how many there are
   * @param listed whether the list of work holds it
   * @param joined whether its stream has met the one of the stages before it
   */
  record Stage(int number, int stages, boolean listed, boolean joined) {
    /** The stream that it begins with is the one that stays. */
    boolean isFirst() {
      return number == 1;
    }

    String words() {
      return "stage %d of %d".formatted(number, stages);
    }
  }

  /**
   * Where two streams have met: everything before a marker has arrived by both, and nothing behind
   * it.
   *
   * @param transaction the number of the marker's transaction on the source
   * @param before a position of the source's log before that transaction
   * @param until a position of the source's log behind it
   * @param lsn where exactly it ends; null before somebody has looked
   */
  record Meeting(String transaction, String before, String until, @Nullable String lsn) {}

  boolean exist() throws SQLException {
    return Answers.holds(target, "SELECT to_regclass('whimbrel.copy_stage') IS NOT NULL");
  }

  /** Creates them, in the open transaction. */
  void create(List<Stages.Stage> stages) throws SQLException {
    execute(CREATE);
    for (int i = 0; i < stages.size(); i++) {
      Stages.Stage stage = stages.get(i);
      execute(
          "INSERT INTO whimbrel.copy_stage (number, tables, bytes) VALUES (%d, %d, %d)"
              .formatted(i + 1, stage.count(), stage.bytes()));
      int number = i + 1;
      execute(
          "INSERT INTO whimbrel.copy_stage_table VALUES "
              + stage.tables().stream()
                  .map(table -> row(table, number))
                  .collect(Collectors.joining(", ")));
    }
  }

  private static String row(Selection.Relation table, int stage) {
    String name = table.follows() ? "NULL" : Quoting.literal(table.label());
    return "(%d, %s, %d)".formatted(table.oid(), name, stage);
  }

  /**
   * The one that is being copied, or made live; empty once all are live, or where there is none.
   */
  Optional<Stage> current() throws SQLException {
    if (!exist()) {
      return Optional.empty();
    }
    try (Statement statement = target.createStatement();
        ResultSet row =
            statement.executeQuery(
                "SELECT number, (SELECT count(*) FROM whimbrel.copy_stage), listed_at IS NOT NULL,"
                    + " joined_at IS NOT NULL FROM whimbrel.copy_stage"
                    + " WHERE live_at IS NULL ORDER BY number LIMIT 1")) {
      return row.next()
          ? Optional.of(
              new Stage(row.getInt(1), row.getInt(2), row.getBoolean(3), row.getBoolean(4)))
          : Optional.empty();
    }
  }

  int count() throws SQLException {
    return Integer.parseInt(Answers.text(target, "SELECT count(*) FROM whimbrel.copy_stage"));
  }

  /** The names of the stream that the current stage begins with; of several, of the first. */
  static Names names(Move move, Connection target) throws SQLException {
    boolean later =
        move.staged()
            && new CopyStages(target).current().filter(stage -> !stage.isFirst()).isPresent();
    return later ? Names.ofStage(move.migration()) : Names.streams(move).get(0);
  }

  /** Oids, on the source, of a stage's tables. */
  Set<Long> tables(int stage) throws SQLException {
    return tables("stage = " + stage);
  }

  /** The same of that stage and all before it. */
  Set<Long> tablesUpTo(int stage) throws SQLException {
    return tables("stage <= " + stage);
  }

  /** Names, by their oids, of the tables of that stage and all before it; of no partition. */
  Map<Long, String> namesUpTo(int stage) throws SQLException {
    Map<Long, String> names = new TreeMap<>();
    try (Statement statement = target.createStatement();
        ResultSet rows =
            statement.executeQuery(
                "SELECT source_oid::bigint, name FROM whimbrel.copy_stage_table"
                    + " WHERE name IS NOT NULL AND stage <= "
                    + stage)) {
      while (rows.next()) {
        names.put(rows.getLong(1), rows.getString(2));
      }
    }
    return names;
  }

  private Set<Long> tables(String condition) throws SQLException {
    Set<Long> tables = new HashSet<>();
    try (Statement statement = target.createStatement();
        ResultSet rows =
            statement.executeQuery(
                "SELECT source_oid::bigint FROM whimbrel.copy_stage_table WHERE " + condition)) {
      while (rows.next()) {
        tables.add(rows.getLong(1));
      }
    }
    return tables;
  }

  /** Whether the newest snapshot was taken for what this stage lists. */
  boolean hasSnapshot(Stage stage) throws SQLException {
    return Answers.holds(
        target,
        "SELECT EXISTS (SELECT FROM whimbrel.copy_generation g, whimbrel.copy_stage s"
            + " WHERE g.opened_at IS NOT NULL AND g.number > s.generations AND s.number = "
            + stage.number()
            + ")");
  }

  /** Whether a snapshot of this number belongs to a stage before the one that is listed. */
  boolean isPast(int generation) throws SQLException {
    return exist()
        && Answers.holds(
            target,
            "SELECT coalesce(max(generations), 0) >= %d FROM whimbrel.copy_stage"
                .formatted(generation));
  }

  /**
   * The list of work holds it from now on.
   *
   * @param generations how many there have been: those that follow are the stage's own
   */
  void listed(Stage stage, int generations) throws SQLException {
    mark(stage, "listed_at");
    execute(
        "UPDATE whimbrel.copy_stage SET generations = %d WHERE number = %d"
            .formatted(generations, stage.number()));
  }

  /** Its stream and the one before it are at one position, from which one stream goes on. */
  void joined(Stage stage) throws SQLException {
    mark(stage, "joined_at");
    execute("DELETE FROM whimbrel.copy_meeting");
  }

  private void mark(Stage stage, String what) throws SQLException {
    execute(
        "UPDATE whimbrel.copy_stage SET %s = clock_timestamp() WHERE number = %d"
            .formatted(what, stage.number()));
  }

  /** It is live: the list of work is emptied for the next one, in the open transaction. */
  void live(Stage stage) throws SQLException {
    execute(
        """
        UPDATE whimbrel.copy_stage SET live_at = clock_timestamp(),
          tables = (SELECT count(*) FROM whimbrel.copy_table),
          (bytes, rows, indexes) = (
            SELECT coalesce(sum(bytes) FILTER (WHERE kind = 'rows'), 0),
                   coalesce(sum(rows) FILTER (WHERE kind = 'rows'), 0),
                   count(*) FILTER (WHERE kind IN ('key', 'index')) FROM whimbrel.copy_piece)
         WHERE number = %d AND live_at IS NULL;
        DELETE FROM whimbrel.copy_touched;
        DELETE FROM whimbrel.copy_table"""
            .formatted(stage.number()));
  }

  /** Where the current stage's stream meets the other; empty before they are held there. */
  Optional<Meeting> meeting() throws SQLException {
    try (Statement statement = target.createStatement();
        ResultSet row =
            statement.executeQuery(
                "SELECT transaction, before::text, until::text, lsn::text FROM whimbrel.copy_meeting")) {
      return row.next()
          ? Optional.of(
              new Meeting(row.getString(1), row.getString(2), row.getString(3), row.getString(4)))
          : Optional.empty();
    }
  }

  /** A statement that says, in the transaction that stops both, where they have met. */
  static String meetSql(Stage stage, String marker, Meeting meeting) {
    return "INSERT INTO whimbrel.copy_meeting (stage, marker, transaction, before, until) VALUES (%d, %s, %s, %s, %s)"
        .formatted(
            stage.number(),
            Quoting.literal(marker),
            Quoting.literal(meeting.transaction()),
            Quoting.literal(meeting.before()),
            Quoting.literal(meeting.until()));
  }

  /** Where exactly the marker's transaction ends. */
  void located(String lsn) throws SQLException {
    try (PreparedStatement update =
        target.prepareStatement("UPDATE whimbrel.copy_meeting SET lsn = ?::pg_lsn")) {
      update.setString(1, lsn);
      update.executeUpdate();
    }
  }

  /** How far everything is: the list's stage, those that are live, and those to come. */
  Totals totals(Totals listed) throws SQLException {
    try (Statement statement = target.createStatement();
        ResultSet row =
            statement.executeQuery(
                """
                SELECT coalesce(sum(bytes) FILTER (WHERE live_at IS NOT NULL), 0),
                       coalesce(sum(bytes) FILTER (WHERE live_at IS NOT NULL OR listed_at IS NULL), 0),
                       coalesce(sum(tables) FILTER (WHERE live_at IS NOT NULL), 0),
                       coalesce(sum(tables) FILTER (WHERE live_at IS NOT NULL OR listed_at IS NULL), 0),
                       coalesce(sum(indexes) FILTER (WHERE live_at IS NOT NULL), 0),
                       coalesce(sum(rows) FILTER (WHERE live_at IS NOT NULL), 0)
                  FROM whimbrel.copy_stage""")) {
      row.next();
      return new Totals(
          listed.bytesDone() + row.getLong(1),
          listed.bytes() + row.getLong(2),
          listed.rows() + row.getLong(6),
          listed.tablesDone() + row.getInt(3),
          listed.tables() + row.getInt(4),
          listed.builtIndexes() + row.getInt(5),
          listed.indexes() + row.getInt(5));
    }
  }

  private void execute(String sql) throws SQLException {
    try (Statement statement = target.createStatement()) {
      statement.execute(sql);
    }
  }
}
