package dev.whimbrel.postgres;

import static org.assertj.core.api.Assertions.assertThat;

import dev.whimbrel.postgres.SecondLook.Verdict;
import java.lang.reflect.Proxy;
import java.sql.Connection;
import java.util.ArrayDeque;
import java.util.Deque;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.function.IntFunction;
import org.junit.jupiter.api.Test;

class SecondLookTest {
  private static final List<String> ROW = List.of("17");
  private static final RowState ABSENT = RowState.ABSENT;

  private final Deque<String> journal = new ArrayDeque<>();

  @Test
  void believesARowThatIsRightBehindTheStream() throws Exception {
    Verdict verdict = judge(look -> row("new", 1), round -> row("new", 9));

    assertThat(verdict.wrong()).isEmpty();
    assertThat(verdict.inFlux()).isEmpty();
    assertThat(journal).containsExactly("truth", "stream", "follower", "truth");
  }

  @Test
  void reportsARowThatDiffersTwiceWhileNeitherSideChanges() throws Exception {
    Verdict verdict = judge(look -> row("new", 1), round -> row("old", 9));

    assertThat(verdict.wrong()).containsOnlyKeys(ROW);
    assertThat(journal).hasSize(8);
  }

  @Test
  void reportsARowThatIsMissing() throws Exception {
    assertThat(judge(look -> row("new", 1), round -> ABSENT).wrong()).containsOnlyKeys(ROW);
  }

  @Test
  void reportsARowThatOnlyTheFollowerHas() throws Exception {
    assertThat(judge(look -> ABSENT, round -> row("old", 9)).wrong()).containsOnlyKeys(ROW);
  }

  @Test
  void doesNotReportARowThatWasDeletedAndInsertedAgainBetweenTheLooks() throws Exception {
    // The truth is absent at every look, and the follower holds another version at each.
    Verdict verdict = judge(look -> ABSENT, round -> round < 4 ? row("x", round) : ABSENT);

    assertThat(verdict.wrong()).isEmpty();
    assertThat(verdict.inFlux()).isEmpty();
  }

  @Test
  void doesNotReportARowThatWentBackToItsOldContent() throws Exception {
    Verdict verdict = judge(look -> row("same", look), round -> row("between", round));

    assertThat(verdict.wrong()).isEmpty();
  }

  @Test
  void countsARowThatNeverStandsStillAsInFlux() throws Exception {
    Verdict verdict = judge(look -> row("v" + look, look), round -> row("u" + round, round));

    assertThat(verdict.wrong()).isEmpty();
    assertThat(verdict.inFlux()).isEqualTo(Set.of(ROW));
  }

  @Test
  void reportsABusyRowThatIsMissingAtEveryLook() throws Exception {
    Verdict verdict = judge(look -> row("v" + look, look), round -> ABSENT);

    assertThat(verdict.wrong()).containsOnlyKeys(ROW);
  }

  private Verdict judge(IntFunction<RowState> truth, IntFunction<RowState> follower)
      throws Exception {
    Connection truthSession = session();
    Connection followerSession = session();
    int[] looks = new int[2];
    StreamPoint stream =
        new StreamPoint() {
          @Override
          public void pass() {
            journal.add("stream");
          }

          @Override
          public void close() {}
        };
    return new SecondLook(stream)
        .judge(
            new Pair(truthSession, followerSession),
            List.of(ROW),
            (connection, rows) -> {
              boolean ofTruth = connection == truthSession;
              journal.add(ofTruth ? "truth" : "follower");
              RowState state = ofTruth ? truth.apply(looks[0]++) : follower.apply(looks[1]++);
              Map<List<String>, RowState> found = new HashMap<>();
              if (state.count() > 0) {
                found.put(ROW, state);
              }
              return found;
            });
  }

  private static RowState row(String content, int version) {
    return new RowState(1, content, content, Integer.toString(version), "(0,1)");
  }

  /** A session that nothing is asked of. */
  private static Connection session() {
    return (Connection)
        Proxy.newProxyInstance(
            SecondLookTest.class.getClassLoader(),
            new Class<?>[] {Connection.class},
            (proxy, method, arguments) -> {
              throw new AssertionError("unexpected call of " + method.getName());
            });
  }
}
