package dev.whimbrel.postgres;

import static org.assertj.core.api.Assertions.assertThat;

import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;

class TextOrderTest {
  @ParameterizedTest
  @CsvSource(
      textBlock =
          """
          de@collation=phonebook, de-u-co-phonebk
          de_AT@collation=phonebook, de-AT-u-co-phonebk
          '', und
          root, und
          en-u-kn-true, en-u-kn
          en@colNumeric=yes, en-u-kn
          en-US-u-ks-level2-kc, en_US@colStrength=secondary;colCaseLevel=yes
          @colStrength=primary, und-u-ks-level1
          nb_NO@colCaseFirst=no, nb-NO-u-kf-false
          en@colReorder=grek-latn, en-u-kr-grek-latn
          zh_Hant@collation=stroke, zh-Hant-u-co-stroke
          """)
  void readsBothSpellingsOfALocale(String one, String other) {
    assertThat(icu(one).sameAs(icu(other))).isTrue();
  }

  @ParameterizedTest
  @CsvSource({
    "de, sv",
    "de_AT, de_DE",
    "de-u-co-phonebk, de",
    "nb-NO, nb",
    "und-u-ks-level1, und-u-ks-level2"
  })
  void tellsLocalesApart(String one, String other) {
    assertThat(icu(one).sameAs(icu(other))).isFalse();
    assertThat(icu(one).maySpellDifferently(icu(other))).isFalse();
  }

  @Test
  void doesNotJudgeWhatItCannotTranslate() {
    assertThat(icu("de@new=thing").maySpellDifferently(icu("de-u-xx-thing"))).isTrue();
    assertThat(icu("de@new=thing").maySpellDifferently(icu("sv-u-xx-thing"))).isFalse();
  }

  @Test
  void tellsProvidersRulesAndDeterminismApart() {
    TextOrder german = icu("de");

    assertThat(german.sameAs(TextOrder.of("c", "de", "de", null, true))).isFalse();
    assertThat(german.sameAs(TextOrder.of("i", "de", null, "&a < b", true))).isFalse();
    assertThat(german.sameAs(TextOrder.of("i", "de", null, null, false))).isFalse();
    assertThat(TextOrder.of("i", "de", null, "&a < b", false).words())
        .isEqualTo("icu de, rules '&a < b', not deterministic");
  }

  @Test
  void readsTheServersLibraryAsSystemsSpellIt() {
    assertThat(libc("en_US.UTF-8", "en_US.UTF-8").sameAs(libc("en_US.utf8", "en_US.utf8")))
        .isTrue();
    assertThat(libc("C", "C").sameAs(TextOrder.of("b", "C", null, null, true))).isTrue();
    assertThat(libc("C", "C").sameAs(libc("POSIX", "POSIX"))).isTrue();
    assertThat(libc("C", "en_US.utf8").sameAs(libc("C", "C"))).isFalse();
    assertThat(libc("C.UTF-8", "C.UTF-8").sameAs(TextOrder.of("b", "C.UTF-8", null, null, true)))
        .isFalse();
    assertThat(libc("C", "en_US.utf8").words()).isEqualTo("libc C, letters of en_US.utf8");
  }

  private static TextOrder libc(String order, String letters) {
    return TextOrder.of("c", order, letters, null, true);
  }

  /** As servers before 15 have it, whose other columns say the same. */
  private static TextOrder icu(String locale) {
    return TextOrder.of("i", locale, locale, null, true);
  }
}
