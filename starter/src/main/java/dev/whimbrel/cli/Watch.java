package dev.whimbrel.cli;

import dev.whimbrel.migration.MigrationResult;
import dev.whimbrel.migration.MigrationStatus;
import java.time.Duration;
import java.time.Instant;
import java.util.List;
import org.jspecify.annotations.Nullable;

/** Follows a migration: a line for each change, and on a terminal a live line below. */
final class Watch {
  private static final Duration BETWEEN_LOOKS = Duration.ofMillis(700);
  private static final int LIVE_LINE_WIDTH = 100;

  private final Context context;
  private final Migrations migrations;
  private final String name;
  private final boolean json;
  private final boolean live;
  private @Nullable Snapshot last;
  private boolean complained;

  Watch(Context context, Temporal temporal, String name, boolean json) {
    this.context = context;
    this.migrations = new Migrations(temporal);
    this.name = name;
    this.json = json;
    this.live = context.console().terminal() && !json;
  }

  /** Follows to the end. Being interrupted only detaches; the migration goes on. */
  Integer toTheEnd() {
    Thread detach = new Thread(() -> detach(false), "detach");
    Runtime.getRuntime().addShutdownHook(detach);
    Integer ended = null;
    while (ended == null) {
      ended = endedWith(look());
      pause(ended);
    }
    Runtime.getRuntime().removeShutdownHook(detach);
    return ended;
  }

  /** Follows until the migration ends, or goes on only when a person acts. */
  Integer untilAPersonIsNeeded(@Nullable Duration limit) {
    Thread detach = new Thread(() -> detach(true), "detach");
    Runtime.getRuntime().addShutdownHook(detach);
    Integer code = waited(limit);
    Runtime.getRuntime().removeShutdownHook(detach);
    return code;
  }

  private Integer waited(@Nullable Duration limit) {
    Instant deadline = limit == null ? Instant.MAX : Instant.now().plus(limit);
    Integer code = null;
    while (code == null) {
      Snapshot snapshot = look();
      code = endedWith(snapshot);
      if (code == null && snapshot != null && Changes.needsPerson(snapshot.status().state())) {
        finish(snapshot);
        return ExitCode.WAITING_FOR_A_PERSON;
      }
      if (code == null && limit != null && Instant.now().isAfter(deadline)) {
        clearLive();
        context.console().err().println("Not there after " + Words.duration(limit) + ".");
        if (snapshot != null) {
          finish(snapshot);
        }
        return ExitCode.FAILED;
      }
      pause(code);
    }
    return code;
  }

  private @Nullable Snapshot look() {
    try {
      Snapshot snapshot = migrations.look(name);
      complained = false;
      show(Changes.between(last, snapshot, context.console().zone()), snapshot);
      last = snapshot;
      return snapshot;
    } catch (CannotDo.Unreachable e) {
      if (!complained) {
        complained = true;
        clearLive();
        context
            .console()
            .err()
            .println(e.text() + " Trying again; the migration does not need this.");
      }
      return null;
    }
  }

  private @Nullable Integer endedWith(@Nullable Snapshot snapshot) {
    if (snapshot == null || snapshot.status().state() != MigrationStatus.State.ENDED) {
      return null;
    }
    finish(snapshot);
    MigrationResult.Ending ending = snapshot.status().result();
    if (ending == MigrationResult.Ending.MIGRATED) {
      return ExitCode.DONE;
    }
    return ending == MigrationResult.Ending.ROLLED_BACK ? ExitCode.ROLLED_BACK : ExitCode.FAILED;
  }

  private void finish(Snapshot snapshot) {
    clearLive();
    if (json) {
      Json.print(context.console(), snapshot.json());
    } else if (snapshot.status().state() == MigrationStatus.State.ENDED) {
      MigrationResult result = migrations.result(name);
      context
          .console()
          .out()
          .println(
              result == null
                  ? name + ": ended without a result (terminated?)"
                  : name + ": " + result.ending() + ". " + result.line());
      if (result != null) {
        result.leftOver().forEach(line -> context.console().out().println("  left over: " + line));
      }
    }
  }

  private void show(List<String> lines, Snapshot snapshot) {
    if (!lines.isEmpty()) {
      clearLive();
    }
    lines.forEach(line -> (json ? context.console().err() : context.console().out()).println(line));
    if (live) {
      String line = liveLine(snapshot);
      context.console().out().print("\r\u001b[K" + line);
      context.console().out().flush();
    }
  }

  private static String liveLine(Snapshot snapshot) {
    StringBuilder line = new StringBuilder();
    for (Snapshot.Activity activity : snapshot.now()) {
      if (activity.line() != null) {
        line.append(line.length() == 0 ? "" : " · ").append(activity.line());
      }
    }
    MigrationStatus.Lag lag = snapshot.status().lag();
    if (lag != null) {
      line.append(line.length() == 0 ? "" : " · ")
          .append("lag ")
          .append(lag.millis())
          .append(" ms");
    }
    return line.length() > LIVE_LINE_WIDTH
        ? line.substring(0, LIVE_LINE_WIDTH - 1) + "…"
        : line.toString();
  }

  private void clearLive() {
    if (live) {
      context.console().out().print("\r\u001b[K");
      context.console().out().flush();
    }
  }

  private static void pause(@Nullable Integer ended) {
    if (ended != null) {
      return;
    }
    try {
      Thread.sleep(BETWEEN_LOOKS.toMillis());
    } catch (InterruptedException e) {
      Thread.currentThread().interrupt();
      throw new CannotDo("Interrupted.");
    }
  }

  /**
   * @param interrupted whether who waits was promised an answer, and gets none
   */
  private void detach(boolean interrupted) {
    Snapshot seen = last;
    clearLive();
    context
        .console()
        .err()
        .println(
            (live ? "\n" : "")
                + (interrupted ? "Stopped waiting" : "Detached")
                + "; the migration goes on. See: whimbrel status "
                + name);
    context.console().err().flush();
    if (json && seen != null) {
      Json.print(context.console(), seen.json());
    }
    if (interrupted) {
      return;
    }
    boolean waits = seen != null && Changes.needsPerson(seen.status().state());
    // The JVM would end with 130, which says that something failed.
    Runtime.getRuntime().halt(waits ? ExitCode.WAITING_FOR_A_PERSON : ExitCode.DONE);
  }
}
