package dev.whimbrel.runbook;

import com.fasterxml.jackson.core.JsonProcessingException;
import com.fasterxml.jackson.databind.ObjectMapper;
import com.fasterxml.jackson.databind.SerializationFeature;
import com.fasterxml.jackson.databind.node.JsonNodeFactory;
import com.fasterxml.jackson.databind.node.ObjectNode;
import java.util.List;
import java.util.Map;

/** Writes the JSON Schema and the reference of the runbook, from the records and their Javadoc. */
final class RunbookDocs {
  private static final JsonNodeFactory JSON = JsonNodeFactory.instance;

  /** Words and patterns that stand in the rules, by record and component. */
  private static final Map<String, List<String>> WORDS =
      Map.of(
          "CutoverSpec.approval", List.of("required", "none"),
          "DecommissionSpec.approval", List.of("required", "none"),
          "GuardSpec.then", List.of("ask", "rollback"),
          "CheckSpec.via", List.of("target", "source"),
          "Replicate.method", List.of("online", "staged"),
          "RetireSpec.approval", List.of("required", "none"),
          "TrafficSpec.by", List.of("dns", "haproxy", "command"),
          "TrafficSpec.tail", List.of("refuse", "forward"),
          "DnsSpec.Probe.protocol", List.of("HTTPS", "HTTP", "TCP"));

  private static final Map<String, String> PATTERNS =
      Map.of("Runbook.name", RunbookRules.NAME, "PostgresSpec.storage", RunbookRules.STORAGE);

  /** Required by a rule rather than by the record. */
  private static final List<String> REQUIRED_BY_RULE = List.of("Runbook.connect");

  private final RecordJavadoc javadoc;

  RunbookDocs(RecordJavadoc javadoc) {
    this.javadoc = javadoc;
  }

  String schema() {
    ObjectNode root = JSON.objectNode();
    root.put("$schema", "https://json-schema.org/draft/2020-12/schema");
    root.put("title", "Whimbrel runbook");
    root.setAll(of(Shape.ofRunbook()));
    try {
      return new ObjectMapper()
              .enable(SerializationFeature.INDENT_OUTPUT)
              .writeValueAsString(root)
              .replace("\r\n", "\n")
          + "\n";
    } catch (JsonProcessingException e) {
      throw new AssertionError(e);
    }
  }

  private ObjectNode of(Shape shape) {
    ObjectNode node = JSON.objectNode();
    if (shape instanceof Shape.Whole) {
      return node.put("type", "integer");
    }
    if (shape instanceof Shape.Time) {
      return node.put("type", "string").put("pattern", "^" + Durations.PATTERN + "$");
    }
    if (shape instanceof Shape.Share) {
      return node.put("type", "string").put("pattern", "^[0-9]{1,3}(\\.[0-9]{1,4})?%$");
    }
    if (shape instanceof Shape.Many many) {
      ObjectNode list = node.put("type", "array");
      list.set("items", of(many.item()));
      if (!many.single()) {
        return list;
      }
      ObjectNode either = JSON.objectNode();
      either.putArray("anyOf").add(of(many.item())).add(list);
      return either;
    }
    if (shape instanceof Shape.Texts) {
      node.put("type", "object").putObject("additionalProperties").put("type", "string");
      return node;
    }
    if (shape instanceof Shape.Keys keys) {
      return keys(keys);
    }
    return node.put("type", "string");
  }

  private ObjectNode keys(Shape.Keys keys) {
    ObjectNode node = JSON.objectNode();
    node.put("type", "object");
    node.put("description", javadoc.about(keys.type()));
    ObjectNode properties = node.putObject("properties");
    for (Shape.Key key : keys.keys()) {
      ObjectNode property = of(key.shape());
      property.put("description", javadoc.of(keys.type(), key.component()));
      String id = RecordJavadoc.id(keys.type()) + "." + key.component();
      List<String> words = WORDS.getOrDefault(id, List.of());
      if (!words.isEmpty()) {
        words.forEach(property.putArray("enum")::add);
      }
      if (PATTERNS.containsKey(id)) {
        property.put("pattern", "^" + PATTERNS.get(id) + "$");
      }
      properties.set(key.name(), property);
    }
    List<String> required =
        keys.keys().stream().filter(k -> required(keys, k)).map(Shape.Key::name).toList();
    if (!required.isEmpty()) {
      required.forEach(node.putArray("required")::add);
    }
    node.put("additionalProperties", false);
    if (keys.word() == null) {
      return node;
    }
    ObjectNode either = JSON.objectNode();
    either.putArray("anyOf").add(JSON.objectNode().put("const", keys.word())).add(node);
    return either;
  }

  private static boolean required(Shape.Keys keys, Shape.Key key) {
    return key.required()
        || REQUIRED_BY_RULE.contains(RecordJavadoc.id(keys.type()) + "." + key.component());
  }

  String reference() {
    StringBuilder text = new StringBuilder();
    text.append(
        """
        # Runbook reference

        Written from the records in `workflows/src/main/java/dev/whimbrel/runbook` and their Javadoc; a test keeps
        it true. Change the Javadoc, then `mvn test -pl workflows -Dtest=RunbookDocsTest -Dwhimbrel.docs=write`.

        A runbook is YAML. Unknown keys are errors. Durations are a whole number with a unit: `500ms`, `30s`, `5m`,
        `24h`, `3d`. Secrets are references that the worker resolves, never values: `env:NAME`, `file:/path` (its first line), `command:program
        argument` (the first line of its output). All mistakes are reported at once:
        `whimbrel plan RUNBOOK --offline`. Editors check a file that begins with
        `# yaml-language-server: $schema=…/docs/runbook.schema.json`.

        """);
    section(text, "", Shape.ofRunbook());
    return text.toString();
  }

  private void section(StringBuilder text, String path, Shape.Keys keys) {
    text.append("## ").append(path.isEmpty() ? "The file" : "`" + path + "`").append("\n\n");
    text.append(javadoc.about(keys.type())).append("\n\n");
    if (keys.word() != null) {
      text.append("Or the plain word `").append(keys.word()).append("`.\n\n");
    }
    text.append("| key | value | meaning |\n|---|---|---|\n");
    for (Shape.Key key : keys.keys()) {
      String name = "`" + key.name() + "`" + (required(keys, key) ? " (required)" : "");
      String meaning = javadoc.of(keys.type(), key.component()).replace("|", "\\|");
      text.append("| " + name + " | " + value(key.shape()) + " | " + meaning + " |\n");
    }
    text.append("\n");
    for (Shape.Key key : keys.keys()) {
      String below = path.isEmpty() ? key.name() : path + "." + key.name();
      if (key.shape() instanceof Shape.Keys inner && !path.startsWith("target")) {
        // Both sides have the same keys; they are described once.
        if (!below.equals("target")) {
          section(text, below, inner);
        }
      } else if (key.shape() instanceof Shape.Many many
          && many.item() instanceof Shape.Keys inner) {
        section(text, below + "[]", inner);
      }
    }
  }

  private static String value(Shape shape) {
    if (shape instanceof Shape.Time) {
      return "duration";
    }
    if (shape instanceof Shape.Share) {
      return "share, `1%`";
    }
    if (shape instanceof Shape.Whole) {
      return "whole number";
    }
    if (shape instanceof Shape.Texts) {
      return "words with texts";
    }
    if (shape instanceof Shape.Many many) {
      return "list of " + value(many.item()) + (many.single() ? ", or a single one" : "");
    }
    return shape instanceof Shape.Keys ? "keys below" : "text";
  }
}
