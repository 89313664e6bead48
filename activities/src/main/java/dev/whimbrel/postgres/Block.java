package dev.whimbrel.postgres;

import java.util.List;
import org.jspecify.annotations.Nullable;

/** A part of a table that is read with one short statement. */
sealed interface Block {
  /**
   * The rows whose key is behind {@code after} and not behind {@code upTo}.
   *
   * @param after null from the first row on
   * @param upTo null to the last row
   */
  record Range(@Nullable List<String> after, @Nullable List<String> upTo) implements Block {}

  /** The rows with these keys. */
  record Keys(List<List<String>> keys) implements Block {}

  /**
   * The rows on these pages.
   *
   * @param from first page
   * @param before the page behind the last one, or a negative number to the end
   */
  record Pages(long from, long before) implements Block {}
}
