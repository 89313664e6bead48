package dev.whimbrel.activity;

import java.util.List;
import org.jspecify.annotations.Nullable;

/**
 * The source's most expensive queries, as a file for {@code validate.queries} to begin with.
 *
 * @param text the file; null where there is nothing to propose
 * @param findings why not
 */
public record QueryProposal(@Nullable String text, List<Finding> findings) {

  /** Names the check in the findings. */
  public static final String CHECK = "queries";

  /** Copies the list. */
  public QueryProposal {
    findings = findings == null ? List.of() : List.copyOf(findings);
  }

  /** Nothing, and why. */
  public static QueryProposal none(String why, @Nullable String fix) {
    return new QueryProposal(
        null,
        List.of(
            new Finding(
                Finding.Level.NOTE, CHECK, "source", "no query is proposed: " + why + ".", fix)));
  }
}
