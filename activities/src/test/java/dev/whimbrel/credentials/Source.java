package dev.whimbrel.credentials;

import static org.assertj.core.api.Assertions.assertThat;

import dev.whimbrel.activity.Failures;
import dev.whimbrel.credentials.CredentialSteps.Ended;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.function.Consumer;
import org.jspecify.annotations.Nullable;

/**
 * A source of credentials that is led to a stand-in.
 *
 * @param name as the table calls it
 * @param shown how a message names it
 * @param tokens the stand-in, which is closed in the end
 * @param file where the worker has a token in a file
 * @param server who answers for the zone
 * @param beside what else has to know which fault comes
 */
record Source(
    String name,
    String shown,
    TokenService tokens,
    @Nullable Path file,
    Map<String, String> environment,
    List<String> options,
    String zone,
    String server,
    Consumer<Fault> beside) {
  private static final Set<Fault> MAY_KEEP_FROM_ASKING =
      Set.of(Fault.NO_FILE, Fault.EMPTY_FILE, Fault.UNKNOWN_AUTHORITY, Fault.ABSENT);

  /** What became of a fault. */
  record Row(Source source, Fault fault, Ended ended) {}

  /** A worker of its own meets one fault after the other, and in between none. */
  List<Row> meets(Fault... faults) {
    List<Row> rows = new ArrayList<>();
    try (tokens;
        CredentialSteps worker = CredentialSteps.start(environment, options, zone, server)) {
      for (Fault fault : faults) {
        if (fault == Fault.ABSENT && faults.length > 1) {
          wellAgain(worker);
        }
        Ended ended = step(worker, fault);
        rows.add(new Row(this, fault, ended));
        assertThat(tokens.asked().isEmpty() && !MAY_KEEP_FROM_ASKING.contains(fault))
            .as("%s was not asked, %s: %s", name, fault, ended)
            .isFalse();
      }
      if (faults[faults.length - 1] != Fault.ABSENT) {
        wellAgain(worker);
      }
    }
    return rows;
  }

  private Ended step(CredentialSteps worker, Fault fault) {
    if (file != null) {
      SourceFiles.put(file, fault);
    }
    tokens.fails(fault);
    beside.accept(fault);
    return worker.next();
  }

  /** An answer that a busy machine gave too late is asked for again, as by any worker. */
  private void wellAgain(CredentialSteps worker) {
    Ended ended = step(worker, Fault.NONE);
    for (int more = 0; more < 3 && ended.kind().equals(Failures.TRANSIENT); more++) {
      ended = worker.next();
    }
    assertThat(ended.kind()).as("%s, without a fault: %s", name, ended).isEmpty();
  }
}
