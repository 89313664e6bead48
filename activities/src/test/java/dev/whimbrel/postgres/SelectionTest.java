package dev.whimbrel.postgres;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import dev.whimbrel.activity.Finding;
import dev.whimbrel.activity.Move;
import dev.whimbrel.activity.Side;
import dev.whimbrel.runbook.PostgresSpec;
import dev.whimbrel.runbook.TablesSpec;
import dev.whimbrel.secrets.Secrets;
import java.sql.Connection;
import java.sql.SQLException;
import java.sql.Statement;
import java.time.Duration;
import java.util.List;
import java.util.Set;
import org.junit.jupiter.api.AfterAll;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.Test;

/** What a runbook leaves out, and what it may not. */
class SelectionTest {
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
  void takesPartitionsAlongWithTheirRootAndSequencesWithTheirTable() throws Exception {
    Move move =
        database(
            "along",
            choice(List.of(), List.of("audit.*", "public.\"Old \"*"), List.of("public.cache")),
            "CREATE SCHEMA audit",
            "CREATE TABLE audit.log (id bigserial PRIMARY KEY, more bigint GENERATED ALWAYS AS IDENTITY)",
            "CREATE TABLE audit.day (at date NOT NULL) PARTITION BY RANGE (at)",
            "CREATE TABLE day_1 PARTITION OF audit.day FOR VALUES FROM ('2020-01-01') TO ('2021-01-01') PARTITION BY RANGE (at)",
            "CREATE TABLE day_1_1 PARTITION OF day_1 DEFAULT",
            "CREATE VIEW audit.recent AS SELECT * FROM audit.log",
            "CREATE SEQUENCE audit.free",
            "CREATE TABLE \"Old Orders\" (id int)",
            "CREATE TABLE orders (id serial PRIMARY KEY)",
            "CREATE TABLE cache (id serial PRIMARY KEY) PARTITION BY RANGE (id)",
            "CREATE TABLE cache_1 PARTITION OF cache DEFAULT");

    Selection source = selection(move, Side.SOURCE);
    Selection target = selection(move, Side.TARGET);

    assertThat(source.leftOut())
        .extracting(Selection.Relation::label)
        .containsExactlyInAnyOrder(
            "audit.day",
            "audit.free",
            "audit.log",
            "audit.log_id_seq",
            "audit.log_more_seq",
            "audit.recent",
            "public.\"Old Orders\"",
            "public.day_1",
            "public.day_1_1");
    assertThat(source.withoutRows())
        .extracting(Selection.Relation::label)
        .containsExactly("public.cache", "public.cache_1");
    assertThat(target.leftOut()).isEmpty();
    assertThat(DumpChoice.ofWhatStays(source))
        .containsExactly("\"audit\".*", "\"public\".(\"Old Orders\"|\"day_1\"|\"day_1_1\")");
    assertThat(findings(move)).noneMatch(line -> line.startsWith("BLOCKER"));
    pair.target().execute("along", "CREATE SCHEMA audit", "CREATE TABLE audit.log (id int)");
    assertThat(selection(move, Side.TARGET).leftOut()).isEmpty();
    pair.source().execute("along", "CREATE EXTENSION pg_stat_statements SCHEMA audit");
    assertThat(selection(move, Side.SOURCE).leftOut())
        .extracting(Selection.Relation::name)
        .doesNotContain("pg_stat_statements");
  }

  @Test
  void leavesAPartitionOutWithItsRootWhileItIsBeingDetached() throws Exception {
    Move move =
        database(
            "detached",
            choice(List.of(), List.of("public.day"), List.of()),
            "CREATE TABLE day (id int) PARTITION BY RANGE (id)",
            "CREATE TABLE day_1 PARTITION OF day FOR VALUES FROM (0) TO (10)",
            "CREATE TABLE kept (id int PRIMARY KEY)");
    try (Connection reader = pair.source().connect("detached");
        Connection detaching = pair.source().connect("detached");
        Statement statement = detaching.createStatement()) {
      reader.setAutoCommit(false);
      reader.createStatement().execute("SELECT count(*) FROM day");
      Thread detach =
          new Thread(
              () -> {
                try {
                  statement.execute("ALTER TABLE day DETACH PARTITION day_1 CONCURRENTLY");
                } catch (SQLException e) {
                  // It is cancelled below, which leaves the partition half detached.
                }
              });
      detach.start();
      Wait.until(
          "the partition is being detached",
          Duration.ofSeconds(20),
          () ->
              Pairs.value(
                      pair.source(),
                      "detached",
                      "SELECT inhdetachpending FROM pg_inherits WHERE inhrelid = 'day_1'::regclass")
                  .equals("t"));
      statement.cancel();
      detach.join();
    }

    assertThat(selection(move, Side.SOURCE).leftOut())
        .extracting(Selection.Relation::label)
        .containsExactly("public.day", "public.day_1");
    assertThat(findings(move)).noneMatch(line -> line.startsWith("BLOCKER"));
  }

  /** A soak that saw no writes proves nothing. */
  @Test
  void countsTheWritesOfWhatMovesAlone() throws Exception {
    Move move =
        database(
            "written",
            choice(List.of(), List.of("public.past"), List.of("public.cache")),
            "CREATE TABLE past (id int PRIMARY KEY)",
            "CREATE TABLE cache (id int PRIMARY KEY)",
            "CREATE TABLE orders (id int PRIMARY KEY)");
    try (Connection source = pair.source().connect("written")) {
      Selection selection = Selection.of(move, source);

      pair.source()
          .execute("written", "INSERT INTO past VALUES (1)", "INSERT INTO cache VALUES (1)");
      Wait.until(
          "both are counted",
          Duration.ofSeconds(30),
          () -> Lag.writes(source, Selection.EVERYTHING) == 2);
      assertThat(Lag.writes(source, selection)).isZero();
      pair.source().execute("written", "INSERT INTO orders VALUES (1)");
      Wait.until(
          "the third is counted", Duration.ofSeconds(30), () -> Lag.writes(source, selection) == 1);
    }
    assertThat(findings(move))
        .contains(
            "WARNING left-out-written source: public.past: written to, as the statistics have it, and not"
                + " moved: WHOEVER WRITES THERE IS REFUSED from the hand-over on.");
  }

  @Test
  void movesNothingButWhatIsIncluded() throws Exception {
    Move move =
        database(
            "included",
            choice(List.of("shop.*"), List.of("shop.tmp_*"), List.of()),
            "CREATE SCHEMA shop",
            "CREATE TABLE shop.orders (id serial PRIMARY KEY)",
            "CREATE TABLE shop.tmp_orders (id int)",
            "CREATE TABLE other (id int)");

    assertThat(selection(move, Side.SOURCE).leftOut())
        .extracting(Selection.Relation::label)
        .containsExactly("public.other", "shop.tmp_orders");
    assertThat(findings(move))
        .anyMatch(
            line ->
                line.matches(
                    "NOTE left-out source: 2 relations are not moved, as the runbook says, with about .*:"
                        + " public.other, shop.tmp_orders\\. After the hand-over they are closed on the"
                        + " source like everything else, and open again after a rollback, as they were"));
  }

  @Test
  void warnsOfTriggersWhoseTextNamesWhatStays() throws Exception {
    Move move =
        database(
            "audited",
            choice(List.of(), List.of("audit.*"), List.of()),
            "CREATE SCHEMA audit",
            "CREATE TABLE audit.log (line text)",
            "CREATE TABLE orders (id int PRIMARY KEY)",
            "CREATE FUNCTION note() RETURNS trigger LANGUAGE plpgsql AS"
                + " 'BEGIN INSERT INTO audit.log VALUES (NEW.id); RETURN NEW; END'",
            "CREATE FUNCTION logged() RETURNS trigger LANGUAGE plpgsql AS"
                + " 'BEGIN PERFORM catalogue(); RETURN NEW; END'",
            "CREATE TRIGGER note AFTER INSERT ON orders FOR EACH ROW EXECUTE FUNCTION note()",
            "CREATE TRIGGER logged AFTER INSERT ON orders FOR EACH ROW EXECUTE FUNCTION logged()");

    assertThat(findings(move))
        .filteredOn(line -> line.contains("trigger-names-left-out"))
        .containsExactly(
            "WARNING trigger-names-left-out note: is a trigger function of a table that moves, and its"
                + " text holds the name of audit.log, which does not: where it writes there, EVERY WRITE"
                + " TO ITS TABLE FAILS on the target. Fix: let audit.log move too, or take the trigger off");
    assertThat(findings(move.choosing(choice(List.of(), List.of("*.*"), List.of()))))
        .contains("BLOCKER tables replicate.tables: nothing would move. Fix: correct the patterns");
  }

  @Test
  void refusesPatternsThatFindNothingOrPartOfSomething() throws Exception {
    Move move =
        database(
            "slips",
            choice(
                List.of(),
                List.of("public.ordres", "public.day_1", "public.tmp_*", "pubic.*"),
                List.of("public.orders_id_seq")),
            "CREATE TABLE orders (id serial PRIMARY KEY)",
            "CREATE TABLE day (id int PRIMARY KEY) PARTITION BY RANGE (id)",
            "CREATE TABLE day_1 PARTITION OF day DEFAULT");

    assertThat(findings(move))
        .contains(
            "BLOCKER tables replicate.tables.exclude: 'public.ordres' finds no table of the source. Did"
                + " you mean 'public.orders'? Fix: correct the pattern, or take it out",
            "BLOCKER tables replicate.tables.exclude: 'pubic.*' finds no table of the source. Fix: correct the"
                + " pattern, or take it out",
            "WARNING tables replicate.tables.exclude: 'public.tmp_*' finds no table of the source now: what it"
                + " should leave out MOVES unless it has such a name when it is made.",
            "BLOCKER tables replicate.tables.exclude: public.day_1 cannot be chosen alone: public.day_1"
                + " goes with public.day. Partitions go with their root, sequences with the table that"
                + " owns them. Fix: replicate.tables.exclude: [public.day]; or a pattern that does not"
                + " find it",
            "BLOCKER tables replicate.tables.excludeData: 'public.orders_id_seq' finds no table of the"
                + " source. Fix: correct the pattern, or take it out");
    assertThat(
            findings(
                move.choosing(choice(List.of("public.orders", "*.day_?"), List.of(), List.of()))))
        .anyMatch(
            line ->
                line.startsWith(
                    "BLOCKER tables replicate.tables.include: public.day_1 cannot be chosen alone"));
  }

  private static final String[] NEEDY = {
    "CREATE TABLE past (id int PRIMARY KEY, note text)",
    "CREATE TABLE kept (id int PRIMARY KEY, past int CONSTRAINT kept_past REFERENCES past)",
    "CREATE TABLE parts (id int PRIMARY KEY, past int CONSTRAINT parts_past REFERENCES past) PARTITION BY RANGE (id)",
    "CREATE TABLE part_1 PARTITION OF parts DEFAULT",
    "CREATE VIEW past_view AS SELECT id FROM past",
    "CREATE MATERIALIZED VIEW past_mat AS SELECT id FROM past",
    "CREATE FUNCTION past_sum() RETURNS bigint LANGUAGE sql BEGIN ATOMIC SELECT sum(id) FROM past; END",
    "CREATE FUNCTION of_past(past) RETURNS int LANGUAGE sql AS 'SELECT 1'",
    "CREATE TABLE ruled (id int PRIMARY KEY)",
    "CREATE RULE into_past AS ON INSERT TO ruled DO ALSO INSERT INTO past VALUES (NEW.id)",
    "CREATE TABLE guarded (id int PRIMARY KEY)",
    "CREATE POLICY see ON guarded USING (EXISTS (SELECT FROM past))",
    "CREATE TABLE heir (more int) INHERITS (past)",
    "CREATE TABLE holds (id int PRIMARY KEY, was past)",
    "CREATE SEQUENCE counted OWNED BY past.id",
    "CREATE TABLE counts (id int PRIMARY KEY DEFAULT nextval('counted'))",
    "CREATE FUNCTION fire() RETURNS trigger LANGUAGE plpgsql AS 'BEGIN RETURN NEW; END'",
    "CREATE CONSTRAINT TRIGGER watched AFTER INSERT ON counts FROM past FOR EACH ROW EXECUTE FUNCTION fire()",
    "CREATE TABLE parent (id int PRIMARY KEY)",
    "CREATE TABLE child () INHERITS (parent)",
    "CREATE TABLE refers (id int PRIMARY KEY, parent int CONSTRAINT refers_parent REFERENCES parent)",
    // What belongs to the table itself, or to nothing that moves, holds nobody up.
    "CREATE INDEX ON past (note)",
    "CREATE STATISTICS past_stat ON id, note FROM past",
    "CREATE TRIGGER touched BEFORE INSERT ON past FOR EACH ROW EXECUTE FUNCTION fire()",
    "CREATE POLICY own ON past USING (true)",
    "CREATE PUBLICATION other FOR TABLE past",
    "COMMENT ON TABLE past IS 'was'"
  };

  @Test
  void refusesWhatNeedsSomethingThatStaysWithNamesAndTheFix() throws Exception {
    Move move =
        database(
            "needy", choice(List.of(), List.of("public.past", "public.child"), List.of()), NEEDY);

    List<String> blockers;
    try (Connection other = pair.source().connect("needy");
        Statement statement = other.createStatement()) {
      statement.execute("CREATE TEMP VIEW mine AS SELECT * FROM past");
      statement.execute("CREATE TEMP TABLE my (was past)");
      blockers = findings(move).stream().filter(line -> line.startsWith("BLOCKER tables")).toList();
    }

    assertThat(blockers)
        .containsExactlyInAnyOrder(
            needs("column was of table holds", "past", "holds"),
            needs("constraint kept_past on table kept", "past", "kept"),
            needs("constraint parts_past on table parts", "past", "parts"),
            needs("default value for column id of table counts", "counted", "counts"),
            alone("function of_past(past)"),
            alone("function past_sum()"),
            needs("materialized view public.past_mat", "past", "past_mat"),
            needs("policy see on table guarded", "past", "guarded"),
            needs("rule into_past on table ruled", "past", "ruled"),
            needs("table heir", "past", "heir"),
            needs("trigger watched on table counts", "past", "counts"),
            needs("view public.past_view", "past", "past_view"),
            "BLOCKER tables table public.parent: needs public.child, which inherits from it: its rows are"
                + " rows of public.parent too. Fix: leave the parent out too: replicate.tables.exclude:"
                + " [public.parent]; or let public.child move");
    try (Connection source = pair.source().connect("needy")) {
      assertThatThrownBy(() -> Severed.refuse(move, source))
          .hasMessageContaining(
              "The runbook leaves out what is needed: column was of table holds needs public.past, which"
                  + " does not move. And 12 more.");
    }
  }

  @Test
  void letsEverythingGoWhereAllThatNeedsItStaysToo() throws Exception {
    Move move =
        database(
            "needless",
            choice(
                List.of(),
                List.of(
                    "public.past*",
                    "public.kept",
                    "public.parts",
                    "public.ruled",
                    "public.guarded",
                    "public.heir",
                    "public.holds",
                    "public.counts",
                    "public.child",
                    "public.parent",
                    "public.refers"),
                List.of()),
            NEEDY);
    pair.source()
        .execute(
            "needless",
            "DROP FUNCTION past_sum()",
            "DROP FUNCTION of_past(past)",
            "CREATE TABLE moving (id int PRIMARY KEY)");

    assertThat(findings(move)).noneMatch(line -> line.startsWith("BLOCKER"));
  }

  @Test
  void refusesToLeaveRowsOutThatOthersReferTo() throws Exception {
    Move move =
        database(
            "rows",
            choice(List.of(), List.of(), List.of("public.session", "public.child")),
            "CREATE TABLE parent (id int PRIMARY KEY)",
            "CREATE TABLE child () INHERITS (parent)",
            "CREATE TABLE account (id int PRIMARY KEY)",
            "CREATE TABLE session (id int PRIMARY KEY, account int CONSTRAINT of_account REFERENCES account)",
            "CREATE TABLE visit (id int PRIMARY KEY, session int CONSTRAINT of_session REFERENCES session)",
            "CREATE VIEW sessions AS SELECT * FROM session");

    assertThat(findings(move))
        .contains(
            "BLOCKER tables foreign key of_session of public.visit: needs the rows of public.session,"
                + " which do not move. Fix: leave the rows of both out: replicate.tables.excludeData:"
                + " [public.visit]; or let the rows move",
            "BLOCKER tables table public.parent: needs public.child, which inherits from it: its rows are"
                + " rows of public.parent too. Fix: leave the parent out too:"
                + " replicate.tables.excludeData: [public.parent]; or let public.child move",
            "WARNING key-from-left-out public.session: refers to public.account, whose rows move (foreign"
                + " key of_account): after a rollback its rows on the source may refer to rows of"
                + " public.account that were deleted on the target, and TRUNCATE public.account CASCADE would stop the stream, there and back.")
        .anyMatch(
            line ->
                line.startsWith(
                    "WARNING rows-left-out source: the rows of public.child, public.session do not move"));
    assertThat(
            findings(
                move.choosing(
                    choice(
                        List.of(),
                        List.of("public.child"),
                        List.of("public.session", "public.visit", "public.parent")))))
        .noneMatch(line -> line.startsWith("BLOCKER tables foreign key"));
  }

  /** One that a rollback could not drop may carry everything. */
  @Test
  void takesOutOfAnOlderPublicationWhatIsLeftOutNow() throws Exception {
    Move move =
        database(
            "older",
            choice(List.of(), List.of("public.past"), List.of("public.cache")),
            "CREATE TABLE past (id int PRIMARY KEY)",
            "CREATE TABLE cache (id int PRIMARY KEY)",
            "CREATE TABLE kept (id int PRIMARY KEY)");
    try (Connection source = pair.source().connect("older")) {
      Markers.create(source);
      ForwardPublisher publisher = new ForwardPublisher(source, new Names("older"));

      assertThat(publisher.publish(move.choosing(null))).isEqualTo(3);
      assertThat(publisher.publish(move)).isEqualTo(1);
      assertThat(publisher.publish(move.choosing(null))).isEqualTo(3);
    }
  }

  /** As where the names that it was told were mangled on the way. */
  @Test
  void noticesThatTheSchemaBringsWhatIsLeftOut() throws Exception {
    Move move =
        database(
            "brought",
            choice(List.of(), List.of("public.\"Übung\""), List.of()),
            "CREATE TABLE \"Übung\" (id int)",
            "CREATE TABLE kept (id int)");
    PgTools tools = PgTools.find(15, System.getenv());
    for (Set<String> without : List.of(Set.<String>of(), Set.of("\"public\".(\"Übung\")"))) {
      try (SchemaArchive archive =
          SchemaArchive.dump(tools, move.source(), new Secrets(), "test", without, null)) {
        Selection selection = selection(move, Side.SOURCE);
        if (without.isEmpty()) {
          assertThatThrownBy(() -> DumpChoice.check(archive, selection))
              .hasMessageContaining(
                  "pg_dump has brought public.\"Übung\", which the runbook leaves out");
        } else {
          DumpChoice.check(archive, selection);
        }
      }
    }
  }

  /** Where a locale is not UTF-8, a letter beyond ASCII becomes pg_dump's "any character". */
  @Test
  void tellsPgDumpNothingThatLeavesMoreOut() throws Exception {
    Move move =
        database(
            "told",
            choice(List.of(), List.of("public.ü*", "public.day_*", "public.tmp_*"), List.of()),
            "CREATE TABLE \"übung\" (id int)",
            "CREATE TABLE sale (at date NOT NULL) PARTITION BY RANGE (at)",
            "CREATE TABLE day_1 PARTITION OF sale DEFAULT",
            "CREATE TABLE day_off (id int)");

    assertThat(DumpChoice.patterns(move, selection(move, Side.SOURCE)))
        .containsExactlyInAnyOrder("\"public\".(\"day_off\"|\"übung\")", "public.tmp_*");
    assertThat(DumpChoice.patterns(move.choosing(null), Selection.EVERYTHING)).isEmpty();
  }

  @Test
  void refusesRowsOfWhatIsLeftOutAltogether() throws Exception {
    Move move =
        database(
            "twice",
            choice(List.of(), List.of("public.pa*"), List.of("public.past")),
            "CREATE TABLE past (id int PRIMARY KEY)",
            "CREATE TABLE kept (id int PRIMARY KEY)");

    assertThat(findings(move))
        .contains(
            "BLOCKER tables replicate.tables.excludeData: 'public.past' finds only what is left out"
                + " altogether. Fix: take it out");
  }

  /** Rows that stay on either side may be looked at all the same, by a rollback. */
  @Test
  void asksForNoRightToRowsThatNobodyReads() throws Exception {
    Move all =
        database(
            "hidden",
            choice(List.of(), List.of("public.past"), List.of()),
            "CREATE TABLE past (id int PRIMARY KEY)",
            "ALTER TABLE past ENABLE ROW LEVEL SECURITY",
            "CREATE INDEX past_id ON past (id)",
            "UPDATE pg_index SET indisvalid = false WHERE indexrelid = 'past_id'::regclass",
            "CREATE TABLE cache (id int PRIMARY KEY)",
            "CREATE ROLE hidden_from LOGIN");
    pair.target().execute("hidden", "CREATE ROLE hidden_from LOGIN");
    Move move =
        new Move(
                all.migration(),
                new PostgresSpec(pair.source().url("hidden_from", "hidden"), null, null, null),
                new PostgresSpec(pair.target().url("hidden_from", "hidden"), null, null, null),
                all.connect(),
                all.leftBehind(),
                all.jobs(),
                all.maxLag())
            .choosing(all.tables());

    assertThat(findings(move))
        .isNotEmpty()
        .noneMatch(line -> line.contains("row-security") || line.contains("past_id"));
    assertThat(findings(move.choosing(choice(List.of(), List.of(), List.of("public.past")))))
        .anyMatch(line -> line.startsWith("BLOCKER row-security"))
        .anyMatch(line -> line.startsWith("WARNING invalid-index past_id"));
  }

  private static String needs(String what, String needed, String owner) {
    String moving = needed.equals("counted") ? "public.past" : "public." + needed;
    return "BLOCKER tables %s: needs public.%s, which does not move. Fix: leave it out too: replicate.tables.exclude: [public.%s]; or let %s move"
        .formatted(what, needed, owner, moving);
  }

  private static String alone(String what) {
    return "BLOCKER tables %s: needs public.past, which does not move. Fix: let public.past move too, or drop what needs it on the source"
        .formatted(what);
  }

  private static TablesSpec choice(
      List<String> include, List<String> exclude, List<String> excludeData) {
    return new TablesSpec(include, exclude, excludeData);
  }

  private static Move database(String name, TablesSpec tables, String... sql) {
    pair.source().createDatabase(name);
    pair.target().createDatabase(name);
    pair.source().execute(name, sql);
    return pair.move(name).choosing(tables);
  }

  private static Selection selection(Move move, Side side) throws SQLException {
    try (Connection database =
        (side == Side.SOURCE ? pair.source() : pair.target()).connect(move.migration())) {
      return Selection.on(side, move, database);
    }
  }

  private static List<String> findings(Move move) {
    return new PostgresPreflight(new Secrets())
        .preflight(move).findings().stream().map(SelectionTest::line).toList();
  }

  private static String line(Finding finding) {
    return finding.level() + " " + finding.check() + " " + finding.line();
  }
}
