package dev.whimbrel.postgres;

import static org.assertj.core.api.Assertions.assertThat;

import dev.whimbrel.activity.Move;
import dev.whimbrel.activity.Side;
import dev.whimbrel.activity.VerificationReport;
import dev.whimbrel.activity.VerifyRequest;
import dev.whimbrel.runbook.PostgresSpec;
import dev.whimbrel.runbook.TablesSpec;
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
import org.jspecify.annotations.Nullable;
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
            "alter table everything drop constraint everything_kind2_check,"
                + " add constraint everything_kind2_check check (kind2::text = any (array['N', 'Y']))",
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
            "constraint public.everything.everything_kind2_check: CHECK ((kind2 = ANY (ARRAY['N'::bpchar, 'Y'::bpchar]))) on the source, CHECK (((kind2)::text = ANY (ARRAY['N'::text, 'Y'::text]))) on the target",
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
            "trigger public.events_1.checked: missing on the target: CREATE CONSTRAINT TRIGGER checked AFTER INSERT ON public.events_1 DEFERRABLE INITIALLY DEFERRED FOR EACH ROW EXECUTE FUNCTION public.touched()",
            "trigger public.events_2a.checked: CREATE CONSTRAINT TRIGGER checked AFTER INSERT ON public.events_2a DEFERRABLE INITIALLY DEFERRED FOR EACH ROW EXECUTE FUNCTION public.touched() DISABLED on the source, CREATE CONSTRAINT TRIGGER checked AFTER INSERT ON public.events_2a DEFERRABLE INITIALLY DEFERRED FOR EACH ROW EXECUTE FUNCTION public.touched() on the target",
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
            "definitions of views, rules, functions, policies, event triggers, operators, casts, text search and extended statistics, publications, schemas, owners, grants and default privileges, replica identities, CLUSTER ON, OWNED BY of sequences, options of foreign servers and tables, storage and comments");
    assertThat(sequences.report(Instant.EPOCH, RowHash.SHA256).notCompared())
        .contains("values of sequences that cycle: round");
  }

  /** Equality of citext is found by no search path that is empty, as a dump's is. */
  @ParameterizedTest
  @ValueSource(ints = {13, 15})
  void saysWhatARestoredDumpReadsWithOtherCasts(int first) throws Exception {
    String name = "people" + first;
    server(first).createDatabase(name);
    server(first).execute(name, DefinedDatabase.PEOPLE);
    Corpus.carry(server(first), name, server(18), name, List.of());

    VerificationReport report = compare(server(first), name, server(18), name);

    assertThat(report.findings()).isEmpty();
    assertThat(report.notCompared())
        .filteredOn(line -> line.contains(": a restored dump reads it with other casts: "))
        .extracting(line -> line.replaceFirst(": .*", ""))
        .containsExactly(
            "column public.people.alias",
            "column public.people.known",
            "constraint public.mailbox.mailbox_check",
            "constraint public.people.people_email_check",
            "constraint public.people.people_m_check",
            "index public.people_email",
            "trigger public.people.changed");
    assertThat(report.notCompared())
        .contains(
            "column public.people.known: a restored dump reads it with other casts: character varying(9) default NULLIF('a'::public.citext, 'b'::public.citext) on the source, character varying(9) default NULLIF(('a'::public.citext)::text, ('b'::public.citext)::text) on the target");

    server(18)
        .execute(
            name,
            "drop trigger changed on people",
            "create trigger changed before update on people for each row"
                + " when (old.known is distinct from new.email) execute function touched()",
            "drop index people_email");

    assertThat(compare(server(first), name, server(18), name).findings())
        .satisfiesExactly(
            line -> assertThat(line).startsWith("index public.people_email: missing on the target"),
            line -> assertThat(line).startsWith("trigger public.people.changed: "));
  }

  @Test
  void saysItOfTypesThatAreNoTextsToo() throws Exception {
    server(15).createDatabase("places");
    server(15).execute("places", DefinedDatabase.PLACES);
    Corpus.carry(server(15), "places", server(18), "places", List.of());

    VerificationReport report = compare(server(15), "places", server(18), "places");

    assertThat(report.findings()).isEmpty();
    assertThat(report.notCompared())
        .filteredOn(line -> line.contains(": a restored dump reads it with other casts: "))
        .singleElement()
        .asString()
        .startsWith("trigger public.shops.moved: ");
  }

  /** 18 has no parameter of that name; another one that is missing is a difference. */
  @Test
  void doesNotMissASettingThatTheVersionDoesNotHave() throws Exception {
    server(13).createDatabase("setting");
    server(18).createDatabase("setting");
    server(13)
        .execute(
            "setting",
            "alter database setting set operator_precedence_warning = on",
            "alter database setting set DateStyle = 'ISO, DMY'",
            "alter database setting set shop.mode = 'x'",
            "create role keeper",
            "alter role keeper in database setting set role = 'keeper'");

    VerificationReport report = compare(server(13), "setting", server(18), "setting");

    assertThat(report.notCompared())
        .contains(
            "setting of the database: operator_precedence_warning: the version of the target has no such parameter: operator_precedence_warning=on");
    assertThat(report.findings())
        .containsExactlyInAnyOrder(
            "setting of the database: DateStyle: missing on the target: DateStyle=ISO, DMY",
            "setting of the database: shop.mode: missing on the target: shop.mode=x",
            "setting of role keeper in the database: role: missing on the target: role=keeper");
  }

  @Test
  void leavesTheDatabasesOwnSettingToItWhereTheOtherServersIsForAll() throws Exception {
    for (int version : new int[] {13, 18}) {
      server(version).createDatabase("general");
    }
    server(18).execute("general", "alter database general set work_mem = '9MB'");
    VerificationReport report;
    server(13)
        .execute(
            "general",
            "alter role all set work_mem = '5MB'",
            "alter role all set temp_buffers = '5MB'",
            "alter role all set maintenance_work_mem = '5MB'",
            "alter database general set maintenance_work_mem = '6MB'");
    server(18).execute("general", "alter database general set maintenance_work_mem = '6MB'");
    try {
      report = compare(server(13), "general", server(18), "general");
    } finally {
      server(13).execute("general", "alter role all reset all");
    }

    assertThat(report.findings())
        .containsExactly(
            "setting of the database: temp_buffers: missing on the target: temp_buffers=5MB");
    assertThat(report.notCompared())
        .filteredOn(line -> line.contains("work_mem"))
        .containsExactly(
            "setting of the database: work_mem: holds for the whole server of the source, and the database's own stays on the target: work_mem=5MB");
  }

  @Test
  void leavesSettingsThatLoadLibrariesToPeople() throws Exception {
    for (int version : new int[] {13, 18}) {
      server(version).createDatabase("libraries");
      server(version)
          .execute(
              "libraries",
              "create role librarian",
              "alter role librarian in database libraries set local_preload_libraries = 'same'",
              "alter role librarian in database libraries set session_preload_libraries = 'of%d'"
                  .formatted(version));
    }
    server(13)
        .execute("libraries", "alter database libraries set session_preload_libraries = 'plpgsql'");

    VerificationReport report = compare(server(13), "libraries", server(18), "libraries");

    assertThat(report.findings()).isEmpty();
    assertThat(report.notCompared())
        .filteredOn(line -> line.contains("preload"))
        .containsExactlyInAnyOrder(
            "setting of the database: session_preload_libraries: is left to people: session_preload_libraries=plpgsql",
            "setting of role librarian in the database: session_preload_libraries: is left to people: session_preload_libraries=of13");
  }

  @Test
  void looksAtNoTypeOfASchemaThatStays() throws Exception {
    String tenant =
        "create schema %1$s; create type %1$s.kind as enum ('a'); create type %1$s.pair as (a int);"
            + " create domain %1$s.code as text check (value <> ''); create collation %1$s.c from \"C\";"
            + " create type %1$s.span as range (subtype = int4);";
    for (int version : new int[] {15, 18}) {
      server(version).createDatabase("tenants");
      server(version)
          .execute(
              "tenants",
              "create schema shared",
              "create type shared.kind as enum ('" + version + "')",
              "create table orders (id int, kind shared.kind[])");
      server(version)
          .execute("tenants", tenant.formatted(version == 15 ? "tenant_2" : "tenant_gone"));
    }
    server(15)
        .execute(
            "tenants",
            "create table tenant_2.t (k tenant_2.kind)",
            "create table shared.t ()",
            tenant.formatted("tenant_3"),
            "create schema words; create type words.kind as enum ('a')");
    TablesSpec excluded = new TablesSpec(List.of(), List.of("tenant_*.*", "shared.*"), List.of());
    TablesSpec included = new TablesSpec(List.of("public.*"), List.of(), List.of());
    String words = "enum words.kind: missing on the target: 'a'";
    String shared = "enum shared.kind: '15' on the source, '18' on the target";

    assertThat(compare(15, 18, "tenants", excluded)).containsExactly(shared, words);
    assertThat(compare(15, 18, "tenants", included))
        .contains(shared, words)
        .noneMatch(line -> line.contains("tenant_2") || line.contains("tenant_gone"));
    assertThat(compare(15, 18, "tenants", null)).hasSizeGreaterThan(15);
  }

  private static List<String> compare(
      int from, int to, String database, @Nullable TablesSpec tables) throws Exception {
    Move move = new Pairs(server(from), server(to)).move(database);
    return compare(tables == null ? move : move.choosing(tables), move.target()).findings();
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
            "order of text: what has no collation of its own is sorted by icu de, letters of C on the source, by icu sv, letters of C on the target: the same rows, but maybe others where a query sorts, compares texts or changes their case");
    assertThat(compare(server(15), "ordered", server(18), "ordered").notCompared())
        .noneMatch(line -> line.startsWith("order of text"));
    assertThat(compare(server(13), "ordered", server(18), "ordered").notCompared())
        .anyMatch(
            line ->
                line.matches(
                    "order of text: .* by libc .* on the source, by icu de, letters of .* on .*"));
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
    return compare(
        new Pairs(source, target).move(database), new Pairs(target, target).move(copy).target());
  }

  private static VerificationReport compare(Move move, PostgresSpec copy) throws Exception {
    Tally tally = new Tally(Side.SOURCE);
    try (Connection truth = Pinned.open(new Databases(new Secrets()), move.source(), "test");
        Connection follower = Pinned.open(new Databases(new Secrets()), copy, "test")) {
      new CatalogComparison(new Pair(truth, follower), tally, Side.SOURCE, move).run();
    }
    return tally.report(Instant.EPOCH, RowHash.SHA256);
  }
}
