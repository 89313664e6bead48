package dev.whimbrel.postgres;

import static org.assertj.core.api.Assertions.assertThat;

import dev.whimbrel.activity.Move;
import dev.whimbrel.activity.Side;
import dev.whimbrel.activity.VerificationReport;
import dev.whimbrel.activity.VerifyRequest;
import dev.whimbrel.secrets.Secrets;
import dev.whimbrel.servers.Needs;
import dev.whimbrel.servers.PostgresServer;
import dev.whimbrel.servers.Program;
import java.sql.Connection;
import java.time.Instant;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.Objects;
import java.util.TreeMap;
import org.junit.jupiter.api.AfterAll;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

/** What PostgreSQL's own tools have carried between real servers of all versions. */
@Needs(Program.PG_DUMP_18)
class CatalogComparisonTest {
  private static final String CHECKED =
      "select pg_get_constraintdef(oid) from pg_constraint where conname = 'everything_name_check'";

  private static final Map<Integer, PostgresServer> SERVERS = new TreeMap<>();

  @BeforeAll
  static void start() {
    for (int version : new int[] {13, 15, 16, 18}) {
      SERVERS.put(version, PostgresServer.start(version));
    }
  }

  @AfterAll
  static void stop() {
    SERVERS.values().forEach(PostgresServer::close);
  }

  @ParameterizedTest
  @ValueSource(ints = {13, 15, 16, 18})
  void findsNothingInWhatWasDumpedAndRestoredTwice(int first) throws Exception {
    String name = "defined" + first;
    PostgresServer source = server(first);
    DefinedDatabase.create(source, name);

    Corpus.carry(source, name, source, name + "_once", List.of());
    List<VerificationReport> reports = new ArrayList<>();
    for (PostgresServer target : SERVERS.values()) {
      if (target.version() >= first) {
        String copy = target == source ? name + "_twice" : name + "_once";
        Corpus.carry(source, name, target, copy, List.of());
        Corpus.carry(target, copy, target, copy + "_again", List.of());
        reports.add(compare(source, name, target, copy));
        reports.add(compare(source, name, target, copy + "_again"));
      }
    }

    assertThat(reports).hasSizeGreaterThan(1);
    assertThat(reports).allSatisfy(report -> assertThat(report.findings()).isEmpty());
    assertThat(reports)
        .allSatisfy(
            report ->
                assertThat(report.notCompared())
                    .noneMatch(line -> line.startsWith("collation") || line.startsWith("order")));
    // Else nothing was tried.
    assertThat(Pairs.value(source, name + "_once", CHECKED))
        .isNotEqualTo(Pairs.value(source, name, CHECKED));
  }

  @Test
  void findsWhateverSaysSomethingElse() throws Exception {
    DefinedDatabase.create(server(13), "damaged");
    Corpus.carry(server(13), "damaged", server(18), "damaged", List.of());
    server(18)
        .execute(
            "damaged",
            "alter type state rename value 'in transit' to 'intransit'",
            "alter table everything alter name set default 'ab'",
            "alter table everything alter path set default E'c:\\\\temp\\\\'' x'",
            "alter table everything drop constraint everything_check,"
                + " add constraint everything_check check (a + b * c >= 0 or a between 1 and 10 and not (b > 3))",
            "alter table everything drop constraint everything_kind_check,"
                + " add constraint everything_kind_check check (kind in ('N', 'Y '))",
            "drop index everything_year, everything_day",
            "create index everything_year on everything (day)",
            "create index everything_day on everything ((at at time zone 'UTC'))",
            "alter table everything alter sorted type text collate \"POSIX\"",
            "alter table selected alter body type varchar collate \"C\"",
            "alter table selected no force row level security",
            "alter table parent enable row level security",
            "alter table child no inherit parent",
            "alter table events detach partition events_1",
            "alter table events_2 detach partition events_2a",
            "alter table events_2 attach partition events_2a for values in ('a', 'bc', null)",
            "alter table scratch set logged",
            "alter domain code set default 'xy'",
            "alter domain mail drop not null",
            "drop domain pieces",
            "create domain pieces as bigint",
            "update pg_type set typcollation = 'pg_catalog.\"default\"'::regcollation where typname = 'folded'",
            "alter type loose alter attribute x type bigint",
            "drop type span, letters",
            "create type span as range (subtype = float4)",
            "create type letters as range (subtype = text, collation = \"POSIX\")",
            "update pg_collation set colllocale = 'sv' where collname = 'phonebook'",
            "update pg_collation set collicurules = '&a < b' where collname = 'tagged'",
            "drop trigger changed on everything",
            "create trigger changed before update on everything for each row"
                + " when (old.name is distinct from new.name and new.a + 1 * 2 > old.a)"
                + " execute function touched('it''s (a)', 'b')");

    VerificationReport report = compare(server(13), "damaged", server(18), "damaged");

    assertThat(report.findings())
        .containsExactlyInAnyOrder(
            "collation public.phonebook: icu de@collation=phonebook on the source, icu sv on the target",
            "collation public.tagged: icu de-AT-u-co-phonebk on the source, icu de-AT-u-co-phonebk, rules '&a < b' on the target",
            "column public.everything.name: character varying(20) default 'a b'::character varying on the source, character varying(20) default 'ab'::character varying on the target",
            "column public.everything.path: text default 'c:\\temp\\''x'::text on the source, text default 'c:\\temp\\'' x'::text on the target",
            "column public.everything.sorted: text collate pg_catalog.\"C\" on the source, text collate pg_catalog.\"POSIX\" on the target",
            "column public.everything.state: public.state default 'in transit'::public.state on the source, public.state default 'intransit'::public.state on the target",
            "column public.selected.body: character varying not null default 'x'::character varying(3) on the source, character varying not null default 'x'::character varying(3) collate pg_catalog.\"C\" on the target",
            "constraint public.everything.everything_check: CHECK (((((a + b) * c) >= 0) OR (((a >= 1) AND (a <= 10)) AND (NOT (b > 3))))) on the source, CHECK ((((a + (b * c)) >= 0) OR (((a >= 1) AND (a <= 10)) AND (NOT (b > 3))))) on the target",
            "constraint public.everything.everything_kind_check: CHECK ((kind = ANY (ARRAY['N'::bpchar, 'Y'::bpchar]))) on the source, CHECK ((kind = ANY (ARRAY['N'::bpchar, 'Y '::bpchar]))) on the target",
            "constraint public.everything.everything_state_check: CHECK ((state <> ALL (ARRAY['in transit'::public.state, 'A \"b\"'::public.state]))) on the source, CHECK ((state <> ALL (ARRAY['intransit'::public.state, 'A \"b\"'::public.state]))) on the target",
            "domain public.code: character varying(9) default 'x y'::character varying on the source, character varying(9) default 'xy'::character varying on the target",
            "domain public.folded: text collate pg_catalog.\"C\" on the source, text on the target",
            "domain public.mail: text not null on the source, text on the target",
            "domain public.pieces: integer on the source, bigint on the target",
            "enum public.state: 'in transit', 'it''s here', 'A \"b\"' on the source, 'intransit', 'it''s here', 'A \"b\"' on the target",
            "index public.everything_day: CREATE INDEX everything_day ON public.everything USING btree (((timezone('UTC'::text, at))::date)) on the source, CREATE INDEX everything_day ON public.everything USING btree ((at AT TIME ZONE 'UTC'::text)) on the target",
            "index public.everything_year: CREATE INDEX everything_year ON public.everything USING btree (date_part('year'::text, day)) on the source, CREATE INDEX everything_year ON public.everything USING btree (day) on the target",
            "range public.letters: of text collate pg_catalog.\"C\" by text_ops on the source, of text collate pg_catalog.\"POSIX\" by text_ops on the target",
            "range public.span: of double precision by float8_ops difference float8mi on the source, of real by float4_ops on the target",
            "relation public.scratch: unlogged table on the source, table on the target",
            "table public.child: child of public.parent, without row-level security on the source, no parent, without row-level security on the target",
            "table public.events_1: partition of public.events FOR VALUES FROM (MINVALUE) TO ('2024-01-01 00:00:00+00'), without row-level security on the source, no parent, without row-level security on the target",
            "table public.events_2a: partition of public.events_2 FOR VALUES IN ('a', 'b c', NULL), without row-level security on the source, partition of public.events_2 FOR VALUES IN ('a', 'bc', NULL), without row-level security on the target",
            "table public.parent: no parent, without row-level security on the source, no parent, with row-level security on the target",
            "table public.selected: no parent, with forced row-level security on the source, no parent, with row-level security on the target",
            "trigger public.everything.changed: … FOR EACH ROW WHEN ((((old.name)::text IS DISTINCT FROM (new.name)::text) AND (((new.a + 1) * 2) > old.a))) EXECUTE FUNCTION public.touched('it''s (a)', 'b') on the source, … FOR EACH ROW WHEN ((((old.name)::text IS DISTINCT FROM (new.name)::text) AND ((new.a + (1 * 2)) > old.a))) EXECUTE FUNCTION public.touched('it''s (a)', 'b') on the target",
            "type public.loose: (x integer, \"Y y\" text collate pg_catalog.\"C\", z integer[]) on the source, (x bigint, \"Y y\" text collate pg_catalog.\"C\", z integer[]) on the target");
  }

  @Test
  void namesWhatItDoesNotCompare() throws Exception {
    DefinedDatabase.create(server(15), "named");
    Corpus.carry(server(15), "named", server(16), "named", List.of());

    VerificationReport report = compare(server(15), "named", server(16), "named");
    Tally sequences = new Tally(Side.SOURCE);
    try (Pair pair = open(server(15), server(16), "named")) {
      new SequenceComparison(pair, Side.SOURCE, sequences).run();
    }

    assertThat(report.notCompared())
        .containsExactly(
            "definitions of views, rules, functions, policies, event triggers, operators, casts, text search and extended statistics, owners, grants, storage and comments");
    assertThat(sequences.report(Instant.EPOCH, RowHash.SHA256).notCompared())
        .contains("values of sequences that cycle: round");
  }

  /** No database can be created whose own order is not deterministic: what is equal stays equal. */
  @Test
  void saysWhereTheDatabasesThemselvesSortOtherwise() throws Exception {
    String icu =
        "create database %s template template0 encoding 'UTF8' locale_provider icu icu_locale '%s'";
    server(15).execute("postgres", icu.formatted("ordered", "de"));
    server(16).execute("postgres", icu.formatted("ordered", "sv"));
    server(18).execute("postgres", icu.formatted("ordered", "de"));
    server(13).createDatabase("ordered");

    assertThat(compare(server(15), "ordered", server(16), "ordered").notCompared())
        .contains(
            "order of text: what has no collation of its own is sorted by icu de on the source, by icu sv on the target: the same rows, but maybe others where a query sorts, compares texts or changes their case");
    assertThat(compare(server(15), "ordered", server(18), "ordered").notCompared())
        .noneMatch(line -> line.startsWith("order of text"));
    assertThat(compare(server(13), "ordered", server(18), "ordered").notCompared())
        .anyMatch(
            line -> line.matches("order of text: .* by libc .* on the source, by icu de on .*"));
  }

  /** 18 lets rows of before keep their NULLs, which no block of keys reaches. */
  @Test
  void takesNoIndexForAKeyThatMayHoldNulls() throws Exception {
    server(18).createDatabase("keyed");
    server(18)
        .execute(
            "keyed",
            "create table keyed (a int, b int not null)",
            "create unique index keyed_a on keyed (a)",
            "create unique index keyed_b on keyed (b)",
            "insert into keyed values (null, 1), (null, 2)",
            "alter table keyed add constraint filled not null a not valid");

    assertThat(keys()).containsExactly(List.of("b"));
    server(18)
        .execute("keyed", "update keyed set a = b", "alter table keyed validate constraint filled");
    assertThat(keys()).containsExactly(List.of("a"), List.of("b"));
  }

  private static List<List<String>> keys() throws Exception {
    try (Connection connection = server(18).connect("keyed")) {
      Map<String, TableShape> tables = TableCatalog.read(connection, Selection.EVERYTHING, "r");
      return Objects.requireNonNull(tables.get("public.keyed")).keys();
    }
  }

  private static PostgresServer server(int version) {
    return Objects.requireNonNull(SERVERS.get(version));
  }

  private static Pair open(PostgresServer source, PostgresServer target, String name)
      throws Exception {
    return new LiveSides(
            new Databases(new Secrets()),
            new VerifyRequest(new Pairs(source, target).move(name), Side.SOURCE))
        .open();
  }

  private static VerificationReport compare(
      PostgresServer source, String database, PostgresServer target, String copy) throws Exception {
    Tally tally = new Tally(Side.SOURCE);
    Move move = new Pairs(source, target).move(database);
    try (Connection truth = Pinned.open(new Databases(new Secrets()), move.source(), "test");
        Connection follower =
            Pinned.open(
                new Databases(new Secrets()),
                new Pairs(target, target).move(copy).target(),
                "test")) {
      new CatalogComparison(new Pair(truth, follower), tally, Side.SOURCE, move).run();
    }
    return tally.report(Instant.EPOCH, RowHash.SHA256);
  }
}
