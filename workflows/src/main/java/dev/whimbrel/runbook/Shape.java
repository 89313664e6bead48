package dev.whimbrel.runbook;

import com.fasterxml.jackson.annotation.JsonFormat;
import com.fasterxml.jackson.annotation.JsonProperty;
import java.lang.reflect.ParameterizedType;
import java.lang.reflect.RecordComponent;
import java.lang.reflect.Type;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import org.jspecify.annotations.Nullable;

/**
 * What may stand at one place of the file, read from the records. Parsing, the JSON Schema and the
 * reference all go by it, so that they cannot disagree.
 */
sealed interface Shape {

  /** What people are told was expected. */
  String expected();

  /** Any text. */
  record Text() implements Shape {
    @Override
    public String expected() {
      return "a text";
    }
  }

  /** A whole number. */
  record Whole() implements Shape {
    @Override
    public String expected() {
      return "a whole number";
    }
  }

  /** A duration such as {@code 30s}. */
  record Time() implements Shape {
    @Override
    public String expected() {
      return "a duration such as 30s, 5m, 24h or 3d";
    }
  }

  /** A share such as {@code 1%}. */
  record Share() implements Shape {
    @Override
    public String expected() {
      return "a share such as 1%";
    }
  }

  /**
   * A list.
   *
   * @param single whether a single item may stand without brackets
   */
  record Many(Shape item, boolean single) implements Shape {
    @Override
    public String expected() {
      return single ? item.expected() + " or a list of them" : "a list";
    }
  }

  /** A mapping of the user's own words to texts. */
  record Texts() implements Shape {
    @Override
    public String expected() {
      return "a mapping of words to texts";
    }
  }

  /**
   * A mapping with known keys.
   *
   * @param type the record it becomes
   * @param word a plain word that may stand instead, or null
   */
  record Keys(Class<? extends Record> type, List<Key> keys, @Nullable String word)
      implements Shape {
    @Override
    public String expected() {
      String names = String.join(", ", names());
      return word == null
          ? "a mapping with keys (" + names + ")"
          : "the word '" + word + "' or a mapping with one of the keys " + names;
    }

    List<String> names() {
      return keys.stream().map(Key::name).toList();
    }

    @Nullable Key key(String name) {
      return keys.stream().filter(k -> k.name().equals(name)).findFirst().orElse(null);
    }
  }

  /**
   * One key.
   *
   * @param name as it stands in the file
   * @param component the record's component
   */
  record Key(String name, String component, Shape shape, boolean required) {}

  /** The shape of a whole runbook. */
  static Keys ofRunbook() {
    return ofRecord(Runbook.class);
  }

  private static Keys ofRecord(Class<? extends Record> type) {
    List<Key> keys = new ArrayList<>();
    for (RecordComponent component : type.getRecordComponents()) {
      // Jackson's annotations reach the accessor, not the component itself.
      JsonProperty property = component.getAccessor().getAnnotation(JsonProperty.class);
      JsonFormat format = component.getAccessor().getAnnotation(JsonFormat.class);
      String name =
          property == null || property.value().isEmpty() ? component.getName() : property.value();
      // `manual` is written as a plain word, never as a key.
      if (type != Connect.class || !name.equals("manual")) {
        Shape shape = of(component.getGenericType(), format != null);
        keys.add(
            new Key(name, component.getName(), shape, property != null && property.required()));
      }
    }
    return new Keys(type, List.copyOf(keys), type == Connect.class ? "manual" : null);
  }

  private static Shape of(Type type, boolean single) {
    if (type instanceof ParameterizedType list && list.getRawType() == List.class) {
      return new Many(of(list.getActualTypeArguments()[0], false), single);
    }
    if (type instanceof ParameterizedType map && map.getRawType() == Map.class) {
      return new Texts();
    }
    if (type == String.class) {
      return new Text();
    }
    if (type == Integer.class || type == int.class) {
      return new Whole();
    }
    if (type == Duration.class) {
      return new Time();
    }
    if (type == Percent.class) {
      return new Share();
    }
    if (type instanceof Class<?> c && c.isRecord()) {
      return ofRecord(c.asSubclass(Record.class));
    }
    throw new IllegalStateException("Cannot tell how " + type + " is written in a runbook");
  }
}
