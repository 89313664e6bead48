package dev.whimbrel.compute;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import dev.whimbrel.activity.Failures;
import dev.whimbrel.activity.Finding;
import io.temporal.failure.ApplicationFailure;
import org.junit.jupiter.api.Test;

class RefusalsTest {
  @Test
  void isABlockerOfThePlanWhereAPersonHasToSeeToIt() {
    ApplicationFailure denied = Failures.needsHelp("app-1: no right", "grant it", "aws iam");

    Finding finding = Refusals.blocker("machines", "app-1", denied);

    assertThat(finding.level()).isEqualTo(Finding.Level.BLOCKER);
    assertThat(finding.line()).isEqualTo("app-1: app-1: no right. Fix: aws iam");
  }

  @Test
  void isNoFaultOfTheRunbookWhereItMayPassByItself() {
    ApplicationFailure busy = Failures.transientFailure("AWS answered RequestLimitExceeded");

    assertThatThrownBy(() -> Refusals.blocker("machines", "app-1", busy)).isSameAs(busy);
  }
}
