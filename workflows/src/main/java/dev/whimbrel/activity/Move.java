package dev.whimbrel.activity;

import com.fasterxml.jackson.annotation.JsonInclude;
import dev.whimbrel.runbook.Connect;
import dev.whimbrel.runbook.LeftBehind;
import dev.whimbrel.runbook.PostgresSpec;
import dev.whimbrel.runbook.Runbook;
import dev.whimbrel.runbook.StageSpec;
import dev.whimbrel.runbook.TablesSpec;
import dev.whimbrel.runbook.ThrottleSpec;
import dev.whimbrel.runbook.WalSpec;
import java.time.Duration;
import java.util.List;
import org.jspecify.annotations.Nullable;

/**
 * The two databases of one migration and how applications reach them: what every database step
 * needs to find its objects again.
 *
 * @param migration the runbook's name; every object on the servers is named after it
 * @param source the database that is left
 * @param target the database that is moved to
 * @param connect how applications are made to follow
 * @param leftBehind roles that stay behind on purpose
 * @param jobs how many tables are synchronised at once
 * @param maxLag the limit of a marker's travel time
 * @param throttle what the copy may take, or null for as much as the servers give
 * @param wal how much of its log a server may keep for the slots; nulls in it are defaults
 * @param tables which tables move, or null for all, as in histories of before there was a choice
 * @param pauseBudget how long writes may be held up by one attempt at a switchover; 5 s
 * @param stages which tables are copied first, stage by stage; empty where all come together
 * @param offline whether the source is closed before anything is copied, so that no stream follows
 *     it; false in histories of before
 * @param subscriptions how many streams share the tables; null for one, which is written nowhere
 */
public record Move(
    String migration,
    PostgresSpec source,
    PostgresSpec target,
    List<Connect> connect,
    List<LeftBehind> leftBehind,
    int jobs,
    Duration maxLag,
    @Nullable ThrottleSpec throttle,
    @Nullable WalSpec wal,
    @Nullable TablesSpec tables,
    @Nullable Duration pauseBudget,
    List<StageSpec> stages,
    boolean offline,
    @JsonInclude(JsonInclude.Include.NON_NULL) @Nullable Integer subscriptions) {

  /** As a runbook's default; histories of before have none. */
  private static final Duration PAUSE_BUDGET = Duration.ofSeconds(5);

  /** Fills in what was not written; histories of before there were stages have none. */
  public Move {
    pauseBudget = pauseBudget == null ? PAUSE_BUDGET : pauseBudget;
    stages = stages == null ? List.of() : List.copyOf(stages);
    subscriptions = Integer.valueOf(1).equals(subscriptions) ? null : subscriptions;
  }

  /** How long writes may be held up by one attempt at a switchover. */
  @Override
  public Duration pauseBudget() {
    return pauseBudget == null ? PAUSE_BUDGET : pauseBudget;
  }

  /**
   * A move of everything, without throttle, and with the limit for the log that follows by itself.
   */
  public Move(
      String migration,
      PostgresSpec source,
      PostgresSpec target,
      List<Connect> connect,
      List<LeftBehind> leftBehind,
      int jobs,
      Duration maxLag) {
    this(migration, source, target, connect, leftBehind, jobs, maxLag, null, null, null);
  }

  /** A move of which all tables come together, with the usual pause budget. */
  public Move(
      String migration,
      PostgresSpec source,
      PostgresSpec target,
      List<Connect> connect,
      List<LeftBehind> leftBehind,
      int jobs,
      Duration maxLag,
      @Nullable ThrottleSpec throttle,
      @Nullable WalSpec wal,
      @Nullable TablesSpec tables) {
    this(
        migration,
        source,
        target,
        connect,
        leftBehind,
        jobs,
        maxLag,
        throttle,
        wal,
        tables,
        PAUSE_BUDGET,
        List.of(),
        false,
        null);
  }

  /** The databases of a runbook. */
  public static Move of(Runbook runbook) {
    return new Move(
        runbook.name(),
        runbook.source().postgres(),
        runbook.target().postgres(),
        runbook.connect(),
        runbook.leftBehind(),
        runbook.replicate().jobs(),
        runbook.replicate().maxLag(),
        runbook.replicate().throttle(),
        runbook.replicate().wal(),
        runbook.replicate().tables(),
        runbook.cutover().pauseBudget(),
        runbook.replicate().stages(),
        runbook.replicate().offline(),
        runbook.replicate().subscriptions());
  }

  /** The same with another choice of tables. */
  public Move choosing(@Nullable TablesSpec choice) {
    return with(choice, stages, offline, subscriptions);
  }

  /** The same with its tables in stages, the most urgent first. */
  public Move inStages(List<StageSpec> wanted) {
    return with(tables, wanted, offline, subscriptions);
  }

  /** The same, with the source closed before anything is copied. */
  public Move closedFirst() {
    return with(tables, stages, true, subscriptions);
  }

  /** The same with its tables shared by so many streams. */
  public Move sharedBy(int streams) {
    return with(tables, stages, offline, streams);
  }

  private Move with(
      @Nullable TablesSpec choice,
      List<StageSpec> wanted,
      boolean closedFirst,
      @Nullable Integer streams) {
    return new Move(
        migration,
        source,
        target,
        connect,
        leftBehind,
        jobs,
        maxLag,
        throttle,
        wal,
        choice,
        pauseBudget,
        wanted,
        closedFirst,
        streams);
  }

  /** How many streams share the tables on their way to the target. */
  public int streams() {
    return subscriptions == null ? 1 : subscriptions;
  }

  /** Whether several streams share them. */
  public boolean shared() {
    return streams() > 1;
  }

  /** Whether some tables are live before the others are copied. */
  public boolean staged() {
    return !stages.isEmpty();
  }

  /** The database on one side. */
  public PostgresSpec on(Side side) {
    return side == Side.SOURCE ? source : target;
  }
}
