package dev.whimbrel.postgres;

import static org.assertj.core.api.Assertions.assertThat;

import dev.whimbrel.activity.QueriesReport.Verdict;
import dev.whimbrel.postgres.CommitsBetween.Seen;
import java.util.List;
import org.junit.jupiter.api.Test;

class QueryLooksTest {
  private static final QueryAnswer ANSWER = answer(3, "bag", "list");

  @Test
  void believesWhatIsTheSameAtOnePosition() {
    QueryLooks looks = new QueryLooks(true);

    looks.answered(true, ANSWER, ANSWER);

    assertThat(looks.verdict()).isEqualTo(Verdict.SAME);
    assertThat(looks.note()).isNull();
  }

  @Test
  void believesWhatIsTheSameNearAPositionTheSecondTime() {
    QueryLooks looks = new QueryLooks(false);

    looks.answered(false, ANSWER, ANSWER);
    assertThat(looks.verdict()).isNull();
    looks.answered(false, ANSWER, ANSWER);

    assertThat(looks.verdict()).isEqualTo(Verdict.SAME);
  }

  @Test
  void callsItADifferenceTheThirdTimeOnly() {
    QueryLooks looks = new QueryLooks(false);

    looks.answered(true, ANSWER, answer(4, "other", "list"));
    looks.answered(false, ANSWER, answer(4, "other", "list"));
    looks.disturbed();
    looks.answered(true, ANSWER, answer(4, "other", "list"));
    assertThat(looks.verdict()).isNull();
    looks.answered(true, ANSWER, answer(4, "other", "list"));

    assertThat(looks.verdict()).isEqualTo(Verdict.DIFFERS);
    assertThat(looks.note())
        .isEqualTo(
            "3 rows on the source, 4 on the target, 3 times at the same position of the stream");
  }

  @Test
  void takesADifferenceBackThatWasOnlySeenNow() {
    QueryLooks looks = new QueryLooks(false);

    looks.answered(true, ANSWER, answer(3, "other", "list"));
    looks.answered(true, ANSWER, answer(3, "other", "list"));
    looks.answered(true, ANSWER, ANSWER);

    assertThat(looks.verdict()).isEqualTo(Verdict.SAME);
  }

  @Test
  void takesADifferenceBackOnlyWhereItIsCertain() {
    QueryLooks looks = new QueryLooks(false);

    looks.answered(true, ANSWER, answer(4, "other", "list"));
    looks.answered(false, ANSWER, ANSWER);
    looks.answered(false, ANSWER, ANSWER);
    assertThat(looks.verdict()).isNull();
    looks.answered(true, ANSWER, ANSWER);

    assertThat(looks.verdict()).isEqualTo(Verdict.SAME);
  }

  @Test
  void callsWhatNeverStoodStillInFluxAndNoDifference() {
    QueryLooks looks = new QueryLooks(false);

    for (int i = 0; i < QueryLooks.MOST; i++) {
      assertThat(looks.verdict()).isNull();
      looks.answered(false, ANSWER, answer(4, "other", "list"));
    }

    assertThat(looks.verdict()).isEqualTo(Verdict.NOT_COMPARED);
    assertThat(looks.note()).startsWith("in flux");
  }

  @Test
  void mindsTheOrderOnlyWhereTheQueryDoes() {
    QueryAnswer turned = answer(3, "bag", "turned");
    QueryLooks ordered = new QueryLooks(true);
    QueryLooks any = new QueryLooks(false);

    ordered.answered(true, ANSWER, turned);
    any.answered(true, ANSWER, turned);

    assertThat(ordered.verdict()).isEqualTo(Verdict.OTHER_ORDER);
    assertThat(any.verdict()).isEqualTo(Verdict.SAME);
  }

  @Test
  void tellsWhoseFailureItIs() {
    QueryLooks both = new QueryLooks(false);
    both.failed("no table", "no table");
    assertThat(both.verdict()).isEqualTo(Verdict.NOT_COMPARED);
    assertThat(both.note()).isEqualTo("it fails on both sides: no table");

    QueryLooks one = new QueryLooks(false);
    one.failed(null, "no function");
    assertThat(one.verdict()).as("perhaps a cache was cold").isNull();
    one.failed(null, "no function");
    assertThat(one.verdict()).isEqualTo(Verdict.FAILS_ON_ONE);
    assertThat(one.note()).isEqualTo("it fails on the target alone: no function");
  }

  @Test
  void tellsATimeThatSomebodyShouldKnow() {
    QueryTime source = new QueryTime(30, List.of("Limit", "Index Scan on orders by by_day"));

    assertThat(new QueryTime(59, List.of()).isSlowerThan(source)).isFalse();
    assertThat(new QueryTime(61, List.of()).isSlowerThan(source)).isTrue();
    assertThat(new QueryTime(9, List.of()).isSlowerThan(new QueryTime(1, List.of()))).isFalse();
    assertThat(new QueryTime(61, List.of("Limit", "Seq Scan on orders")).hint(source))
        .startsWith(
            "its plan is another one (Seq Scan on orders, on the source Index Scan on orders by by_day)");
    assertThat(new QueryTime(61, source.steps()).hint(source)).startsWith("by the same plan");
  }

  @Test
  void knowsWhatASnapshotSees() {
    Seen seen = Seen.of("100:110:100,105");

    assertThat(seen.sees(99)).isTrue();
    assertThat(seen.sees(100)).isFalse();
    assertThat(seen.sees(104)).isTrue();
    assertThat(seen.sees(105)).isFalse();
    assertThat(seen.sees(109)).isTrue();
    assertThat(seen.sees(110)).isFalse();
    assertThat(Seen.of("100:100:").sees(99)).isTrue();

    Seen beyond = Seen.of("4294967290:4294967300:4294967298");
    assertThat(beyond.sees(4294967289L)).as("of the epoch before").isTrue();
    assertThat(beyond.sees(1)).as("4294967297").isTrue();
    assertThat(beyond.sees(2)).as("4294967298").isFalse();
    assertThat(beyond.sees(4)).as("4294967300").isFalse();
  }

  private static QueryAnswer answer(long rows, String bag, String list) {
    return new QueryAnswer(List.of("a"), rows, bag, list);
  }
}
