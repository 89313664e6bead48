package dev.whimbrel.postgres;

import static org.assertj.core.api.Assertions.assertThat;

import dev.whimbrel.activity.Move;
import dev.whimbrel.activity.VerificationReport;
import dev.whimbrel.servers.ApplicationSchemas;
import dev.whimbrel.servers.Needs;
import dev.whimbrel.servers.Program;
import java.nio.file.Path;
import java.util.List;
import java.util.stream.Stream;
import org.junit.jupiter.api.AfterAll;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.DynamicTest;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.api.TestFactory;

@Tag("campaign")
@Needs({Program.APPLICATION_SCHEMAS, Program.PG_DUMP_18})
class ApplicationSchemasTest {
  private static Pairs pair;

  @BeforeAll
  static void startServers() {
    pair = Pairs.of(15, 18);
  }

  @AfterAll
  static void stopServers() {
    pair.close();
  }

  @TestFactory
  Stream<DynamicTest> arriveAsTheyAre() {
    List<Path> all = ApplicationSchemas.all();
    assertThat(all).hasSize(14);
    return all.stream().map(file -> DynamicTest.dynamicTest(name(file), () -> arrivesAsItIs(file)));
  }

  private static void arrivesAsItIs(Path file) throws Exception {
    String name = name(file);
    pair.source().createDatabase(name);
    pair.target().createDatabase(name);
    Corpus.read(pair.source(), name, file);
    GeneratedRows.Filled filled = GeneratedRows.fill(pair.source(), name);
    System.out.println(name + ": " + filled.line());
    assertThat(filled.empty()).isEmpty();
    assertThat(filled.rows()).isGreaterThan(50L * filled.tables());
    Move move = pair.move(name);
    Carriage carriage = new Carriage(pair, move);

    carriage.followTheAdvice();
    VerificationReport report = carriage.carry();

    assertThat(report.findings()).isEmpty();
    carriage.assertArrivedWhole();
    carriage.end();
  }

  private static String name(Path file) {
    return file.getFileName().toString().replace(".sql", "");
  }
}
