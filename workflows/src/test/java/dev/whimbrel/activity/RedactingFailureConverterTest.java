package dev.whimbrel.activity;

import static org.assertj.core.api.Assertions.assertThat;

import io.temporal.api.failure.v1.Failure;
import io.temporal.common.converter.DataConverter;
import io.temporal.failure.ApplicationFailure;
import org.junit.jupiter.api.Test;

class RedactingFailureConverterTest {
  private final DataConverter converter =
      RedactingFailureConverter.dataConverter(text -> text.replace("hunter2", "***"));

  @Test
  void masksWhatTheWorkerHasResolvedInMessageAndHelp() {
    Failure failure =
        converter.exceptionToFailure(
            Failures.needsHelp("role ana has hunter2", "set hunter2", "echo hunter2"));

    assertThat(failure.toString()).doesNotContain("hunter2");
    ApplicationFailure read = (ApplicationFailure) converter.failureToException(failure);
    assertThat(read.getOriginalMessage()).isEqualTo("role ana has ***");
    assertThat(read.getType()).isEqualTo(Failures.NEEDS_HELP);
    assertThat(read.isNonRetryable()).isTrue();
    assertThat(read.getDetails().get(Failures.Help.class))
        .isEqualTo(new Failures.Help("role ana has ***", "set ***", "echo ***"));
  }

  @Test
  void cutsTheCausesOfApplicationFailures() {
    Failure failure =
        converter.exceptionToFailure(
            ApplicationFailure.newFailureWithCause(
                "cannot connect",
                Failures.TRANSIENT,
                new IllegalStateException("password=swordfish")));

    assertThat(failure.hasCause()).isFalse();
    assertThat(failure.toString()).doesNotContain("swordfish");
  }

  @Test
  void masksByShapeWhatAnOlderWorkerWrote() {
    Failure written =
        Failure.newBuilder().setMessage("postgresql://ana:swordfish@db/shop refused").build();

    RuntimeException read = RedactingFailureConverter.dataConverter().failureToException(written);

    assertThat(read).hasMessageContaining("postgresql://ana:***@db/shop refused");
  }
}
