package dev.whimbrel.postgres;

import dev.whimbrel.activity.Move;
import dev.whimbrel.activity.Side;
import dev.whimbrel.activity.VerifyRequest;
import java.sql.Connection;
import java.sql.SQLException;
import java.time.Duration;
import java.util.List;
import java.util.Map;

/** Two databases that go on, with a stream between them. */
class LiveSides implements ComparedSides {
  private static final Duration KEEPING = Duration.ofSeconds(15);

  private final Databases databases;
  private final VerifyRequest request;
  private final String application;

  LiveSides(Databases databases, VerifyRequest request) {
    this.databases = databases;
    this.request = request;
    this.application = Names.applicationName(request.move().migration(), "verification");
  }

  @Override
  public Side truth() {
    return request.truth();
  }

  @Override
  public boolean goesOn() {
    return true;
  }

  @Override
  public Pair open() throws SQLException {
    Connection truth = Pinned.open(databases, request.move().on(request.truth()), application);
    try {
      return new Pair(
          truth, Pinned.open(databases, request.move().on(request.truth().other()), application));
    } catch (SQLException e) {
      truth.close();
      throw e;
    }
  }

  @Override
  public StreamPoint stream() throws SQLException {
    return new LastingStream(this::openForMarkers, request.truth(), Breath.TOUCH);
  }

  /** A session on each side for markers, which the one may write. */
  final Pair openForMarkers() throws SQLException {
    Duration limit = StreamPoint.PATIENCE.plusSeconds(15);
    Connection truth =
        Pinned.awake(databases.open(request.move().on(request.truth()), application, limit));
    try {
      return new Pair(
          truth,
          Pinned.awake(
              databases.open(request.move().on(request.truth().other()), application, limit)));
    } catch (SQLException e) {
      truth.close();
      throw e;
    }
  }

  @Override
  public Move move() {
    return request.move();
  }

  @Override
  public Map<String, TableShape> read(Connection connection, Selection selection, String... kinds)
      throws SQLException {
    return TableCatalog.read(connection, selection, kinds);
  }

  @Override
  public void keep(Map<ComparedTable, List<List<String>>> unjudged) throws SQLException {
    if (truth() == Side.SOURCE) {
      try (Connection target =
          databases.open(request.move().on(Side.TARGET), application, KEEPING)) {
        RowsInFlux.replace(target, unjudged);
      }
    }
  }

  @Override
  public String whatOfSequences() {
    return SequenceComparison.untilCarried(request.truth());
  }
}
