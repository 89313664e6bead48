package dev.whimbrel.postgres;

import static org.assertj.core.api.Assertions.assertThat;

import dev.whimbrel.runbook.RunbookFile;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

class ByHandPasswordsTest {
  private static final String RUNBOOK =
      """
      name: shop
      source: {postgres: {url: "postgresql://migrator@db.old.example.com/shop", password: "env:SOURCE_PASSWORD"}}
      target: {postgres: {url: "postgresql://migrator@db.new.example.com:6543/shop", password: "file:%s"}}
      connect: [%s]
      """;

  @TempDir Path directory;

  @Test
  void letPsqlFindEveryPasswordOfTheRunbook() throws Exception {
    Path secret = Files.writeString(directory.resolve("it's"), "two\n");
    String pooler =
        "{pgbouncer: {admin: 'postgresql://admin@192.0.2.7:6432/pgbouncer', database: shop,"
            + " password: 'command:echo three', switch: {file: /etc/pgbouncer/pgbouncer.ini}}}";

    String lines = ByHandPasswords.file(RunbookFile.parse(RUNBOOK.formatted(secret, pooler)));

    assertThat(run(lines + "\ncat $PGPASSFILE"))
        .isEqualTo(
            """
            db.old.example.com:5432:*:migrator:a\\:b\\\\c"d $e
            db.new.example.com:6543:*:migrator:two
            192.0.2.7:6432:*:admin:three
            """);
  }

  private static String run(String lines) throws Exception {
    ProcessBuilder shell = new ProcessBuilder("bash", "-c", lines).redirectErrorStream(true);
    shell.environment().put("SOURCE_PASSWORD", "a:b\\c\"d $e");
    Process process = shell.start();
    String printed = new String(process.getInputStream().readAllBytes(), StandardCharsets.UTF_8);
    assertThat(process.waitFor()).as(printed).isZero();
    return printed;
  }
}
