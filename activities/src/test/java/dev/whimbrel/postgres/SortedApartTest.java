package dev.whimbrel.postgres;

import static org.assertj.core.api.Assertions.assertThat;

import dev.whimbrel.activity.Side;
import dev.whimbrel.activity.VerificationReport;
import dev.whimbrel.activity.VerifyRequest;
import dev.whimbrel.secrets.Secrets;
import dev.whimbrel.servers.PostgresServer;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.Random;
import java.util.Set;
import java.util.TreeSet;
import java.util.stream.Collectors;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

/**
 * Two servers of which each sorts the same texts in its own order: one by bytes, the other as a
 * language does, where {@code Zebra} comes behind {@code apple} and signs before every letter.
 */
class SortedApartTest {
  private static final Cuts CUTS = new Cuts(1_000, 16);

  private static final String BYTES = "locale 'C'";
  private static final String LANGUAGE = "locale_provider icu icu_locale 'en-US'";

  private static final String WORDS =
      "create table words (word text primary key, n int not null default 0)";

  /** All over either order: capitals, signs before and within, letters of a language. */
  private static final String ROWS =
      """
      insert into words select format(f, i), i
        from generate_series(1, 900) i,
             unnest(array['Zebra %1$s', 'zebra %1$s', '-zebra %1$s', 'ze-bra %1$s', 'Äbra %1$s', 'äbra %1$s', '%1$s zebra', '_Zebra %1$s']) f
      """;

  private static final List<String> FORMS =
      List.of("Zebra ", "zebra ", "-zebra ", "ze-bra ", "Äbra ", "äbra ", "_Zebra ");

  /** Written again and again, among others that are not. */
  private static String change(Random random) {
    String word = FORMS.get(random.nextInt(FORMS.size())) + 10 * (1 + random.nextInt(80));
    return switch (random.nextInt(4)) {
      case 0 -> "delete from words where word = '" + word + "'";
      case 1 -> "insert into words values ('" + word + "', 1) on conflict (word) do nothing";
      default -> "update words set n = n + 1 where word = '" + word + "'";
    };
  }

  @ParameterizedTest
  @ValueSource(strings = {"source", "target"})
  void findsWhatEitherSideLacksAndNothingElse(String asALanguageDoes) throws Exception {
    boolean ofSource = asALanguageDoes.equals("source");
    try (StreamedShop shop =
        new StreamedShop(15, 16, ofSource ? LANGUAGE : BYTES, ofSource ? BYTES : LANGUAGE)) {
      shop.add("words", WORDS, ROWS);
      assertThat(first(shop.source)).isNotEqualTo(first(shop.target));
      try (ShopLoad load = new ShopLoad(shop.source, SortedApartTest::change)) {
        for (int round = 0; round < 4; round++) {
          assertThat(rowFindings(compare(shop))).isEmpty();
        }
        Set<String> planted = plant(shop.target);

        VerificationReport report = compare(shop);

        assertThat(rowFindings(report)).isEqualTo(planted);
        assertThat(report.differingRows()).isEqualTo(planted.size());
        mend(shop.target);
        assertThat(rowFindings(compare(shop))).isEmpty();
        assertThat(load.rate()).isGreaterThan(50);
      }
    }
  }

  /** The first of the words, in a server's own order. */
  private static String first(PostgresServer server) throws Exception {
    return Pairs.value(server, "shop", "select word from words order by word offset 3000 limit 1");
  }

  /** Of each form some, all over the table: lacking, only there, and other. */
  private static Set<String> plant(PostgresServer target) {
    Set<String> findings = new TreeSet<>();
    List<String> statements = new ArrayList<>();
    for (String form : FORMS) {
      for (int i = 105; i < 900; i += 200) {
        statements.add("delete from words where word = '%s%d'".formatted(form, i));
        findings.add("public.words (word)=(%s%d): missing on the target".formatted(form, i));
        statements.add("insert into words values ('%s%d', 1)".formatted(form, 10_000 + i));
        findings.add("public.words (word)=(%s%d): only on the target".formatted(form, 10_000 + i));
      }
      statements.add("update words set n = -1 where word = '%s207'".formatted(form));
      findings.add("public.words (word)=(%s207): differs in n".formatted(form));
    }
    target.execute("shop", statements.toArray(String[]::new));
    return findings;
  }

  private static void mend(PostgresServer target) {
    for (String form : FORMS) {
      for (int i = 105; i < 900; i += 200) {
        target.execute(
            "shop",
            "insert into words values ('%s%d', %d)".formatted(form, i, i),
            "delete from words where word = '%s%d'".formatted(form, 10_000 + i));
      }
      target.execute("shop", "update words set n = 207 where word = '%s207'".formatted(form));
    }
  }

  /** What a server's own order is called is said of the catalogs. */
  private static Set<String> rowFindings(VerificationReport report) {
    assertThat(report.notCompared()).noneMatch(line -> line.startsWith("public."));
    return report.findings().stream()
        .filter(line -> line.startsWith("public."))
        .collect(Collectors.toCollection(TreeSet::new));
  }

  private static VerificationReport compare(StreamedShop shop) {
    return new PostgresVerification(new Secrets(Map.of()), progress -> {}, CUTS)
        .verify(new VerifyRequest(shop.move(), Side.SOURCE, "fast"));
  }
}
