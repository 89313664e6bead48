package dev.whimbrel.runbook;

import com.fasterxml.jackson.annotation.JsonCreator;
import com.fasterxml.jackson.annotation.JsonValue;
import java.math.BigDecimal;

/**
 * A share, written {@code 1%} in a runbook.
 *
 * @param fraction from 0 to 1
 */
public record Percent(double fraction) {
  /**
   * Reads {@code 1%} or {@code 0.5%}.
   *
   * @throws IllegalArgumentException if the text is not a number followed by a percent sign, or not
   *     between 0 and 100
   */
  @JsonCreator(mode = JsonCreator.Mode.DELEGATING)
  public static Percent parse(String text) {
    if (!text.matches("\\d{1,3}(\\.\\d{1,4})?%")) {
      throw new IllegalArgumentException("expected a share such as 1%, found '" + text + "'");
    }
    BigDecimal percent = new BigDecimal(text.substring(0, text.length() - 1));
    if (percent.compareTo(BigDecimal.valueOf(100)) > 0) {
      throw new IllegalArgumentException("expected at most 100%, found '" + text + "'");
    }
    return new Percent(percent.movePointLeft(2).doubleValue());
  }

  @JsonValue
  @Override
  public String toString() {
    return BigDecimal.valueOf(fraction).movePointRight(2).stripTrailingZeros().toPlainString()
        + "%";
  }
}
