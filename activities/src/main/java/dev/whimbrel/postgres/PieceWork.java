package dev.whimbrel.postgres;

import dev.whimbrel.postgres.CopyList.Piece;
import dev.whimbrel.postgres.CopyTables.KeyColumn;
import java.sql.Connection;
import java.sql.PreparedStatement;
import java.sql.ResultSet;
import java.sql.SQLException;
import java.sql.Savepoint;
import java.sql.Statement;
import java.util.ArrayList;
import java.util.List;
import java.util.Objects;
import org.jspecify.annotations.Nullable;

/** Brings the rows of one piece of a copy, in the open transaction of the target. */
final class PieceWork {
  /**
   * Keys that are looked up together: one round trip, and a statement of some hundred kilobytes.
   */
  private static final int KEYS_TOGETHER = 5000;

  /**
   * So many characters of keys make a statement of a few megabytes at most, however long each is.
   */
  private static final int CHARACTERS_TOGETHER = 1 << 20;

  private static final int KEYS_FETCHED = 250;

  private final CopyPair pair;
  private final Connection source;
  private final Connection target;
  private final RowPipe pipe;

  PieceWork(CopyPair pair, RowPipe pipe) {
    this.pair = pair;
    this.source = pair.source();
    this.target = pair.target();
    this.pipe = pipe;
  }

  /**
   * Brings the rows and returns how many they were.
   *
   * @throws Snapshots.Gone where it cannot be done from this snapshot
   */
  long run(Piece piece) throws SQLException, Snapshots.Gone {
    return switch (piece.kind()) {
      case ROWS -> reading(piece, () -> rows(piece));
      case CHANGES -> reading(piece, () -> changes(piece));
      case KEY, INDEX -> throw new IllegalArgumentException("an index brings no rows: " + piece);
    };
  }

  /**
   * Keeps the snapshot, and gives back the lock on the table that a look at it takes.
   *
   * @throws Snapshots.Gone where the table's rows are stored elsewhere since (VACUUM FULL, CLUSTER,
   *     TRUNCATE), so that its pages mean nothing any more: the next generation begins it anew;
   *     where no stream follows, also where the table or a column is gone or another one has its
   *     name
   */
  private long reading(Piece piece, Work work) throws SQLException, Snapshots.Gone {
    Savepoint before = source.setSavepoint();
    try {
      Verbatim.execute(source, "LOCK TABLE ONLY " + piece.relation() + " IN ACCESS SHARE MODE");
    } catch (SQLException e) {
      throw goneWithIt(piece, e);
    }
    if (CopyTables.filenode(source, piece.sourceOid()) != piece.filenode()
        || CopyTables.filenodeSeen(source, piece.sourceOid()) != piece.filenode()) {
      throw new Snapshots.Gone(
          piece.relation() + " is stored elsewhere since its pages were counted");
    }
    if (pair.alone() && !CopyTables.isNamedAsSeen(source, piece.sourceOid())) {
      throw new Snapshots.Gone(
          piece.relation()
              + ": it or a column was renamed, replaced or dropped since it was listed");
    }
    long rows = work.run();
    source.rollback(before);
    source.releaseSavepoint(before);
    return rows;
  }

  /** Of a move the failure itself is told: what has changed on the source is not waited out. */
  private SQLException goneWithIt(Piece piece, SQLException e) throws Snapshots.Gone {
    if (pair.alone()
        && (SqlFailures.is(e, SqlFailures.UNDEFINED_TABLE)
            || SqlFailures.is(e, SqlFailures.UNDEFINED_SCHEMA))) {
      throw new Snapshots.Gone(piece.relation() + " was dropped since its pages were counted");
    }
    return e;
  }

  private long rows(Piece piece) throws SQLException {
    CopyColumns columns = CopyTables.columns(source, piece.sourceOid());
    if (piece.isWholeTable()) {
      // In the transaction that emptied the table, rows are stored as if a vacuum had seen them.
      Verbatim.execute(target, "TRUNCATE ONLY " + piece.relation());
      return move(piece, columns, piece.relation() + columns.named(), "FREEZE, ");
    }
    return copy(piece, columns, "ONLY " + piece.relation() + " AS t", range(piece));
  }

  private long copy(Piece piece, CopyColumns columns, String from, String where)
      throws SQLException {
    String rows = "(SELECT %s FROM %s WHERE %s)".formatted(columns.list("t."), from, where);
    return move(piece, columns, rows, "");
  }

  private long move(Piece piece, CopyColumns columns, String rows, String options)
      throws SQLException {
    boolean binary =
        columns.binary(
            CopyTables.columns(target, piece.relation()),
            source.getMetaData().getDatabaseMajorVersion(),
            target.getMetaData().getDatabaseMajorVersion());
    String format = binary ? "binary" : "text";
    return pipe.run(
        pair.from(),
        "COPY %s TO STDOUT WITH (FORMAT %s)".formatted(rows, format),
        pair.to(),
        "COPY %s FROM STDIN WITH (%sFORMAT %s)"
            .formatted(piece.relation() + columns.named(), options, format));
  }

  private static String range(Piece piece) {
    return range(Objects.requireNonNull(piece.firstPage()), piece.endPage());
  }

  private static String range(long first, @Nullable Long end) {
    return "t.ctid >= '(%d,0)'".formatted(first)
        + (end == null ? "" : " AND t.ctid < '(%d,0)'".formatted(end));
  }

  /**
   * Replaces the rows that were changed since they were copied. Those of ranges that are still to
   * be copied come with their range.
   */
  private long changes(Piece piece) throws SQLException {
    CopyColumns columns = CopyTables.columns(source, piece.sourceOid());
    List<KeyColumn> key = CopyTables.key(source, piece.sourceOid());
    String ranges = copiedRanges(piece);
    delete(piece, key);
    long rows = 0;
    Verbatim.execute(
        target,
        "DECLARE whimbrel_touched NO SCROLL CURSOR FOR"
            + " SELECT DISTINCT key FROM whimbrel.copy_touched WHERE relation = "
            + Quoting.literal(piece.relation()));
    List<String[]> keys = keys(key.size());
    while (!keys.isEmpty()) {
      rows += copy(piece, columns, lookUp(piece, key, keys), ranges);
      keys = keys(key.size());
    }
    Verbatim.execute(target, "CLOSE whimbrel_touched");
    new CopyList(target).forgetTouched(piece.relation());
    return rows;
  }

  private void delete(Piece piece, List<KeyColumn> key) throws SQLException {
    List<String> same = new ArrayList<>();
    for (int i = 0; i < key.size(); i++) {
      same.add(same(key.get(i), "k.key[%d]".formatted(i + 1)));
    }
    Verbatim.execute(
        target,
        "DELETE FROM ONLY %s AS t USING (SELECT DISTINCT key FROM whimbrel.copy_touched WHERE relation = %s) k WHERE %s"
            .formatted(
                piece.relation(), Quoting.literal(piece.relation()), String.join(" AND ", same)));
  }

  /**
   * Whether a column has a value that the stream has told as text. Where the type is not
   * PostgreSQL's own, its {@code =} may be in any schema: there the text is compared, as it is sent
   * and not as a cast makes it.
   */
  private static String same(KeyColumn column, String text) {
    String name = "t." + Quoting.identifier(column.name());
    return column.builtIn()
        ? "%s = (%s)::%s".formatted(name, text, column.type())
        : "pg_catalog.format('%%s', %s) = %s".formatted(name, text);
  }

  /** The next keys, none at the end. */
  private List<String[]> keys(int parts) throws SQLException {
    List<String[]> keys = new ArrayList<>();
    long characters = 0;
    int before = -1;
    while (keys.size() > before
        && keys.size() < KEYS_TOGETHER
        && characters < CHARACTERS_TOGETHER) {
      before = keys.size();
      characters += fetch(keys, parts);
    }
    return keys;
  }

  /** Adds some keys; returns how long they are. */
  private long fetch(List<String[]> keys, int parts) throws SQLException {
    long characters = 0;
    try (Statement fetch = target.createStatement();
        ResultSet rows =
            fetch.executeQuery("FETCH FORWARD " + KEYS_FETCHED + " FROM whimbrel_touched")) {
      while (rows.next()) {
        String[] values = new String[parts];
        System.arraycopy(rows.getArray(1).getArray(), 0, values, 0, parts);
        keys.add(values);
        for (String value : values) {
          characters += value.length();
        }
      }
    }
    return characters;
  }

  /** The table, joined with the keys that are looked up. */
  private static String lookUp(Piece piece, List<KeyColumn> key, List<String[]> keys) {
    List<String> arrays = new ArrayList<>();
    List<String> names = new ArrayList<>();
    List<String> same = new ArrayList<>();
    for (int i = 0; i < key.size(); i++) {
      int part = i;
      arrays.add(
          "ARRAY["
              + String.join(",", keys.stream().map(k -> Quoting.literal(k[part])).toList())
              + "]::text[]");
      names.add("k" + i);
      same.add(same(key.get(i), "k.k" + i));
    }
    return "ONLY %s AS t JOIN unnest(%s) AS k(%s) ON %s"
        .formatted(
            piece.relation(),
            String.join(", ", arrays),
            String.join(", ", names),
            String.join(" AND ", same));
  }

  /** A condition for the pages of a table that were copied; neighbours are told as one. */
  private String copiedRanges(Piece piece) throws SQLException {
    List<String> ranges = new ArrayList<>();
    try (PreparedStatement select =
        target.prepareStatement(
            "SELECT first_page, end_page FROM whimbrel.copy_piece WHERE relation = ?"
                + " AND kind = 'rows' AND done_at IS NOT NULL ORDER BY first_page")) {
      select.setString(1, piece.relation());
      try (ResultSet rows = select.executeQuery()) {
        @Nullable Long first = null;
        @Nullable Long end = null;
        while (rows.next()) {
          @Nullable Long nextFirst = rows.getObject(1, Long.class);
          if (nextFirst == null) {
            return "true";
          }
          if (first == null || !nextFirst.equals(end)) {
            if (first != null) {
              ranges.add("(" + range(first, end) + ")");
            }
            first = nextFirst;
          }
          end = rows.getObject(2, Long.class);
        }
        if (first != null) {
          ranges.add("(" + range(first, end) + ")");
        }
      }
    }
    return ranges.isEmpty() ? "false" : "(" + String.join(" OR ", ranges) + ")";
  }

  private interface Work {
    long run() throws SQLException;
  }
}
