package dev.whimbrel.cli;

import static org.assertj.core.api.Assertions.assertThat;

import java.io.ByteArrayOutputStream;
import java.nio.charset.StandardCharsets;
import org.junit.jupiter.api.Test;

class PasteableTest {
  private final ByteArrayOutputStream printed = new ByteArrayOutputStream();
  private final Pasteable out = new Pasteable(printed, "/opt/it's\\ here/whimbrel");

  @Test
  void writesCommandsAsTheProgramWasCalled() {
    out.println("Fix: `whimbrel worker`, or whimbrel plan shop.yaml --offline");
    out.println("See ./whimbrel status, slot whimbrel_shop_base and whimbrel itself");

    assertThat(text())
        .isEqualTo(
            """
            Fix: `/opt/it's\\ here/whimbrel worker`, or /opt/it's\\ here/whimbrel plan shop.yaml --offline
            See ./whimbrel status, slot whimbrel_shop_base and whimbrel itself
            """);
  }

  @Test
  void leavesDocumentsAsTheyAre() {
    out.print("{\"nextSteps\": [\"whimbrel rollback shop\"]}");
    out.flush();

    assertThat(text()).isEqualTo("{\"nextSteps\": [\"whimbrel rollback shop\"]}");
  }

  private String text() {
    return printed.toString(StandardCharsets.UTF_8);
  }
}
