package dev.whimbrel.postgres;

import dev.whimbrel.activity.Progress;
import dev.whimbrel.postgres.CopyList.Kind;
import dev.whimbrel.postgres.CopyList.Piece;
import dev.whimbrel.postgres.CopyList.Totals;
import java.sql.Connection;
import java.sql.PreparedStatement;
import java.sql.ResultSet;
import java.sql.SQLException;
import java.time.Duration;
import java.time.Instant;
import org.jspecify.annotations.Nullable;

/**
 * How far the copy is, asked by a session beside the work; and whether the work still goes on: a
 * connection that never answers is ended here.
 */
final class CopyProgress implements AutoCloseable {
  /** Longer than a checkpoint's worst, shorter than a person's patience. */
  private static final Duration STANDSTILL = Duration.ofSeconds(60);

  private final CopySessions sessions;
  private final RowPipe pipe;
  private final Instant begun = Instant.now();
  private @Nullable Connection beside;
  private @Nullable Totals first;
  private @Nullable Totals last;
  private volatile @Nullable Piece piece;
  private volatile @Nullable CopyPair pair;
  private volatile @Nullable String failing;
  private long bytesBefore;
  private Instant moved = Instant.now();

  CopyProgress(CopySessions sessions, RowPipe pipe) {
    this.sessions = sessions;
    this.pipe = pipe;
  }

  /** A piece is begun, in these sessions. */
  void begin(Piece begins, CopyPair in) {
    pair = in;
    piece = begins;
    moved = Instant.now();
  }

  /** The piece is over. Says what it was. */
  String end() {
    Piece over = piece;
    piece = null;
    failing = null;
    return over == null ? "what comes next" : words(over);
  }

  /** Says, until something goes on, why nothing does. */
  void failing(String why) {
    failing = why;
  }

  /** Looks once; called every second, on one thread. */
  Progress look() {
    Totals totals = totals();
    endWhatStandsStill(totals != null);
    Totals known = totals == null ? last : totals;
    if (known == null) {
      return Progress.of(now());
    }
    if (first == null) {
      first = known;
    }
    last = known;
    return new Progress(
        line(known), known.bytesDone(), known.bytes(), null, null, null, null, null);
  }

  /** Ends the sessions of the work. */
  void abort() {
    CopyPair open = pair;
    if (open != null) {
      open.abort();
    }
  }

  @Override
  public void close() {
    Connection open = beside;
    beside = null;
    if (open != null) {
      try {
        open.close();
      } catch (SQLException e) {
        // Nothing was under way in it.
      }
    }
  }

  private String line(Totals totals) {
    String line =
        "%s of %s copied, %d of %d tables, %d of %d indexes"
            .formatted(
                Size.words(totals.bytesDone()),
                Size.words(totals.bytes()),
                totals.tablesDone(),
                totals.tables(),
                totals.builtIndexes(),
                totals.indexes());
    return line + rate(totals) + "; " + now();
  }

  private String rate(Totals totals) {
    Totals from = first;
    long seconds = Duration.between(begun, Instant.now()).toSeconds();
    if (from == null || seconds == 0 || totals.bytesDone() <= from.bytesDone()) {
      return "";
    }
    long perSecond = Math.max(1, (totals.bytesDone() - from.bytesDone()) / seconds);
    Duration left = Duration.ofSeconds((totals.bytes() - totals.bytesDone()) / perSecond);
    return ", %s/s%s"
        .formatted(
            Size.words(perSecond),
            left.isZero() ? "" : ", rows for about " + words(left) + " more");
  }

  private static String words(Duration left) {
    return left.toMinutes() == 0
        ? left.toSeconds() + " s"
        : left.toHours() == 0
            ? left.toMinutes() + " min"
            : left.toHours() + " h " + left.toMinutesPart() + " min";
  }

  private String now() {
    String trouble = failing;
    Piece at = piece;
    return trouble != null
        ? "trying again: " + trouble
        : at == null ? "waiting for the pieces of others" : words(at);
  }

  private static String words(Piece piece) {
    return switch (piece.kind()) {
      case ROWS ->
          "rows of "
              + piece.relation()
              + (piece.isWholeTable() ? "" : " from page " + piece.firstPage());
      case CHANGES -> "changed rows of " + piece.relation();
      case KEY, INDEX -> "an index of " + piece.relation();
    };
  }

  private @Nullable Totals totals() {
    try {
      Connection open = beside;
      if (open == null || open.isClosed()) {
        open = sessions.beside();
        beside = open;
      }
      endWhatTheServerLost(open);
      return new CopyList(open).totals();
    } catch (SQLException e) {
      close();
      return null; // the work's own sessions say what is wrong with the server
    }
  }

  /** A session that the server does not know any more never answers. */
  private void endWhatTheServerLost(Connection open) throws SQLException {
    CopyPair working = pair;
    if (working == null || piece == null) {
      return;
    }
    try (PreparedStatement select =
        open.prepareStatement("SELECT FROM pg_catalog.pg_stat_activity WHERE pid = ?")) {
      select.setInt(1, working.pid());
      try (ResultSet row = select.executeQuery()) {
        if (!row.next()) {
          working.abort();
        }
      }
    }
  }

  /** Rows move all the time; an index may take hours, and counts while its server answers. */
  private void endWhatStandsStill(boolean answered) {
    long bytes = pipe.bytes();
    Piece at = piece;
    boolean builds = at != null && (at.kind() == Kind.KEY || at.kind() == Kind.INDEX);
    if (at == null || bytes != bytesBefore || builds && answered) {
      bytesBefore = bytes;
      moved = Instant.now();
    } else if (Duration.between(moved, Instant.now()).compareTo(STANDSTILL) > 0) {
      moved = Instant.now();
      abort();
    }
  }
}
