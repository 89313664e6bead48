package dev.whimbrel.runbook;

import java.util.ArrayList;
import java.util.Comparator;
import java.util.HashMap;
import java.util.HashSet;
import java.util.List;
import java.util.Map;
import java.util.Set;
import org.yaml.snakeyaml.error.Mark;

/** Where everything stands in the file, and what is wrong there. */
final class Places {
  private record Place(String shown, int line, int column) {}

  private final Map<String, Place> places = new HashMap<>();
  private final Set<String> doubted = new HashSet<>();
  private final List<RunbookError> errors = new ArrayList<>();

  Places() {
    places.put("", new Place("", 1, 1));
  }

  /**
   * Remembers a place.
   *
   * @param path the path in the runbook as it is bound, where items that cannot be read are missing
   * @param shown the path as people count it
   */
  void put(String path, String shown, Mark mark) {
    places.put(path, new Place(shown, mark.getLine() + 1, mark.getColumn() + 1));
  }

  /** Whether the file has something at this path, be it right or wrong. */
  boolean has(String path) {
    return places.containsKey(path) || doubted.contains(path);
  }

  /**
   * Remembers that a mistake at this path has been reported, so that what follows from it is not.
   */
  void doubt(String path) {
    doubted.add(path);
  }

  /** Whether a mistake at this path has been reported. */
  boolean doubtful(String path) {
    return doubted.contains(path);
  }

  /** Reports a mistake at a path, or, where that is missing, at the nearest place around it. */
  void report(String path, String message) {
    String around = path;
    while (!places.containsKey(around)) {
      around =
          around.substring(
              0, Math.max(0, Math.max(around.lastIndexOf('.'), around.lastIndexOf('['))));
    }
    Place place = places.getOrDefault(around, new Place("", 1, 1));
    String shown = place.shown() + path.substring(around.length());
    shown = shown.startsWith(".") ? shown.substring(1) : shown;
    errors.add(new RunbookError(place.line(), place.column(), shown, message));
  }

  /** Reports a mistake at a mark of the file. */
  void report(Mark mark, String shown, String message) {
    errors.add(new RunbookError(mark.getLine() + 1, mark.getColumn() + 1, shown, message));
  }

  /** All mistakes in the order of the file. */
  List<RunbookError> errors() {
    return errors.stream()
        .sorted(Comparator.comparingInt(RunbookError::line).thenComparingInt(RunbookError::column))
        .toList();
  }
}
