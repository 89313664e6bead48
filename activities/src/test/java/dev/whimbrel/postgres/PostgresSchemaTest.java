package dev.whimbrel.postgres;

import static org.assertj.core.api.Assertions.assertThat;

import dev.whimbrel.activity.Move;
import dev.whimbrel.activity.Outcome;
import dev.whimbrel.secrets.Secrets;
import org.junit.jupiter.api.AfterAll;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

class PostgresSchemaTest {
  private static Pairs pair;

  private final PostgresSchema schema = new PostgresSchema(new Secrets());

  @BeforeAll
  static void startServers() {
    pair = Pairs.of(15, 15);
  }

  @AfterAll
  static void stopServers() {
    pair.close();
  }

  @ParameterizedTest
  @ValueSource(strings = {"pagila", "chinook", "northwind"})
  void carriesASchemaThatNobodyHereMade(String name) throws Exception {
    Move move = pair.database(name);
    Corpus.load(pair.source(), name, name);

    Outcome tables = schema.createTables(move);
    schema.createKeys(move);
    schema.createRest(move);

    assertThat(tables.line()).matches("\\d+ tables, \\d+ columns, \\d+ objects created.*");
    assertThat(Corpus.schema(pair.target(), name)).isEqualTo(reference(name));
  }

  @Test
  void createsNothingTwice() throws Exception {
    Move move = pair.database("twice");
    Corpus.load(pair.source(), "twice", "chinook");

    schema.createTables(move);
    Outcome tables = schema.createTables(move);
    schema.createKeys(move);
    Outcome keys = schema.createKeys(move);
    schema.createRest(move);
    Outcome rest = schema.createRest(move);

    assertThat(tables.line()).isEqualTo("11 tables, 64 columns, all there already");
    assertThat(keys.line()).startsWith("0 primary keys");
    assertThat(rest.line()).startsWith("0 indexes");
    assertThat(Corpus.schema(pair.target(), "twice")).isEqualTo(reference("twice"));
  }

  @Test
  void dropsWhatItCreatedAndNothingElse() throws Exception {
    Move move = pair.database("dropped");
    Corpus.load(pair.source(), "dropped", "pagila");
    pair.target().execute("dropped", "CREATE TABLE others (id int PRIMARY KEY)");
    String before = Corpus.schema(pair.target(), "dropped");
    schema.createTables(move);
    schema.createKeys(move);
    schema.createRest(move);

    Outcome dropped = schema.dropSchema(move);
    Outcome again = schema.dropSchema(move);

    assertThat(dropped.line()).isEqualTo("what this migration created on the target is dropped");
    assertThat(again.line()).isEqualTo("nothing was created on the target");
    assertThat(
            Pairs.value(
                pair.target(),
                "dropped",
                "SELECT string_agg(relname, ',') FROM pg_class WHERE oid >= 16384 AND relkind = 'r'"
                    + " AND relnamespace = 'public'::regnamespace"))
        .isEqualTo("others");
    assertThat(before).contains("others");
  }

  /** The schema as it looks after {@code pg_dump | psql} into the target's server. */
  private static String reference(String name) throws Exception {
    pair.target().execute("postgres", "ALTER DATABASE \"" + name + "\" RENAME TO kept");
    pair.target().createDatabase(name);
    try {
      Corpus.restoreSchema(pair.source(), pair.target(), name);
      return Corpus.schema(pair.target(), name);
    } finally {
      pair.target().execute("postgres", "DROP DATABASE \"" + name + "\"");
      pair.target().execute("postgres", "ALTER DATABASE kept RENAME TO \"" + name + "\"");
    }
  }
}
