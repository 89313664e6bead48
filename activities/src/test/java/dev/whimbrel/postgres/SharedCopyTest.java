package dev.whimbrel.postgres;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import dev.whimbrel.activity.CopyOpening;
import dev.whimbrel.activity.Failures;
import dev.whimbrel.activity.Move;
import dev.whimbrel.activity.Outcome;
import dev.whimbrel.activity.Side;
import dev.whimbrel.secrets.Secrets;
import dev.whimbrel.servers.Needs;
import dev.whimbrel.servers.Program;
import io.temporal.failure.ApplicationFailure;
import java.sql.Connection;
import java.sql.SQLException;
import java.time.Duration;
import java.util.concurrent.atomic.AtomicInteger;
import org.jspecify.annotations.Nullable;
import org.junit.jupiter.api.AfterAll;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

/** Three subscriptions share the tables from the copy's one slot on. */
@Needs(Program.PG_DUMP)
class SharedCopyTest {
  private static final String LISTED =
      "SELECT string_agg(p.pubname || ' ' || r.prrelid::regclass, ', ' ORDER BY 1) FROM pg_publication_rel r JOIN pg_publication p ON p.oid = r.prpubid";

  private static Pairs pair;

  @BeforeAll
  static void startServers() {
    pair = Pairs.of(15, 16);
  }

  @AfterAll
  static void stopServers() {
    pair.close();
  }

  private static StagedShop shop(String name) throws Exception {
    return new StagedShop(pair, name, move -> move.sharedBy(3));
  }

  private static void copied(StagedShop shop) {
    shop.copy.prepareCopy(shop.move);
    shop.copyFrom(1);
    shop.copy.finishCopy(shop.move);
  }

  @Test
  void keepsTogetherWhatIsTiedAndSharesTheRestOnceAndForAll() throws Exception {
    try (StagedShop shop = shop("shared")) {
      shop.copy.prepareCopy(shop.move);
      String listed = shop.onSource(LISTED);
      pair.source()
          .execute("shared", "UPDATE customer SET name = name || i FROM generate_series(1, 50) i");
      shop.copy.prepareCopy(shop.move);
      shop.copyFrom(1);
      shop.copy.prepareCopy(shop.move);
      Outcome copied = shop.finish();

      assertThat(shop.onSource(LISTED)).isEqualTo(listed);
      assertThat(streamOf(shop, "customer")).isEqualTo(streamOf(shop, "archive"));
      assertThat(streamOf(shop, "person")).isEqualTo(streamOf(shop, "employee"));
      assertThat(copied.line()).contains(" rows in 10 tables, ");
      assertThat(
              shop.onTarget(
                  "SELECT string_agg(subname || ' ' || subslotname, ', ' ORDER BY 1) FROM pg_subscription s JOIN pg_database d ON d.oid = s.subdbid WHERE datname = current_database()"))
          .isEqualTo(
              "whimbrel_shared_forward_1 whimbrel_shared_forward_1, whimbrel_shared_forward_2 whimbrel_shared_forward_2, whimbrel_shared_forward_3 whimbrel_shared_forward_3");
      assertThat(
              shop.onSource(
                  "SELECT string_agg(slot_name, ', ' ORDER BY 1) FROM pg_replication_slots WHERE database = current_database()"))
          .isEqualTo(
              "whimbrel_shared_forward_1, whimbrel_shared_forward_2, whimbrel_shared_forward_3");
      assertThat(shop.replication.subscribe(shop.move).line())
          .isEqualTo("10 tables are subscribed already, by 3 streams");
    }
  }

  @Test
  void carriesATruncateOfTablesThatForeignKeysTie() throws Exception {
    try (StagedShop shop = shop("emptied")) {
      copied(shop);
      shop.replication.subscribe(shop.move);
      shop.schema.createRest(shop.move);
      pair.source()
          .execute(
              "emptied",
              "BEGIN; TRUNCATE customer, archive, person; INSERT INTO customer VALUES (1, 'new'); COMMIT");

      shop.assertArrived();

      assertThat(shop.onTarget("SELECT count(*) FROM archive")).isEqualTo("0");
      assertThat(shop.onTarget("SELECT count(*) FROM customer")).isEqualTo("1");
      assertThat(
              shop.onTarget(
                  "SELECT sum(apply_error_count) FROM pg_stat_subscription_stats WHERE subname LIKE 'whimbrel_emptied%'"))
          .isEqualTo("0");
    }
  }

  @Test
  void bringsWhatWasWrittenToEachShareToANewSnapshot() throws Exception {
    try (StagedShop shop = shop("again")) {
      shop.copy.prepareCopy(shop.move);
      // All of it, so that what is written behind it concerns the tables of every stream.
      shop.copyFrom(1);
      long before = shop.load.acknowledged();
      Wait.until(
          "writes flow", Duration.ofSeconds(10), () -> shop.load.acknowledged() > before + 50);
      pair.source()
          .execute(
              "again",
              "UPDATE archive SET text = 'changed' WHERE id % 500 = 0",
              "DELETE FROM archive WHERE id % 501 = 0",
              "UPDATE person SET id = id + 1000 WHERE id = 5",
              "INSERT INTO customer VALUES (1000, 'new')");

      CopyOpening opening = shop.copyFrom(2);
      shop.finish();

      assertThat(opening.line()).startsWith("snapshot 2 at ");
      assertThat(shop.onTarget("SELECT count(*) FROM archive WHERE text = 'changed'"))
          .isNotEqualTo("0");
    }
  }

  @Test
  void goesOnWhereAnAttemptDiedBetweenTwoSubscriptions() throws Exception {
    try (StagedShop shop = shop("between")) {
      copied(shop);
      // Nobody begins a stream elsewhere than the copy ends: the third is refused.
      pair.source()
          .execute(
              "between",
              "SELECT pg_create_logical_replication_slot('whimbrel_between_forward_3', 'pgoutput')");
      assertThatThrownBy(() -> shop.replication.subscribe(shop.move))
          .hasMessageContaining("Replication slot whimbrel_between_forward_3 begins at ");
      assertThat(
              shop.onTarget(
                  "SELECT count(*) FROM pg_subscription WHERE subname LIKE 'whimbrel_between%'"))
          .isEqualTo("2");
      long before = shop.load.acknowledged();
      Wait.until(
          "writes flow", Duration.ofSeconds(10), () -> shop.load.acknowledged() > before + 100);
      pair.source()
          .execute("between", "SELECT pg_drop_replication_slot('whimbrel_between_forward_3')");

      shop.replication.subscribe(shop.move);
      shop.schema.createRest(shop.move);

      shop.assertArrived();
      assertThat(
              shop.onSource(
                  "SELECT count(*) FROM pg_replication_slots WHERE slot_name LIKE 'whimbrel_between_copy%'"))
          .isEqualTo("0");
    }
  }

  @Test
  void changesNoShareBehindASlot() throws Exception {
    try (StagedShop shop = shop("behind")) {
      copied(shop);
      String log = "whimbrel_behind_forward_" + streamOf(shop, "log");
      pair.source().execute("behind", "ALTER PUBLICATION " + log + " DROP TABLE ONLY log");
      assertThatThrownBy(() -> shop.copy.prepareCopy(shop.move))
          .hasMessageContaining("None of the streams carries public.log: created, or taken out");
      assertThatThrownBy(() -> shop.replication.subscribe(shop.move))
          .hasMessageContaining("None of the streams carries public.log")
          .hasMessageContaining("behind a slot, no table changes its stream");
      String own = streamOf(shop, "entry");
      int other = Integer.parseInt(own) % 3 + 1;
      pair.source()
          .execute(
              "behind",
              "ALTER PUBLICATION " + log + " ADD TABLE ONLY log",
              "ALTER PUBLICATION whimbrel_behind_forward_" + other + " ADD TABLE ONLY entry");
      assertThatThrownBy(() -> shop.replication.subscribe(shop.move))
          .hasMessageContaining("Two publications list public.entry");
      pair.source()
          .execute(
              "behind",
              "ALTER PUBLICATION whimbrel_behind_forward_" + own + " DROP TABLE ONLY entry");
      assertThatThrownBy(() -> shop.replication.subscribe(shop.move))
          .hasMessageContaining("Somebody took public.entry out of its stream's publication");
      assertThat(
              shop.onTarget(
                  "SELECT count(*) FROM pg_subscription WHERE subname LIKE 'whimbrel_behind%'"))
          .isEqualTo("0");
    }
  }

  /** Of none of them a marker would ever arrive, or nobody could say any more who carries what. */
  @Test
  void beginsNoStreamWithoutItsMarkersNorWithoutTheRecord() throws Exception {
    try (StagedShop shop = shop("unmarked")) {
      copied(shop);
      try (Connection source = pair.source().connect("unmarked")) {
        assertThatThrownBy(() -> Markers.create(source, Side.SOURCE, shop.move.sharedBy(2)))
            .hasMessageContaining(
                "The source has streams of an earlier run of this migration, which had another number of subscriptions than 2: replication slot whimbrel_unmarked_copy_1");
      }
      String marker = "whimbrel_unmarked_forward_2 %s TABLE ONLY whimbrel.marker_forward_2";
      pair.source().execute("unmarked", "ALTER PUBLICATION " + marker.formatted("DROP"));
      assertThatThrownBy(() -> shop.replication.subscribe(shop.move))
          .hasMessageContaining(
              "Publication whimbrel_unmarked_forward_2 does not list its table of markers");
      pair.source()
          .execute(
              "unmarked",
              "ALTER PUBLICATION " + marker.formatted("ADD"),
              "ALTER TABLE whimbrel.shared_table RENAME TO elsewhere");
      assertThatThrownBy(() -> shop.replication.subscribe(shop.move))
          .hasMessageContaining("The source has no table whimbrel.shared_table");
      pair.source().execute("unmarked", "ALTER TABLE whimbrel.elsewhere RENAME TO shared_table");

      shop.replication.subscribe(shop.move);
      shop.schema.createRest(shop.move);
      shop.assertArrived();
    }
  }

  /** The runbook may say another number when a name is started anew. */
  @ParameterizedTest
  @ValueSource(ints = {1, 2})
  void leavesNoStreamBehindOfWhateverNumberThereWere(int now) throws Exception {
    String name = "number" + now;
    try (StagedShop shop = shop(name)) {
      copied(shop);
      shop.replication.subscribe(shop.move);
      Move other = shop.move.sharedBy(now);
      assertThatThrownBy(() -> shop.copy.prepareCopy(other))
          .hasMessageContaining(
              "The source has streams of an earlier run of this migration, which had another number of subscriptions than "
                  + now)
          .hasMessageContaining("replication slot whimbrel_" + name + "_forward_3");

      shop.replication.unsubscribe(other);

      assertThat(
              shop.onTarget(
                  "SELECT count(*) FROM pg_subscription WHERE subname LIKE 'whimbrel_"
                      + name
                      + "%'"))
          .isEqualTo("0");
      assertThat(
              shop.onSource(
                  """
                  SELECT (SELECT count(*) FROM pg_replication_slots WHERE database = current_database())
                       + (SELECT count(*) FROM pg_publication)
                       + (SELECT count(*) FROM pg_roles WHERE rolname LIKE 'whimbrel_%s%%')"""
                      .formatted(name)))
          .isEqualTo("0");
      shop.schema.dropSchema(other);
      pair.claim(other);
      shop.schema.createTables(other);
      shop.copy.prepareCopy(other);
      assertThat(shop.onSource("SELECT count(*) FROM pg_publication"))
          .isEqualTo(Integer.toString(now));
    }
  }

  /** Slots and roles are of the whole cluster. */
  @Test
  void leavesWhatBelongsToAnotherDatabaseOfTheCluster() throws Exception {
    String other = "whimbrel_ours_forward_2";
    try (StagedShop shop = shop("ours")) {
      pair.source().createDatabase("theirs");
      pair.source()
          .execute(
              "theirs",
              "SELECT pg_create_logical_replication_slot('" + other + "', 'pgoutput')",
              "CREATE ROLE whimbrel_ours$forward_2",
              "CREATE ROLE whimbrel_ours",
              "GRANT CONNECT ON DATABASE theirs TO whimbrel_ours$forward_2, whimbrel_ours");

      assertThat(shop.replication.unsubscribe(shop.move.sharedBy(1)).line())
          .isEqualTo("the forward stream is removed; role whimbrel_ours is still in use and stays");
      shop.replication.unsubscribe(shop.move);

      assertThat(
              shop.onSource(
                  "SELECT (SELECT count(*) FROM pg_replication_slots WHERE slot_name = '%s') || ' ' || (SELECT count(*) FROM pg_roles WHERE rolname LIKE 'whimbrel_ours%%')"
                      .formatted(other)))
          .isEqualTo("1 2");
      pair.source()
          .execute(
              "theirs",
              "SELECT pg_drop_replication_slot('" + other + "')",
              "REVOKE CONNECT ON DATABASE theirs FROM whimbrel_ours$forward_2, whimbrel_ours",
              "DROP ROLE whimbrel_ours$forward_2, whimbrel_ours");
    }
  }

  @Test
  void saysWhichStreamANewTableBelongsTo() throws Exception {
    try (StagedShop shop = shop("newer")) {
      copied(shop);
      shop.replication.subscribe(shop.move);
      pair.source()
          .execute(
              "newer",
              "CREATE TABLE note (id int PRIMARY KEY, whose int REFERENCES person)",
              "CREATE TABLE memo (id int PRIMARY KEY, note int REFERENCES note)",
              "CREATE TABLE bill (id int PRIMARY KEY, customer int REFERENCES customer)");
      assertThat(streamOf(shop, "person")).isNotEqualTo(streamOf(shop, "customer"));

      try (Connection source = pair.source().connect("newer");
          Connection target = pair.target().connect("newer")) {
        StreamHealth health = new StreamHealth(source, target, shop.move);
        health.look();
        assertThatThrownBy(health::requireAllTables)
            .hasMessageContaining(
                "The forward stream does not carry public.bill, public.memo, public.note: created")
            .satisfies(
                e ->
                    assertThat(command(e))
                        .contains(
                            "ALTER PUBLICATION whimbrel_newer_forward_%s ADD TABLE public.bill;"
                                .formatted(streamOf(shop, "customer"))));
        pair.source().execute("newer", "DROP TABLE bill");
        assertThatThrownBy(health::requireAllTables)
            .satisfies(
                e ->
                    assertThat(command(e))
                        .contains(
                            "ALTER PUBLICATION whimbrel_newer_forward_%s ADD TABLE public.memo, public.note;"
                                .formatted(streamOf(shop, "person"))));
        String own = "whimbrel_newer_forward_" + streamOf(shop, "log");
        pair.source().execute("newer", "ALTER PUBLICATION " + own + " DROP TABLE ONLY log");
        assertThatThrownBy(health::requireAllTables)
            .hasMessageContaining("Somebody took public.log out of its stream's publication");
        pair.target().execute("newer", "ALTER SUBSCRIPTION whimbrel_newer_forward_2 DISABLE");
        assertThatThrownBy(health::look)
            .hasMessageContaining("somebody disabled its subscription on the target");
      }
    }
  }

  /** Each transaction writes to three streams: at one position both sides have all of it. */
  @Test
  void comparesAtOnePositionOfAllStreams() throws Exception {
    try (StagedShop shop = shop("position")) {
      Wait.until(
          "the statistics know of more writes to each than the other tables were made with",
          Duration.ofSeconds(30),
          () ->
              Integer.parseInt(
                      shop.onSource(
                          "SELECT n_tup_ins FROM pg_stat_user_tables WHERE relname = 'entry'"))
                  > 200);
      copied(shop);
      shop.replication.subscribe(shop.move);
      shop.replication.awaitCaughtUp(shop.move);
      assertThat(
              shop.onSource(
                  "SELECT count(DISTINCT pubname) > 1 FROM pg_publication_tables WHERE tablename IN ('entry', 'event_0', 'counter', 'log')"))
          .isEqualTo("t");
      String counts =
          "SELECT (SELECT count(*) FROM public.entry) || ' ' || (SELECT count(*) FROM public.event) || ' ' || (SELECT sum(total) FROM public.counter) || ' ' || (SELECT count(*) FROM public.log)";

      Databases databases = new Databases(new Secrets());
      int exact = 0;
      try (Behind entry = new Behind(pair.target().connect("position"), "public.entry");
          SamePosition position =
              SamePosition.open(
                  databases,
                  shop.move,
                  QuerySessions.of(databases, shop.move, QuerySessions.LIMIT))) {
        for (int i = 0; i < 10; i++) {
          position.take();
          String source = Answers.text(position.source(), counts);
          String target = Answers.text(position.target(), counts);
          if (position.isExact()) {
            exact++;
            assertThat(target).as("round %d", i).isEqualTo(source);
          }
        }
        assertThat(entry.times()).isGreaterThan(2);
      }
      assertThat(exact).isGreaterThan(5);
    }
  }

  /** Keeps the stream of a table behind the others for about half of the time. */
  private static final class Behind implements AutoCloseable {
    private final Connection holder;
    private final Thread thread;
    private volatile boolean stop;
    private final AtomicInteger times = new AtomicInteger();

    Behind(Connection holder, String table) {
      this.holder = holder;
      this.thread = new Thread(() -> hold(table), "behind");
      thread.start();
    }

    private void hold(String table) {
      try {
        holder.setAutoCommit(false);
        while (!stop) {
          Verbatim.execute(holder, "LOCK TABLE " + table + " IN EXCLUSIVE MODE");
          times.incrementAndGet();
          Load.rest(100);
          holder.rollback();
          Load.rest(100);
        }
      } catch (SQLException e) {
        throw new IllegalStateException(e);
      }
    }

    int times() {
      return times.get();
    }

    @Override
    public void close() {
      stop = true;
      try {
        thread.join();
      } catch (InterruptedException e) {
        Thread.currentThread().interrupt();
      }
      Load.quietly(holder);
    }
  }

  private static @Nullable String command(Throwable e) {
    return ((ApplicationFailure) e).getDetails().get(Failures.Help.class).command();
  }

  private static String streamOf(StagedShop shop, String table) throws Exception {
    return shop.onSource(
        "SELECT right(pubname, 1) FROM pg_publication_tables WHERE schemaname = 'public' AND tablename = '"
            + table
            + "'");
  }
}
