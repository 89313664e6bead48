package dev.whimbrel.activity;

import static org.assertj.core.api.Assertions.assertThat;

import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.junit.jupiter.params.provider.ValueSource;

class RedactionTest {

  @ParameterizedTest
  @CsvSource(
      delimiter = '|',
      quoteCharacter = '`',
      value = {
        "postgresql://ana:hunter2@db/shop|postgresql://ana:***@db/shop",
        "postgresql://ana:hun/t@er2@db/shop|postgresql://ana:***@db/shop",
        "postgresql://ana:@db/shop|postgresql://ana:***@db/shop",
        "host=db password=hunter2 user=ana|host=db password=*** user=ana",
        "host=db password='hun ter''2' user=ana|host=db password='***' user=ana",
        "jdbc:postgresql://db/shop?user=ana&password=hunter2&ssl=true"
            + "|jdbc:postgresql://db/shop?user=ana&password=***&ssl=true",
        "ALTER ROLE ana PASSWORD 'hunter2'|ALTER ROLE ana PASSWORD '***'",
        "{\"password\": \"hun\\\"ter2\", \"user\": \"ana\"}"
            + "|{\"password\": \"***\", \"user\": \"ana\"}",
        "PGPASSWORD=hunter2 psql|PGPASSWORD=*** psql",
        "aws_secret_access_key=hunter2|aws_secret_access_key=***",
        "Authorization: Bearer abcdefgh12345|Authorization: Bearer ***",
        "verifier SCRAM-SHA-256$4096:salt$stored:server|verifier SCRAM-SHA-256$***",
      })
  void masksASecretByItsShape(String text, String masked) {
    assertThat(Redaction.redact(text)).isEqualTo(masked);
    assertThat(Redaction.redact(masked)).isEqualTo(masked);
  }

  @ParameterizedTest
  @ValueSource(
      strings = {
        "check the role and the password that the runbook refers to",
        "a password must not stand in the URL; write it as password: env:NAME or file:/path",
        "password=env:SOURCE_PASSWORD",
        "password authentication failed for user \"ana\"",
        "http://shop.example.com:8080/healthz?mail=ana@example.com answered 503",
        "postgresql://ana@[2001:db8::1]:5432/shop",
        "wrong password: the server said 28P01",
      })
  void leavesATextWithoutASecretAsItIs(String text) {
    assertThat(Redaction.redact(text)).isEqualTo(text);
  }

  @Test
  void masksAPrivateKeyThatWasCutOff() {
    String text = "bad key -----BEGIN PRIVATE KEY-----\nMIIE\nabc";

    assertThat(Redaction.redact(text)).isEqualTo("bad key -----BEGIN PRIVATE KEY-----***");
  }
}
