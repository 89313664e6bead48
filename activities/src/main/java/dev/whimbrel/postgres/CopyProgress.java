package dev.whimbrel.postgres;

import dev.whimbrel.activity.Move;
import dev.whimbrel.activity.Progress;
import dev.whimbrel.activity.Side;
import dev.whimbrel.postgres.Beside.Seen;
import dev.whimbrel.postgres.CopyList.Piece;
import dev.whimbrel.postgres.CopyList.Totals;
import java.sql.Connection;
import java.sql.SQLException;
import java.time.Duration;
import java.time.Instant;
import java.util.concurrent.atomic.AtomicLong;
import org.jspecify.annotations.Nullable;

/**
 * How far the copy is, asked by a session beside the work; and whether the work still goes on: a
 * connection that never answers is ended here.
 */
final class CopyProgress implements AutoCloseable {
  private static final Duration LOOK = Duration.ofSeconds(1);

  private final Move move;
  private final Beside source;
  private final Beside target;
  private final RowPipe pipe;
  private final Throttle throttle;
  private final SentPieces sent = new SentPieces();
  private final AtomicLong looks = new AtomicLong();
  private final CopyLine line = new CopyLine(Instant.now());
  private @Nullable Totals last;
  private volatile @Nullable Piece piece;
  private volatile @Nullable CopyPair pair;
  private volatile boolean asking;
  private volatile @Nullable String failing;
  private volatile Standstill standstill = new Standstill(Instant.now());
  private volatile Progress latest = Progress.of("beginning to copy");
  private volatile boolean stopped;
  private RowsUnderWay underWay = RowsUnderWay.NONE;
  private int builds;
  private String stage = "";
  private final Thread looking = new Thread(this::keepLooking, "copy-looks");

  CopyProgress(CopySessions sessions, Move move, RowPipe pipe, Throttle throttle) {
    this.move = move;
    this.throttle = throttle;
    this.source = new Beside(sessions, Side.SOURCE);
    this.target = new Beside(sessions, Side.TARGET);
    this.pipe = pipe;
    looking.setDaemon(true);
  }

  /** Begins to look, on a thread of its own, until it is closed. */
  CopyProgress watch() {
    lookAtTheSource(); // before the first row moves
    looking.start();
    return this;
  }

  /** The work goes on in these sessions: something is asked of them until it ends. */
  void asks(CopyPair in) {
    standstill = new Standstill(Instant.now());
    pair = in;
    asking = true;
  }

  /** A piece is begun. */
  void begin(Piece begins) {
    standstill = new Standstill(Instant.now());
    sent.begin(pipe.bytes());
    piece = begins;
  }

  /** What is sent of the pieces. */
  SentPieces sent() {
    return sent;
  }

  /** The piece is over. Says what it was. */
  String end() {
    sent.over();
    asking = false;
    Piece over = piece;
    piece = null;
    failing = null;
    return over == null ? "what comes next" : words(over);
  }

  /** Says, until something goes on, why nothing does. */
  void failing(String why) {
    failing = why;
  }

  /** Says that this caller has looked for a piece and found none to take. */
  void looked() {
    asking = false;
    failing = null;
    looks.incrementAndGet();
  }

  /** What the last look has seen; never waits for a server. */
  Progress latest() {
    return latest.after(looks.get());
  }

  /**
   * Ends the loop of somebody who was stopped while no piece was under way.
   *
   * @throws SQLException when it was stopped
   */
  void mustGoOn() throws SQLException {
    if (stopped) {
      throw new SQLException("stopped");
    }
  }

  private void keepLooking() {
    try {
      while (true) {
        latest = look();
        Thread.sleep(LOOK.toMillis());
      }
    } catch (InterruptedException e) {
      // Closed: nobody asks any more.
      writeWhatWasSent();
    } finally {
      source.close();
      target.close();
    }
  }

  private void writeWhatWasSent() {
    Connection open = target.connection();
    if (open != null) {
      try {
        sent.write(open, pipe.bytes());
      } catch (SQLException e) {
        target.close();
      }
    }
  }

  private Progress look() {
    Totals totals = totals();
    lookAtTheSource();
    endWhatStandsStill();
    writeWhatWasSent();
    Totals known = totals == null ? last : totals;
    if (known == null) {
      return Progress.of(now());
    }
    last = known;
    return new Progress(
        stage + line.of(known, underWay, Instant.now()) + "; " + now(),
        known.bytesDone(),
        known.bytes(),
        null,
        null,
        null,
        null,
        null);
  }

  private void lookAtTheSource() {
    if (throttle.looks()) {
      throttle.look(source.connection());
    }
  }

  /** Ends the sessions of the work. */
  void abort() {
    stopped = true;
    throttle.stop();
    CopyPair open = pair;
    if (open != null) {
      open.abort();
    }
  }

  @Override
  public void close() {
    looking.interrupt();
    try {
      looking.join(LOOK.toMillis());
    } catch (InterruptedException e) {
      Thread.currentThread().interrupt();
    }
  }

  private String now() {
    String trouble = failing;
    Piece at = piece;
    String rests = throttle.resting();
    return trouble != null
        ? "trying again: " + trouble
        : rests != null ? rests : at == null ? waiting() : words(at);
  }

  private String waiting() {
    return "waiting for the pieces of others"
        + (builds == 0 ? "" : "; the server builds %d of the indexes".formatted(builds));
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
    Connection open = target.connection();
    if (open == null) {
      return null;
    }
    try {
      CopyList list = new CopyList(open);
      builds = piece == null ? list.builds(move) : 0;
      underWay = RowsUnderWay.of(open, move, sent.underWay(pipe.bytes()));
      Totals totals = list.totals();
      return move.staged() ? inStages(new CopyStages(open), totals) : totals;
    } catch (SQLException e) {
      target.close();
      underWay = RowsUnderWay.NONE;
      return null;
    }
  }

  private Totals inStages(CopyStages stages, Totals totals) throws SQLException {
    stage = stages.current().map(now -> now.words() + ": ").orElse("");
    return stages.totals(totals);
  }

  /**
   * A session that its server does not know any more never answers. Neither does one for which
   * neither server does anything, though it moves no rows: {@link Standstill}.
   */
  private void endWhatStandsStill() {
    CopyPair working = pair;
    if (working == null || !asking) {
      return;
    }
    if (throttle.resting() != null) {
      standstill = new Standstill(Instant.now()); // both servers wait, as they should
      return;
    }
    Standstill now = standstill;
    Seen writer = target.look(working.to().process());
    Seen reader = source.look(working.from().process());
    if (now.look(reader, writer, pipe.bytes(), Instant.now()) && now == standstill) {
      working.abort();
    }
  }
}
