package dev.whimbrel.runbook;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.junit.jupiter.params.provider.ValueSource;

class TablePatternTest {
  @ParameterizedTest
  @CsvSource(
      quoteCharacter = '\'',
      value = {
        "audit.*, audit, log, true",
        "audit.*, audit2, log, false",
        "aud?t.log_??, audit, log_07, true",
        "aud?t.log_??, audit, log_7, false",
        "Audit.LOG, audit, log, true",
        "audit.log, audit, LOG, false",
        "audit.log, audit, log2, false",
        "*.log, audit, log, true",
        "'public.\"Old Orders\"', public, Old Orders, true",
        "'public.\"Old \"*', public, Old Orders, true",
        "'public.\"Old*\"', public, Old Orders, false",
        "'public.\"Old*\"', public, Old*, true",
        "'public.\"a.b\"', public, a.b, true",
        "'public.\"say \"\"so\"\"\"', public, 'say \"so\"', true",
        "'public.\"[a-z]+\"', public, a, false",
        "public.übung_$1, public, übung_$1, true",
      })
  void readsNamesAsPsqlDoes(String pattern, String schema, String table, boolean matches) {
    assertThat(TablePattern.parse(pattern).matches(schema, table)).isEqualTo(matches);
  }

  @ParameterizedTest
  @ValueSource(
      strings = {"", "log", "audit.", ".log", "a.b.c", "audit.\"log", "audit.my log", "a.b|c"})
  void refusesWhatNamesNoTable(String text) {
    assertThatThrownBy(() -> TablePattern.parse(text))
        .isInstanceOf(IllegalArgumentException.class)
        .hasMessageStartingWith(
            "expected schema.table, such as audit.* or public.\"Old Orders\", found '"
                + text
                + "'");
  }

  @Test
  void matchesANameOverSeveralLines() {
    assertThat(TablePattern.parse("public.*").matches("public", "two\nlines")).isTrue();
    assertThat(TablePattern.parse("public.tmp_?").isForMany()).isTrue();
    assertThat(TablePattern.parse("*.\"tmp*\"").isForMany()).isFalse();
    assertThat(TablePattern.parse("public.\"🐦\"").matches("public", "🐦")).isTrue();
    assertThat(TablePattern.parse("public.?").matches("public", "🐦")).isTrue();
  }
}
