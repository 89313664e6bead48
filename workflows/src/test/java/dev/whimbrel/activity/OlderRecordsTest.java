package dev.whimbrel.activity;

import static org.assertj.core.api.Assertions.assertThat;

import com.google.protobuf.ByteString;
import dev.whimbrel.migration.MigrationStatus.Verified;
import io.temporal.api.common.v1.Payload;
import io.temporal.common.converter.DataConverter;
import io.temporal.common.converter.DefaultDataConverter;
import java.time.Instant;
import org.junit.jupiter.api.Test;

/** What older workers and older histories have written has not got what came later. */
class OlderRecordsTest {
  private final DataConverter converter = DefaultDataConverter.newDefaultInstance();

  @Test
  void aSwitchoverThatSaysNoHashLooksByTheFastOne() {
    SwitchoverRequest old =
        read(
            "{\"to\":\"TARGET\",\"pauseBudget\":5.0,\"finishOnly\":false}",
            SwitchoverRequest.class);

    assertThat(old.hash()).isEqualTo("fast");
    assertThat(old.toFinish().behind(3).inEpoch(4L).hash()).isEqualTo("fast");
    assertThat(old.hashedBy("sha256").toFinish().behind(3).inEpoch(4L).hash()).isEqualTo("sha256");
  }

  @Test
  void aReportThatDoesNotSayWhenItBeganIsAsOldAsItSays() {
    VerificationReport old =
        read(
            "{\"at\":\"2026-01-01T00:00:00Z\",\"tables\":1,\"rows\":2,\"findings\":[],\"notCompared\":[],\"stale\":[]}",
            VerificationReport.class);

    assertThat(old.began()).isNull();
    assertThat(Verified.of(old).tookLong()).isFalse();
    VerificationReport young = old.begun(Instant.parse("2025-12-31T23:00:00Z"));
    assertThat(Verified.of(young).tookLong()).isTrue();
    assertThat(Verified.of(young.asOf(Instant.EPOCH).withoutRows()))
        .extracting(Verified::at, Verified::began, Verified::ended)
        .containsExactly(Instant.EPOCH, Instant.parse("2025-12-31T23:00:00Z"), old.at());
    assertThat(
            read(
                    "{\"at\":\"2026-01-01T00:00:00Z\",\"rows\":2,\"differences\":0,\"notCompared\":[]}",
                    Verified.class)
                .tookLong())
        .isFalse();
  }

  private <T> T read(String json, Class<T> type) {
    return converter.fromPayload(
        Payload.newBuilder()
            .putMetadata("encoding", ByteString.copyFromUtf8("json/plain"))
            .setData(ByteString.copyFromUtf8(json))
            .build(),
        type,
        type);
  }
}
