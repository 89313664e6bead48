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
          C, en-US-u-va-posix
          c, en-US-u-va-posix
          POSIX, en-US-u-va-posix
          C.UTF-8, en-US-u-va-posix
          en_US.UTF-8, en-US
          de_DE.utf8, de-DE
          sr_Latn_RS, sr-Latn-RS
          iw, he
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

  /** As 15 keeps them, and 18 what it makes of them. */
  @ParameterizedTest
  @CsvSource({
    "de__PHONEBOOK, de-u-co-phonebk",
    "zh_TW_STROKE, zh-TW-u-co-stroke",
    "zh__PINYIN, zh-u-co-pinyin",
    "en_US_POSIX, en-US-u-va-posix",
    "hi__DIRECT, hi-u-co-direct",
    "es__TRADITIONAL, es-u-co-trad",
    "de_DE.UTF-8@euro, de-DE-u-cu-eur",
    "de_DE_PREEURO, de-DE-u-cu-dem",
    "ca_ES_VALENCIA, ca-ES-valencia"
  })
  void doesNotJudgeWhatNewerServersWriteInAnotherWay(String older, String newer) {
    assertThat(icu(older).maySpellDifferently(icu(newer))).isTrue();
    assertThat(icu(newer).maySpellDifferently(icu(older))).isTrue();
    assertThat(icu(older).maySpellDifferently(icu("sv-u-co-phonebk"))).isFalse();
    assertThat(icu(newer).maySpellDifferently(icu("de-u-co-eor"))).isFalse();
  }

  /** Full text search asks the library under every provider. */
  @Test
  void asksForTheLettersOfAWholeDatabase() {
    TextOrder letters = TextOrder.ofDatabase("i", "de", "C", null);

    assertThat(letters.words()).isEqualTo("icu de, letters of C");
    assertThat(letters.sameAs(TextOrder.ofDatabase("i", "de", "en_US.utf8", null))).isFalse();
    assertThat(letters.sameAs(TextOrder.ofDatabase("i", "de", "POSIX", null))).isTrue();
    assertThat(builtin("C.UTF-8", "C").sameAs(builtin("C.UTF-8", "en_US.UTF-8"))).isFalse();
    assertThat(builtin("C", "en_US.UTF-8").sameAs(libc("C", "C"))).isFalse();
    assertThat(builtin("C", "C").sameAs(libc("C", "C"))).isTrue();
  }

  private static TextOrder builtin(String order, String letters) {
    return TextOrder.ofDatabase("b", order, letters, null);
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
