package dev.whimbrel.postgres;

import java.util.List;
import java.util.Map;

/**
 * The columns of a table that travel.
 *
 * @param types by name, quoted, in the order of the table; a domain's with all that it rests on
 * @param known whether each type's binary form has been the same in every version
 */
record CopyColumns(Map<String, String> types, boolean known) {
  /** The names behind one another, each behind a prefix. */
  String list(String prefix) {
    return String.join(", ", types.keySet().stream().map(name -> prefix + name).toList());
  }

  /** The names in brackets; nothing where there are none. */
  String named() {
    return types.isEmpty() ? "" : " (" + list("") + ")";
  }

  /**
   * Whether rows may travel in binary form. A server takes another type of the same length without
   * a word, an int8 for a float8: as text, most of these fail.
   *
   * @param there the target's columns
   * @param from the source's major version
   * @param to the target's; an older one takes infinite intervals for long ones
   */
  boolean binary(CopyColumns there, int from, int to) {
    List<Map.Entry<String, String>> here = List.copyOf(types.entrySet());
    return known && to >= from && there.types.entrySet().containsAll(here);
  }
}
