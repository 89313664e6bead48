package dev.whimbrel.checks;

import dev.whimbrel.activity.GuardRequest;
import dev.whimbrel.activity.Move;
import dev.whimbrel.activity.Side;
import dev.whimbrel.checks.GuardWatch.Look;
import dev.whimbrel.checks.GuardWatch.Seen;
import dev.whimbrel.checks.GuardWindow.Kind;
import dev.whimbrel.postgres.SqlProbe;
import dev.whimbrel.runbook.GuardSpec;
import dev.whimbrel.secrets.Secrets;
import java.io.IOException;
import java.net.URI;
import java.time.Duration;
import java.util.List;
import java.util.Optional;
import org.jspecify.annotations.Nullable;

/** How each kind of guard looks at its subject. */
final class GuardLooks {
  /** The shortest a look may be given: one lost packet costs a second. */
  private static final Duration SHORTEST = Duration.ofSeconds(1);

  private static final Duration LONGEST = Duration.ofSeconds(10);

  /** A command starts a process, and may be a small suite. */
  private static final Duration COMMAND = Duration.ofSeconds(30);

  private static final Duration CONTROL = Duration.ofSeconds(2);

  private static final int HTTP_AT_ONCE = 16;

  private final HttpProbe http;
  private final SqlProbe sql;
  private final PrometheusProbe prometheus;

  GuardLooks(HttpProbe http, SqlProbe sql, Secrets secrets) {
    this.http = http;
    this.sql = sql;
    this.prometheus = new PrometheusProbe(http, secrets);
  }

  /** How a guard looks. */
  Look of(GuardRequest request) {
    GuardSpec guard = request.guard();
    Duration limit = limit(guard);
    Look look;
    if (guard.http() != null && guard.compare() != null) {
      look = new ComparedLook(http, request, limit);
    } else if (guard.http() != null) {
      URI url = HttpProbe.url(guard.http());
      look = () -> http(url, limit);
    } else if (guard.prometheus() != null) {
      GuardSpec.Prometheus query = guard.prometheus();
      look = () -> prometheus.look(query, limit);
    } else if (guard.sql() != null) {
      String query = guard.sql();
      Truth truth = new Truth(request.move());
      look = () -> sql(request.move(), truth, query, limit);
    } else {
      List<String> command = guard.command() == null ? List.of() : guard.command();
      look = () -> command(command, limit);
    }
    return guard.control() == null ? look : controlled(look, HttpProbe.url(guard.control()));
  }

  /** How long one look may take: long enough to tell slow from dead. */
  static Duration limit(GuardSpec guard) {
    if (guard.command() != null) {
      return longer(COMMAND, guard.interval());
    }
    Duration limit = longer(SHORTEST, guard.interval());
    limit = limit.compareTo(LONGEST) > 0 ? LONGEST : limit;
    return guard.p99() == null ? limit : longer(limit, guard.p99().multipliedBy(2));
  }

  /** How long a look may take with the control probe behind it. */
  static Duration wholeLimit(GuardSpec guard) {
    Duration slack = Duration.ofMillis(500);
    return limit(guard).plus(guard.control() == null ? slack : CONTROL.plus(slack));
  }

  /** How many looks may be under way at once. */
  static int atOnce(GuardSpec guard) {
    return guard.http() == null ? 1 : HTTP_AT_ONCE;
  }

  private Seen http(URI url, Duration limit) {
    try {
      int status = http.ask(url, null, limit);
      return status < 400
          ? new Seen(Kind.GOOD, "status " + status)
          : new Seen(Kind.BAD, "status " + status);
    } catch (IOException e) {
      return new Seen(Kind.BAD, String.valueOf(e.getMessage()));
    }
  }

  private static Seen command(List<String> command, Duration limit) throws InterruptedException {
    try {
      return seen(CommandProbe.run(command, limit));
    } catch (IOException e) {
      return new Seen(Kind.UNKNOWN, String.valueOf(e.getMessage()));
    }
  }

  private Seen sql(Move move, Truth truth, String query, Duration limit) {
    Optional<Side> side = truth.side(limit);
    if (side.isEmpty()) {
      // Both databases at once are rarely gone: this machine's own network is.
      return new Seen(Kind.UNKNOWN, "neither database can be asked");
    }
    Seen seen = seen(sql.ask(move, side.get(), query, limit));
    if (seen.kind() == Kind.BAD) {
      truth.forget();
    }
    return seen;
  }

  private Look controlled(Look look, URI control) {
    return () -> {
      Seen seen = look.look();
      if (seen.kind() != Kind.BAD) {
        return seen;
      }
      try {
        http.ask(control, null, CONTROL);
        return seen;
      } catch (IOException e) {
        return new Seen(Kind.UNKNOWN, seen.text() + "; the control probe failed too");
      }
    };
  }

  private static Seen seen(Optional<String> failure) {
    return failure.isEmpty() ? new Seen(Kind.GOOD, "good") : new Seen(Kind.BAD, failure.get());
  }

  private static Duration longer(Duration one, Duration other) {
    return one.compareTo(other) > 0 ? one : other;
  }

  /** Which side takes the writes, asked for again every few looks. */
  private final class Truth {
    private static final int LOOKS = 5;

    private final Move move;
    private @Nullable Side side;
    private int looks;

    Truth(Move move) {
      this.move = move;
    }

    synchronized Optional<Side> side(Duration limit) {
      if (side == null || ++looks >= LOOKS) {
        looks = 0;
        side = sql.writable(move, limit).orElse(null);
      }
      return Optional.ofNullable(side);
    }

    synchronized void forget() {
      side = null;
    }
  }
}
