package dev.whimbrel.postgres;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import dev.whimbrel.activity.Move;
import dev.whimbrel.activity.Side;
import java.sql.Connection;
import org.junit.jupiter.api.AfterAll;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.Test;

/** What is tied together, before and behind the sharing. */
class SharingTest {
  private static Pairs pair;

  @BeforeAll
  static void start() {
    pair = Pairs.of(15, 16);
  }

  @AfterAll
  static void stop() {
    pair.close();
  }

  @Test
  void keepsHeirsWithTheirParentAndNoticesAPartitionOfAnotherStream() throws Exception {
    Move move = pair.database("tied").sharedBy(2);
    pair.source()
        .execute(
            "tied",
            "CREATE TABLE person (id int PRIMARY KEY)",
            "CREATE TABLE employee (PRIMARY KEY (id)) INHERITS (person)",
            "CREATE TABLE event (id int, k int, PRIMARY KEY (id, k)) PARTITION BY LIST (k)",
            "CREATE TABLE event_1 PARTITION OF event FOR VALUES IN (1)",
            "CREATE TABLE busy (id int, k int NOT NULL, PRIMARY KEY (id, k))",
            "INSERT INTO busy SELECT i, 2 FROM generate_series(1, 20000) i",
            "INSERT INTO event SELECT i, 1 FROM generate_series(1, 9000) i");
    try (Connection source = pair.source().connect("tied")) {
      Markers.create(source, Side.SOURCE, move);
      Sharing sharing = new Sharing(source, move);
      sharing.publish();
      assertThat(listed("employee")).isEqualTo(listed("person"));
      assertThat(listed("event")).isNotEqualTo(listed("busy"));
      assertThat(sharing.requirePublished()).isEqualTo(4);

      pair.source().execute("tied", "ALTER TABLE event ATTACH PARTITION busy FOR VALUES IN (2)");
      assertThatThrownBy(sharing::requirePublished)
          .hasMessageContaining("Two publications list public.busy; behind a slot, no table");

      // No slot is there yet: they are shared once more, and come together.
      assertThat(sharing.publish()).isEqualTo(4);
      assertThat(listed("busy")).isEqualTo("0");
      assertThat(
              Pairs.value(
                  pair.source(),
                  "tied",
                  "SELECT count(DISTINCT pubname) FROM pg_publication_tables WHERE tablename IN ('busy', 'event_1')"))
          .isEqualTo("1");

      pair.source().execute("tied", "CREATE TABLE manager (PRIMARY KEY (id)) INHERITS (employee)");
      assertThat("whimbrel_tied_forward_" + listed("person"))
          .isEqualTo(sharing.streamOf("public.manager").forwardPublication());
    }
  }

  /** The stream that lists it; 0 for none. */
  private static String listed(String table) throws Exception {
    return Pairs.value(
        pair.source(),
        "tied",
        "SELECT coalesce(max(right(p.pubname, 1)), '0') FROM pg_publication_rel r JOIN pg_publication p ON p.oid = r.prpubid WHERE r.prrelid = '%s'::regclass"
            .formatted(table));
  }
}
