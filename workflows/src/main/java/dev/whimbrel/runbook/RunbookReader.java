package dev.whimbrel.runbook;

import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.node.ArrayNode;
import com.fasterxml.jackson.databind.node.IntNode;
import com.fasterxml.jackson.databind.node.JsonNodeFactory;
import com.fasterxml.jackson.databind.node.ObjectNode;
import com.fasterxml.jackson.databind.node.TextNode;
import java.util.HashSet;
import java.util.List;
import java.util.Set;
import org.jspecify.annotations.Nullable;
import org.yaml.snakeyaml.nodes.MappingNode;
import org.yaml.snakeyaml.nodes.Node;
import org.yaml.snakeyaml.nodes.NodeTuple;
import org.yaml.snakeyaml.nodes.ScalarNode;
import org.yaml.snakeyaml.nodes.SequenceNode;
import org.yaml.snakeyaml.nodes.Tag;

/**
 * Reads a YAML tree by its {@link Shape}. What is wrong is reported and left out, so that one
 * mistake does not hide the next; what is returned can always be bound to the records.
 */
final class RunbookReader {
  private static final JsonNodeFactory JSON = JsonNodeFactory.instance;

  private final Places places;

  RunbookReader(Places places) {
    this.places = places;
  }

  ObjectNode read(Node root, Shape.Keys shape) {
    JsonNode tree = read(root, shape, "", "");
    return tree instanceof ObjectNode object ? object : JSON.objectNode();
  }

  private @Nullable JsonNode read(Node node, Shape shape, String path, String shown) {
    places.put(path, shown, node.getStartMark());
    if (shape instanceof Shape.Keys keys) {
      return readKeys(node, keys, path, shown);
    }
    if (shape instanceof Shape.Many many) {
      return readMany(node, many, path, shown);
    }
    if (shape instanceof Shape.Texts) {
      return readTexts(node, shape, path, shown);
    }
    if (!(node instanceof ScalarNode scalar) || isNothing(node)) {
      return wrong(node, path, shown, shape);
    }
    return readScalar(scalar, shape, shown);
  }

  private @Nullable JsonNode readKeys(Node node, Shape.Keys shape, String path, String shown) {
    if (node instanceof ScalarNode scalar && shape.word() != null) {
      if (scalar.getValue().equals(shape.word())) {
        return TextNode.valueOf(shape.word());
      }
      String found = "expected " + shape.expected() + ", found '" + scalar.getValue() + "'.";
      places.report(node.getStartMark(), shown, found + meant(scalar.getValue(), shape));
      return null;
    }
    if (!(node instanceof MappingNode mapping)) {
      return wrong(node, path, shown, shape);
    }
    ObjectNode object = JSON.objectNode();
    Set<String> seen = new HashSet<>();
    for (NodeTuple entry : mapping.getValue()) {
      readEntry(entry, shape, path, shown, seen, object);
    }
    for (Shape.Key key : shape.keys()) {
      if (key.required() && !places.has(join(path, key.name()))) {
        places.report(node.getStartMark(), join(shown, key.name()), Missing.of(key));
      }
    }
    return object;
  }

  private void readEntry(
      NodeTuple entry,
      Shape.Keys shape,
      String path,
      String shown,
      Set<String> seen,
      ObjectNode object) {
    Node keyNode = entry.getKeyNode();
    if (!(keyNode instanceof ScalarNode scalar)) {
      places.report(keyNode.getStartMark(), shown, "expected a key, found " + kind(keyNode) + ".");
      return;
    }
    String name = scalar.getValue();
    String keyShown = join(shown, name);
    if (!seen.add(name)) {
      places.report(keyNode.getStartMark(), keyShown, "the key stands here a second time.");
      return;
    }
    Shape.Key key = shape.key(name);
    if (key == null) {
      places.put(join(path, name), keyShown, keyNode.getStartMark());
      String meant = NearestWord.of(name, shape.names());
      if (meant != null) {
        // One slip, one message: the key that was meant is not reported as missing too.
        places.doubt(join(path, meant));
      }
      places.report(keyNode.getStartMark(), keyShown, unknown(name, shape));
      return;
    }
    Node value = entry.getValueNode();
    boolean holdsMore =
        key.shape() instanceof Shape.Keys
            || key.shape() instanceof Shape.Many
            || key.shape() instanceof Shape.Texts;
    if (isNothing(value) && holdsMore) {
      // An empty section, perhaps with everything in it commented out, is as good as none.
      if (key.required()) {
        places.doubt(join(path, name));
        places.report(keyNode.getStartMark(), keyShown, Missing.of(key));
      }
      return;
    }
    JsonNode read = read(value, key.shape(), join(path, name), keyShown);
    if (read != null) {
      object.set(name, read);
    }
  }

  private @Nullable JsonNode readMany(Node node, Shape.Many shape, String path, String shown) {
    ArrayNode array = JSON.arrayNode();
    if (node instanceof SequenceNode sequence) {
      List<Node> items = sequence.getValue();
      for (int i = 0; i < items.size(); i++) {
        String itemShown = shown + "[" + i + "]";
        JsonNode item =
            read(items.get(i), shape.item(), path + "[" + array.size() + "]", itemShown);
        if (item != null) {
          array.add(item);
        }
      }
      return array;
    }
    if (!shape.single()) {
      return wrong(node, path, shown, shape);
    }
    JsonNode item = read(node, shape.item(), path + "[0]", shown);
    return item == null ? null : array.add(item);
  }

  private @Nullable JsonNode readTexts(Node node, Shape shape, String path, String shown) {
    if (!(node instanceof MappingNode mapping)) {
      return wrong(node, path, shown, shape);
    }
    ObjectNode object = JSON.objectNode();
    for (NodeTuple entry : mapping.getValue()) {
      if (entry.getKeyNode() instanceof ScalarNode key
          && entry.getValueNode() instanceof ScalarNode value) {
        object.put(key.getValue(), value.getValue());
      } else {
        wrong(entry.getValueNode(), path, shown, shape);
      }
    }
    return object;
  }

  private @Nullable JsonNode readScalar(ScalarNode scalar, Shape shape, String shown) {
    String value = scalar.getValue();
    try {
      if (shape instanceof Shape.Whole) {
        return IntNode.valueOf(Integer.parseInt(value));
      }
      if (shape instanceof Shape.Time) {
        Durations.parse(value);
      } else if (shape instanceof Shape.Share) {
        Percent.parse(value);
      }
      return TextNode.valueOf(value);
    } catch (NumberFormatException e) {
      places.report(
          scalar.getStartMark(), shown, "expected a whole number, found '" + value + "'.");
    } catch (IllegalArgumentException e) {
      places.report(scalar.getStartMark(), shown, e.getMessage() + ".");
    }
    return null;
  }

  private @Nullable JsonNode wrong(Node node, String path, String shown, Shape shape) {
    places.doubt(path);
    // The value is not repeated: it may be a secret at the wrong place.
    places.report(
        node.getStartMark(), shown, "expected " + shape.expected() + ", found " + kind(node) + ".");
    return null;
  }

  private static String unknown(String name, Shape.Keys shape) {
    if (name.equals("<<")) {
      return "merge keys are not read; repeat the keys.";
    }
    if (shape.word() != null && name.equals(shape.word())) {
      return "write it as a plain word: - " + shape.word();
    }
    String nearest = NearestWord.of(name, shape.names());
    if (nearest != null) {
      return "unknown key. Did you mean '" + nearest + "'?";
    }
    String home = home(name, Shape.ofRunbook(), "");
    return home == null
        ? "unknown key. Expected one of: " + String.join(", ", shape.names()) + "."
        : "unknown key. It belongs under " + home + ".";
  }

  /** Where else in a runbook a key of this name stands. */
  private static @Nullable String home(String name, Shape shape, String path) {
    if (shape instanceof Shape.Many many) {
      return home(name, many.item(), path + "[]");
    }
    if (shape instanceof Shape.Keys keys) {
      if (keys.key(name) != null) {
        return path.isEmpty() ? "the top of the file" : path;
      }
      for (Shape.Key key : keys.keys()) {
        String found = home(name, key.shape(), join(path, key.name()));
        if (found != null) {
          return found;
        }
      }
    }
    return null;
  }

  private static String meant(String word, Shape.Keys shape) {
    String expected = shape.word() == null ? "" : shape.word();
    String nearest = NearestWord.of(word, List.of(expected));
    return nearest == null ? "" : " Did you mean '" + nearest + "'?";
  }

  private static boolean isNothing(Node node) {
    return node.getTag().equals(Tag.NULL);
  }

  private static String kind(Node node) {
    if (node instanceof MappingNode) {
      return "a mapping";
    }
    if (node instanceof SequenceNode) {
      return "a list";
    }
    return isNothing(node) ? "nothing" : "a single value";
  }

  private static String join(String path, String key) {
    return path.isEmpty() ? key : path + "." + key;
  }
}
