package dev.whimbrel.postgres;

import dev.whimbrel.activity.Failures;
import dev.whimbrel.activity.Move;
import dev.whimbrel.activity.Side;
import java.sql.SQLException;
import java.time.Duration;
import java.util.ArrayList;
import java.util.Comparator;
import java.util.EnumMap;
import java.util.List;
import java.util.Map;
import java.util.Objects;
import org.jspecify.annotations.Nullable;

/**
 * One attempt's sessions, one a server, with the advisory lock held on each. Whoever comes later
 * ends the earlier holder and waits until it is gone; only then is {@code whimbrel.authority} read,
 * since a COMMIT in flight may be durable and not yet visible.
 */
final class Sessions implements AutoCloseable {
  /** The key of the advisory lock; locks are a database's own. */
  static final long KEY = 0x5768_696D_6272_656CL;

  /**
   * Whoever ends an earlier attempt rests for this long before it begins anything: so an attempt
   * that got an answer may lead applications for as long, from when it asked, without asking again.
   * Longer than a COMMIT takes across an ocean; ending a living attempt is rare.
   */
  static final Duration LEASE = Duration.ofMillis(500);

  private static final Duration STEP = Duration.ofSeconds(5);

  /** Ending a backend takes milliseconds, also where its COMMIT waits for a standby. */
  private static final Duration GONE = Duration.ofSeconds(15);

  private final Databases databases;
  private final Move move;
  private final Map<Side, Session> sessions;
  private final Map<Side, Session> sides;
  private final Pinger pinger;
  private final RoundTrips trips;
  private final boolean locked;

  private Sessions(
      Databases databases,
      Move move,
      Map<Side, Session> sessions,
      Map<Side, Session> sides,
      Pinger pinger,
      RoundTrips trips,
      boolean locked) {
    this.databases = databases;
    this.locked = locked;
    this.move = move;
    this.sessions = sessions;
    this.sides = sides;
    this.pinger = pinger;
    this.trips = trips;
  }

  /**
   * Opens sessions on both servers and takes both locks.
   *
   * @param limit how long the sessions are kept alive while nothing is said
   * @throws Unreachable where a server cannot be reached
   */
  static Sessions openBoth(Databases databases, Move move, String step, Duration limit)
      throws SQLException {
    return openBoth(databases, move, step, limit, new EarlierRounds());
  }

  /** As {@link #openBoth}, for an attempt that may have to come again. */
  static Sessions openBoth(
      Databases databases, Move move, String step, Duration limit, EarlierRounds own)
      throws SQLException {
    return open(databases, move, step, limit, List.of(Side.SOURCE, Side.TARGET), true, own);
  }

  /**
   * As {@link #openBoth}, but leaves an attempt that is at work alone: then {@link #locked} is
   * false, and nothing may be changed.
   */
  static Sessions openPolitely(Databases databases, Move move, String step, Duration limit)
      throws SQLException {
    return openPolitely(databases, move, step, limit, new EarlierRounds());
  }

  /** As {@link #openPolitely}, but ends what the attempt's own earlier rounds have left behind. */
  static Sessions openPolitely(
      Databases databases, Move move, String step, Duration limit, EarlierRounds own)
      throws SQLException {
    return open(databases, move, step, limit, List.of(Side.SOURCE, Side.TARGET), false, own);
  }

  /** As {@link #openPolitely}, for one side alone. */
  static Sessions openPolitely(
      Databases databases, Move move, String step, Duration limit, Side side) throws SQLException {
    return open(databases, move, step, limit, List.of(side), false, new EarlierRounds());
  }

  /** As {@link #openBoth} for one side alone; the other one cannot be reached. */
  static Sessions openOne(Databases databases, Move move, String step, Duration limit, Side side)
      throws SQLException {
    return open(databases, move, step, limit, List.of(side), true, new EarlierRounds());
  }

  private static Sessions open(
      Databases databases,
      Move move,
      String step,
      Duration limit,
      List<Side> wanted,
      boolean endOthers,
      EarlierRounds own)
      throws SQLException {
    RoundTrips trips = new RoundTrips();
    Map<Side, Session> sessions = new EnumMap<>(Side.class);
    Map<Side, Session> sides = new EnumMap<>(Side.class);
    List<Session> all = new ArrayList<>();
    Pinger pinger = null;
    try {
      for (Side side : wanted) {
        String name = Names.applicationName(move.migration(), step);
        Session.Place place = new Session.Place(side, move.on(side), name);
        try {
          sessions.put(side, Session.open(databases, place, trips));
          all.add(Objects.requireNonNull(sessions.get(side)));
          sides.put(side, Session.open(databases, place, trips));
          all.add(Objects.requireNonNull(sides.get(side)));
        } catch (SQLException e) {
          throw unreachable(side, e);
        }
      }
      pinger = new Pinger(List.copyOf(all), limit);
      for (Session session : sessions.values()) {
        own.end(session);
      }
      all.forEach(own::remember);
      boolean locked = lockInOrder(sessions, endOthers);
      return new Sessions(databases, move, sessions, sides, pinger, trips, locked);
    } catch (SQLException | RuntimeException e) {
      if (pinger != null) {
        pinger.close();
      }
      all.forEach(Session::close);
      throw e;
    }
  }

  /** The session on a side. */
  Session on(Side side) {
    return Objects.requireNonNull(sessions.get(side), "no session on the " + side.word());
  }

  /**
   * The other session on a side, which holds no lock: it writes markers while the first one's
   * transaction is open, and changes nothing else.
   */
  Session besideOn(Side side) {
    return Objects.requireNonNull(sides.get(side), "no session on the " + side.word());
  }

  /**
   * One more session on a side, of which nothing depends. Nobody speaks for it: the server ends it
   * after two seconds of silence, where its release can. To be closed by who opened it.
   */
  Session another(Side side) throws SQLException {
    return Session.open(databases, on(side).place(), new RoundTrips());
  }

  /** Whether both locks are held. */
  boolean locked() {
    return locked;
  }

  RoundTrips trips() {
    return trips;
  }

  Pinger pinger() {
    return pinger;
  }

  /** What both databases say; to be asked with both locks held. */
  Truth truth() throws SQLException {
    return Truth.of(row(Side.SOURCE), row(Side.TARGET));
  }

  /** What one database says. */
  Authority.Row row(Side side) throws SQLException {
    return Authority.require(on(side).connection(), move.migration(), side);
  }

  @Override
  public void close() {
    pinger.close();
    sessions.values().forEach(Session::close);
    sides.values().forEach(Session::close);
  }

  /** A server that cannot be reached. */
  static final class Unreachable extends SQLException {
    private final Side side;

    Unreachable(Side side, SQLException cause) {
      super(cause.getMessage(), cause.getSQLState(), cause);
      this.side = side;
    }

    Side side() {
      return side;
    }
  }

  private static SQLException unreachable(Side side, SQLException e) {
    String state = Objects.requireNonNullElse(e.getSQLState(), "08001");
    // A refusal that waiting does not mend is told as it is.
    return state.startsWith("08") || state.startsWith("57P") ? new Unreachable(side, e) : e;
  }

  private static boolean lockInOrder(Map<Side, Session> sessions, boolean endOthers)
      throws SQLException {
    record Numbered(String number, Session session) {}

    List<Numbered> order = new ArrayList<>();
    for (Session session : sessions.values()) {
      order.add(
          new Numbered(
              Objects.requireNonNull(
                  session.value(
                      "SELECT lpad((SELECT system_identifier FROM pg_control_system())::text, 20, '0')"
                          + " || '/' || oid FROM pg_database WHERE datname = current_database()",
                      STEP)),
              session));
    }
    if (order.size() == 2 && order.get(0).number().equals(order.get(1).number())) {
      throw Failures.needsHelp(
          "Source and target are the same database (" + order.get(0).number() + ")",
          "correct the urls of the runbook",
          null);
    }
    order.sort(Comparator.comparing(Numbered::number));
    boolean ended = false;
    for (Numbered next : order) {
      if (endOthers) {
        ended |= lock(next.session());
      } else if (!next.session().holds("SELECT pg_try_advisory_lock(" + KEY + ")", STEP)) {
        return false;
      }
    }
    if (ended) {
      Pause.of(LEASE);
    }
    return true;
  }

  /** Returns whether there was an earlier attempt to end. */
  private static boolean lock(Session session) throws SQLException {
    long until = System.nanoTime() + GONE.toNanos();
    String last = null;
    while (true) {
      List<List<List<@Nullable String>>> answer =
          session.rows(
              """
              SELECT pg_try_advisory_lock(%1$d);
              SELECT pid, pg_terminate_backend(pid) FROM pg_locks
               WHERE locktype = 'advisory' AND objsubid = 1 AND granted AND pid <> pg_backend_pid()
                 AND database = (SELECT oid FROM pg_database WHERE datname = current_database())
                 AND classid::bigint = %2$d AND objid::bigint = %3$d"""
                  .formatted(KEY, KEY >>> 32, KEY & 0xFFFF_FFFFL),
              STEP);
      if ("t".equals(answer.get(0).get(0).get(0))) {
        return last != null;
      }
      if (!answer.get(1).isEmpty()) {
        last = answer.get(1).get(0).get(0);
      }
      if (System.nanoTime() > until) {
        throw Failures.transientFailure(
            "An earlier attempt (process %s on the %s's server) does not end"
                .formatted(last, session.side().word()));
      }
      try {
        Thread.sleep(10);
      } catch (InterruptedException e) {
        Thread.currentThread().interrupt();
        throw Failures.transientFailure("Interrupted while an earlier attempt was ended");
      }
    }
  }
}
