package dev.whimbrel.postgres;

import dev.whimbrel.activity.Claim;
import dev.whimbrel.activity.Failures;
import dev.whimbrel.activity.Forecast;
import dev.whimbrel.activity.Move;
import dev.whimbrel.activity.Outcome;
import dev.whimbrel.activity.Preflight;
import dev.whimbrel.activity.PreflightReport;
import dev.whimbrel.activity.QueryProposal;
import dev.whimbrel.activity.Side;
import dev.whimbrel.activity.UserReport;
import dev.whimbrel.activity.UsersRequest;
import dev.whimbrel.secrets.Secrets;
import java.sql.Connection;
import java.sql.SQLException;
import java.time.Duration;
import java.time.Instant;
import java.util.List;

/** Looks at both databases before anything is changed, and claims them. */
public final class PostgresPreflight implements Preflight {
  private static final Duration ANSWER = Duration.ofSeconds(60);

  private final Databases databases;

  /** A preflight whose connections use these secrets. */
  public PostgresPreflight(Secrets secrets) {
    this.databases = new Databases(secrets);
  }

  @Override
  public PreflightReport preflight(Move move) {
    try (Connection source = open(move, Side.SOURCE, "preflight");
        Connection target = open(move, Side.TARGET, "preflight")) {
      return preflight(new Look(move, source, target));
    } catch (SQLException e) {
      throw SqlFailures.of("Cannot look at the databases", e);
    }
  }

  private PreflightReport preflight(Look look) throws SQLException {
    Findings findings = new Findings();
    new ServerChecks(look, findings).run();
    if (!look.move().offline()) {
      new WalChecks(look, findings).run();
    }
    Throttle.check(look, findings);
    Selection selection = Selection.of(look.move(), look.source());
    new SelectionChecks(look, findings, selection).run();
    new StageChecks(look, findings).run();
    new SharingChecks(look, findings, selection).run();
    long bytes = SelectionChecks.bytes(look, selection);
    new DatabaseChecks(look, findings).run(bytes);
    new GrantChecks(look, findings).run();
    new TableChecks(look, findings, selection).run();
    Heartbeats.beat("checked servers, databases and tables");
    new MoveAdvice(look, findings, selection).run();
    RightsChecks rights = new RightsChecks(look, findings);
    rights.run(selection);
    boolean canGoBack = rights.canGoBack(selection);
    new ActivityChecks(look, findings).run();
    List<PreflightReport.DatabaseUser> users = new UserChecks(look, findings, databases).run();
    DistanceChecks distance = new DistanceChecks(look, findings);
    distance.reach();
    long pause = distance.predictPause();
    new SchemaChecks(look, findings, selection).run();
    return new PreflightReport(
        Instant.now(),
        findings.gravestFirst(),
        users,
        look.setting(Side.SOURCE, "server_version"),
        look.setting(Side.TARGET, "server_version"),
        bytes,
        pause,
        canGoBack);
  }

  @Override
  public Forecast forecast(Move move) {
    return new Forecasting(databases, move).run();
  }

  @Override
  public QueryProposal proposeQueries(Move move) {
    try (Connection source = open(move, Side.SOURCE, "queries")) {
      return new ExpensiveQueries(source).propose();
    } catch (SQLException e) {
      throw SqlFailures.of("Cannot look for the source's most expensive queries", e);
    }
  }

  @Override
  public UserReport judgeUsers(UsersRequest request) {
    try (Connection source = open(request.move(), Side.SOURCE, "users");
        Connection target = open(request.move(), Side.TARGET, "users")) {
      Findings findings = new Findings();
      UserChecks checks =
          new UserChecks(new Look(request.move(), source, target), findings, databases);
      return new UserReport(checks.runWith(request.seen()), findings.gravestFirst());
    } catch (SQLException e) {
      throw SqlFailures.of("Cannot look at who uses the source", e);
    }
  }

  @Override
  public Claim claim(Move move) {
    try (Connection source = open(move, Side.SOURCE, "claim");
        Connection target = open(move, Side.TARGET, "claim")) {
      boolean sourceWasFree = Authority.read(source).isEmpty();
      long epoch = Authority.claim(source, move.migration(), Side.SOURCE).epoch();
      try {
        Authority.claim(target, move.migration(), Side.TARGET);
      } catch (SQLException | RuntimeException e) {
        if (sourceWasFree) {
          Authority.release(source, move.migration());
        }
        throw e;
      }
      return new Claim(epoch, "both databases are claimed by " + move.migration());
    } catch (SQLException e) {
      throw SqlFailures.of("Cannot claim the databases for " + move.migration(), e);
    }
  }

  @Override
  public Outcome release(Move move) {
    boolean kept = false;
    for (Side side : List.of(Side.TARGET, Side.SOURCE)) {
      try (Connection database = open(move, side, "release")) {
        // With the steps' locks, none of their late attempts is at work; without the claim none
        // will.
        StepLock.take(database, "schema " + move.migration());
        StepLock.take(database, "stream " + move.migration());
        if (side == Side.TARGET && KeptTarget.holds(database, move.migration())) {
          KeptTarget.keep(database);
          kept = true;
        } else {
          Authority.release(database, move.migration());
        }
      } catch (SQLException e) {
        throw SqlFailures.of("Cannot release the " + side.word() + " database", e);
      }
    }
    if (kept) {
      throw Failures.needsHelp(
          "the target stays claimed and closed, since what was kept of it may hold rows that are nowhere else; copy them by hand, if they are wanted, then "
              + KeptTarget.drop(move.target().url()),
          "look at them, then drop the database",
          KeptTarget.drop(move.target().url()));
    }
    return new Outcome("neither database is claimed by " + move.migration() + " any more");
  }

  private Connection open(Move move, Side side, String step) throws SQLException {
    try {
      return databases.open(move.on(side), Names.applicationName(move.migration(), step), ANSWER);
    } catch (SQLException e) {
      throw SqlFailures.of("Cannot connect to the " + side.word() + " database", e);
    }
  }
}
