package dev.whimbrel.postgres;

import static org.assertj.core.api.Assertions.assertThat;

import dev.whimbrel.activity.PreflightReport.DatabaseUser;
import org.junit.jupiter.api.Test;

class SeenUsersTest {

  @Test
  void knowsEachOnceAndRemembersThatItWrote() {
    SeenUsers users = new SeenUsers();
    users.add(user("app", false, "people"));
    users.add(user("app", true, "people"));
    users.add(user("app", false, "people"));

    assertThat(users.all()).containsExactly(user("app", true, "people"));
    assertThat(users.knows("app")).isTrue();
    assertThat(users.knows("other")).isFalse();
  }

  @Test
  void leavesOutThoseWhoFollowBeforeThoseWhoAreLeftAlone() {
    SeenUsers users = new SeenUsers();
    for (int i = 0; i < 2 * SeenUsers.MOST; i++) {
      users.add(user("follower" + i, true, "people"));
    }
    for (int i = 0; i < 3; i++) {
      users.add(user("alone" + i, true, UserSampling.NOTHING));
    }

    assertThat(users.all()).hasSize(SeenUsers.MOST);
    assertThat(users.all()).filteredOn(UserChecks::isLeftAlone).hasSize(3);
  }

  private static DatabaseUser user(String role, boolean writes, String follows) {
    return new DatabaseUser(role, "192.0.2.7", "till", writes, follows);
  }
}
