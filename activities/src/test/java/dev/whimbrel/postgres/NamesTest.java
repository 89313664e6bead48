package dev.whimbrel.postgres;

import static org.assertj.core.api.Assertions.assertThat;

import dev.whimbrel.activity.Move;
import dev.whimbrel.activity.Slots;
import dev.whimbrel.runbook.Connect;
import dev.whimbrel.runbook.PostgresSpec;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import org.junit.jupiter.api.Test;

class NamesTest {
  private static final String MIGRATION = "shop-forward-2";

  /** Whatever is left out here keeps a disk filling on which nobody finds a slot of ours. */
  @Test
  void slotsOfAMigrationAreFoundByTheirPatternAndNoOthers() {
    Names names = new Names(MIGRATION);
    List<String> slots =
        new ArrayList<>(
            List.of(
                names.forwardSubscription(),
                names.baseSlot(),
                names.liveSlot(),
                names.meetingSlot(),
                names.metSlot(),
                names.copySlot(12),
                Names.ofStage(MIGRATION).forwardSubscription()));
    Names.streams(move().sharedBy(8)).forEach(each -> slots.add(each.forwardSubscription()));

    assertThat(slots).hasSize(15).allMatch(slot -> slot.matches(Slots.pattern(MIGRATION)));
    assertThat(slots).noneMatch(slot -> slot.matches(Slots.pattern("shop")));
    assertThat(names.ownSlots()).isEqualTo(Slots.pattern(MIGRATION));
  }

  @Test
  void aStreamIsKnownByWhatItPublishes() {
    for (int streams : List.of(1, 3)) {
      for (Names each : Names.streams(move().sharedBy(streams))) {
        Names found = Names.ofForward(MIGRATION, each.forwardPublication());

        assertThat(found.forwardPublication()).isEqualTo(each.forwardPublication());
        assertThat(found.role()).isEqualTo(each.role());
        assertThat(found.forwardMarker()).isEqualTo(each.forwardMarker());
      }
    }
  }

  private static Move move() {
    PostgresSpec nowhere =
        new PostgresSpec("postgresql://postgres@192.0.2.1/shop", null, null, null);
    return new Move(
        MIGRATION, nowhere, nowhere, List.of(Connect.MANUAL), List.of(), 4, Duration.ofSeconds(1));
  }
}
