package dev.whimbrel.postgres;

import static org.assertj.core.api.Assertions.assertThat;

import dev.whimbrel.activity.Move;
import dev.whimbrel.activity.Side;
import dev.whimbrel.activity.VerificationReport;
import dev.whimbrel.activity.VerifyRequest;
import dev.whimbrel.secrets.Secrets;
import dev.whimbrel.servers.Needs;
import dev.whimbrel.servers.Program;
import java.sql.Connection;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;

@Needs(Program.PG_DUMP_18)
class OtherVersionsTest {
  private final Secrets secrets = new Secrets();

  @ParameterizedTest
  @CsvSource({"13, 15", "13, 18", "15, 18", "16, 18"})
  void carriesSchemaDataAndStreamBetweenVersions(int from, int to) throws Exception {
    PostgresSchema schema = new PostgresSchema(secrets);
    PostgresReplication replication = new PostgresReplication(secrets);
    try (Pairs pair = Pairs.of(from, to)) {
      Move move = pair.move("versions");
      pair.source().createDatabase("versions");
      pair.target().createDatabase("versions");
      NastySchema.create(pair.source(), "versions");
      new PostgresPreflight(secrets).preflight(move);
      new PostgresPreflight(secrets).claim(move);

      schema.createTables(move);
      schema.createKeys(move);
      replication.subscribe(move);
      replication.awaitCopied(move);
      schema.createRest(move);
      schema.analyze(move);
      replication.carrySequences(move);
      pair.source().execute("versions", "UPDATE base SET name = 'later' WHERE id = 1");
      replication.awaitCaughtUp(move);

      assertThat(Pairs.value(pair.target(), "versions", "SELECT name FROM base WHERE id = 1"))
          .isEqualTo("later");
      assertThat(Pairs.value(pair.target(), "versions", "SELECT count(*) FROM parts"))
          .isEqualTo("3");
      VerificationReport report =
          new PostgresVerification(secrets, progress -> {})
              .verify(new VerifyRequest(move, Side.SOURCE));
      assertThat(report.findings()).isEmpty();
      try (Connection source = pair.source().connect("versions");
          Connection target = pair.target().connect("versions")) {
        assertThat(Structure.missing(source, target, Selection.EVERYTHING)).isEmpty();
      }
      replication.unsubscribe(move);
      schema.dropSchema(move);
      new PostgresPreflight(secrets).release(move);
      assertThat(
              Pairs.value(
                  pair.target(),
                  "versions",
                  "SELECT count(*) FROM pg_class WHERE oid >= 16384 AND relkind IN ('r', 'p', 'v')"))
          .isEqualTo("0");
    }
  }
}
