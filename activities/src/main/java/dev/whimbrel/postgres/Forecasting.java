package dev.whimbrel.postgres;

import dev.whimbrel.activity.Forecast;
import dev.whimbrel.activity.Move;
import dev.whimbrel.activity.Side;
import java.sql.Connection;
import java.sql.SQLException;
import java.time.Duration;
import org.jspecify.annotations.Nullable;

/**
 * Measures what can be measured before a move, and says why not where it cannot: then there are no
 * figures, since a wrong one is worse than none.
 */
final class Forecasting {
  private static final Duration ANSWER = Duration.ofSeconds(15);

  private final Databases databases;
  private final Move move;
  private final Duration limit;

  Forecasting(Databases databases, Move move) {
    this(databases, move, CopySample.LIMIT);
  }

  /** With another limit for the sample. */
  Forecasting(Databases databases, Move move, Duration limit) {
    this.databases = databases;
    this.move = move;
    this.limit = limit;
  }

  Forecast run() {
    String name = Names.applicationName(move.migration(), "sample");
    try (Connection source = databases.open(move.source(), name, ANSWER);
        Connection target = databases.open(move.target(), name, ANSWER)) {
      return run(new Look(move, source, target));
    } catch (SQLException e) {
      return not("copy", SqlFailures.firstLine(e), null);
    }
  }

  private Forecast run(Look look) throws SQLException {
    for (Side side : Side.values()) {
      // A session of the search path's own could put a function of its own before PostgreSQL's.
      look.run(side, "SET search_path = pg_catalog; SET lock_timeout = '3s'");
      if (Authority.read(look.on(side)).isPresent()) {
        return not(side.word(), "a migration is under way, which a sample would slow down", null);
      }
    }
    CopySizes sizes = CopySizes.of(look.source(), Selection.of(move, look.source()));
    if (sizes.tables().isEmpty()) {
      return not("source", "there is no table whose rows move", null);
    }
    CopySizes.Table largest = sizes.tables().get(0);
    if (largest.bytes() < CopySample.LEAST) {
      return not(
          largest.shown(),
          "the largest table holds %s, and a sample needs %s"
              .formatted(Size.words(largest.bytes()), Size.words(CopySample.LEAST)),
          null);
    }
    Forecast refused = refused(look, largest);
    if (refused != null) {
      return refused;
    }
    SampledTable table = SampledTable.of(look.source(), look.major(Side.TARGET), largest);
    if (table.columns().isEmpty() || table.pages() < CopySample.FEWEST_PAGES) {
      return not(
          largest.shown(), "the largest table has too few rows, or columns, for a sample", null);
    }
    CopySample sample = new CopySample(databases, move, table, limit);
    return new CopyForecast(sizes, sample.take(sizes.hasForeignKeys())).of(move);
  }

  private @Nullable Forecast refused(Look look, CopySizes.Table largest) throws SQLException {
    String relation = Quoting.literal(largest.relation());
    if (!look.holds(Side.SOURCE, "has_table_privilege(" + relation + ", 'SELECT')")) {
      return not(
          largest.shown(),
          look.role(Side.SOURCE) + " may not read it",
          "GRANT SELECT ON %s TO %s;".formatted(largest.relation(), look.role(Side.SOURCE)));
    }
    if (look.holds(Side.SOURCE, "row_security_active(" + relation + "::regclass)")) {
      return not(
          largest.shown(),
          "row-level security hides rows of it from " + look.role(Side.SOURCE),
          "ALTER ROLE %s BYPASSRLS;".formatted(look.role(Side.SOURCE)));
    }
    if (!look.holds(Side.TARGET, "has_database_privilege(current_database(), 'TEMPORARY')")) {
      return not(
          "target",
          look.role(Side.TARGET) + " may not create temporary tables, which a sample is put into",
          "GRANT TEMPORARY ON DATABASE %s TO %s;"
              .formatted(look.database(Side.TARGET), look.role(Side.TARGET)));
    }
    return null;
  }

  private Forecast not(String subject, String why, @Nullable String fix) {
    return Forecast.notMeasured(move.jobs(), subject, why, fix);
  }
}
