package dev.whimbrel.runbook;

import com.fasterxml.jackson.core.JsonParser;
import com.fasterxml.jackson.core.JsonProcessingException;
import com.fasterxml.jackson.databind.DeserializationContext;
import com.fasterxml.jackson.databind.DeserializationFeature;
import com.fasterxml.jackson.databind.deser.std.StdDeserializer;
import com.fasterxml.jackson.databind.introspect.AnnotatedMember;
import com.fasterxml.jackson.databind.introspect.JacksonAnnotationIntrospector;
import com.fasterxml.jackson.databind.json.JsonMapper;
import com.fasterxml.jackson.databind.module.SimpleModule;
import com.fasterxml.jackson.databind.node.ObjectNode;
import java.io.IOException;
import java.io.StringReader;
import java.time.Duration;
import java.util.List;
import java.util.function.BiConsumer;
import org.jspecify.annotations.Nullable;
import org.yaml.snakeyaml.LoaderOptions;
import org.yaml.snakeyaml.Yaml;
import org.yaml.snakeyaml.error.Mark;
import org.yaml.snakeyaml.error.MarkedYAMLException;
import org.yaml.snakeyaml.error.YAMLException;
import org.yaml.snakeyaml.nodes.Node;

/** Reads the text of a runbook file. */
public final class RunbookFile {
  /**
   * Binds what {@link RunbookReader} has checked. It stands apart from Temporal's own JSON, where a
   * duration is written as ISO 8601.
   */
  private static final JsonMapper BINDER =
      JsonMapper.builder()
          .addModule(new SimpleModule().addDeserializer(Duration.class, new RunbookDuration()))
          .annotationIntrospector(new NothingRequired())
          .enable(DeserializationFeature.FAIL_ON_UNKNOWN_PROPERTIES)
          .build();

  private RunbookFile() {}

  /**
   * Parses and checks a runbook.
   *
   * @throws InvalidRunbook with every mistake at once, each with line, column and key path
   */
  public static Runbook parse(String text) {
    return parse(text, RunbookRules::check);
  }

  /**
   * As {@link #parse(String)}, for a clone: name, source and target are enough.
   *
   * @throws InvalidRunbook with every mistake at once
   */
  public static Runbook parseForClone(String text) {
    return parse(text, RunbookRules::checkForClone);
  }

  private static Runbook parse(String text, BiConsumer<Runbook, Places> rules) {
    Places places = new Places();
    Runbook draft = read(text, places);
    if (draft != null) {
      rules.accept(draft, places);
    }
    List<RunbookError> errors = places.errors();
    if (draft == null || !errors.isEmpty()) {
      throw new InvalidRunbook(errors);
    }
    return draft;
  }

  private static @Nullable Runbook read(String text, Places places) {
    Node root;
    try {
      root = new Yaml(new LoaderOptions()).compose(new StringReader(text));
    } catch (MarkedYAMLException e) {
      Mark mark = e.getProblemMark() == null ? e.getContextMark() : e.getProblemMark();
      if (mark == null) {
        places.report("", "not YAML.");
      } else {
        places.report(mark, "", "not YAML: " + problem(e) + ".");
      }
      return null;
    } catch (YAMLException e) {
      // Its message may repeat the text; only what cannot be a secret is said.
      places.report("", "not YAML: a character that YAML does not allow, or a file beyond 3 MB.");
      return null;
    }
    if (root == null) {
      places.report("", "expected a runbook, found an empty file. `whimbrel init` writes one.");
      return null;
    }
    ObjectNode tree = new RunbookReader(places).read(root, Shape.ofRunbook());
    try {
      return BINDER.treeToValue(tree, Runbook.class);
    } catch (JsonProcessingException e) {
      throw new IllegalStateException("Cannot bind a runbook that was read by its shape", e);
    }
  }

  /** A problem without the words of the file: an unquoted password may begin with * or &. */
  private static String problem(MarkedYAMLException e) {
    String problem = e.getProblem() == null ? "cannot be read" : e.getProblem();
    return problem.contains("alias") || problem.contains("anchor") || problem.contains("tag")
        ? "an alias, anchor or tag that means nothing here; quote a value that begins with *, & or !"
        : problem;
  }

  /** What is required is reported with its place by the reader, before anything is bound. */
  private static final class NothingRequired extends JacksonAnnotationIntrospector {
    @Override
    public @Nullable Boolean hasRequiredMarker(AnnotatedMember member) {
      return null;
    }
  }

  private static final class RunbookDuration extends StdDeserializer<Duration> {
    RunbookDuration() {
      super(Duration.class);
    }

    @Override
    public Duration deserialize(JsonParser parser, DeserializationContext context)
        throws IOException {
      return Durations.parse(parser.getText());
    }
  }
}
