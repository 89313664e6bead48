package dev.whimbrel.runbook;

import static org.assertj.core.api.Assertions.assertThat;

import com.fasterxml.jackson.databind.ObjectMapper;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import org.junit.jupiter.api.Test;

/** Run with {@code -Dwhimbrel.docs=write} to write the documents anew. */
class RunbookDocsTest {
  private static final Path ROOT = Path.of("..");
  private static final RunbookDocs DOCS =
      new RunbookDocs(new RecordJavadoc(Path.of("src/main/java/dev/whimbrel/runbook")));

  @Test
  void theSchemaInDocsIsTheRecords() throws IOException {
    assertUpToDate("docs/runbook.schema.json", DOCS.schema());
  }

  @Test
  void theReferenceInDocsIsTheRecords() throws IOException {
    assertUpToDate("docs/runbook-reference.md", DOCS.reference());
  }

  @Test
  void theSchemaKnowsWhatTheParserKnows() throws IOException {
    var schema = new ObjectMapper().readTree(DOCS.schema());

    assertThat(schema.at("/required").toString())
        .isEqualTo("[\"name\",\"source\",\"target\",\"connect\"]");
    assertThat(schema.at("/properties/connect/items/anyOf/0/const").asText()).isEqualTo("manual");
    assertThat(
            schema
                .at("/properties/connect/items/anyOf/1/properties/pgbouncer/properties/switch/type")
                .asText())
        .isEqualTo("object");
    assertThat("24h").matches(schema.at("/properties/replicate/properties/soak/pattern").asText());
    assertThat(schema.at("/properties/cutover/properties/approval/enum").toString())
        .isEqualTo("[\"required\",\"none\"]");
  }

  private static void assertUpToDate(String file, String expected) throws IOException {
    Path path = ROOT.resolve(file);
    if ("write".equals(System.getProperty("whimbrel.docs"))) {
      Files.writeString(path, expected);
    }
    assertThat(path)
        .as("run: mvn test -pl workflows -Dtest=RunbookDocsTest -Dwhimbrel.docs=write")
        .hasContent(expected);
  }
}
