package dev.whimbrel.postgres;

import static org.assertj.core.api.Assertions.assertThat;

import dev.whimbrel.activity.Move;
import dev.whimbrel.activity.Side;
import dev.whimbrel.runbook.TablesSpec;
import java.sql.Connection;
import java.sql.SQLException;
import java.sql.Statement;
import java.util.ArrayList;
import java.util.List;
import org.junit.jupiter.api.Test;

/** Questions about what moves, while a job makes what does not. */
class SettledTest {
  private final List<Integer> seen = new ArrayList<>();

  @Test
  void asksAgainUntilTheChoiceStoodStill() throws Exception {
    try (Pairs pair = Pairs.of(15, 16)) {
      pair.source().createDatabase("settled");
      pair.target().createDatabase("settled");
      Move all = pair.move("settled");
      Move choosing = all.choosing(new TablesSpec(List.of(), List.of("public.tmp_*"), List.of()));
      try (Connection source = pair.source().connect("settled")) {
        assertThat(asked(choosing, source, 1)).containsExactly(0, 1);
        assertThat(asked(choosing, source, 0)).containsExactly(1);
        // Nobody waits for a job that never rests.
        assertThat(asked(choosing, source, Integer.MAX_VALUE)).containsExactly(1, 2, 3, 4, 5);
        assertThat(asked(all, source, 1)).containsExactly(0);
      }
    }
  }

  /** How many tables were left out in each question, of which the first few make one more. */
  private List<Integer> asked(Move move, Connection source, int making) throws SQLException {
    seen.clear();
    int answer =
        Settled.ask(
            Side.SOURCE,
            move,
            source,
            selection -> {
              int leftOut = selection.leftOut().size();
              seen.add(leftOut);
              if (seen.size() <= making) {
                try (Statement statement = source.createStatement()) {
                  statement.execute("CREATE TABLE tmp_%s ()".formatted(System.nanoTime()));
                }
              }
              return leftOut;
            });
    assertThat(seen).endsWith(answer);
    return List.copyOf(seen);
  }
}
