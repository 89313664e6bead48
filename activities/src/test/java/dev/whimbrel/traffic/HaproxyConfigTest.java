package dev.whimbrel.traffic;

import static org.assertj.core.api.Assertions.assertThat;

import java.util.Map;
import org.junit.jupiter.api.Test;

class HaproxyConfigTest {
  private static final String TEXT =
      """
      global
        stats socket ipv4@127.0.0.1:9999 level admin
      defaults
        mode http\r
        default-server inter 2s weight 10

      # server blue in a comment
      backend other
        server blue 192.0.2.1:80 weight 7
      backend app # the shop
      \tbalance roundrobin
      \tserver blue   192.0.2.1:80 check  weight 100 # old
        server "green" 198.51.100.1:80 weight 1 cookie weight
        server plain 192.0.2.9:80 check # no weight
        default-server weight 20
        server later 192.0.2.8:80
        server last 192.0.2.7:80 backup""";

  private final HaproxyConfig config = new HaproxyConfig(TEXT, "app");

  @Test
  void knowsTheWeightsThatServersComeUpWith() {
    assertThat(config.weights())
        .isEqualTo(Map.of("blue", 100, "green", 1, "plain", 10, "later", 20, "last", 20));
    assertThat(new HaproxyConfig(TEXT, "other").weights()).isEqualTo(Map.of("blue", 7));
    assertThat(new HaproxyConfig("listen app\nserver a 192.0.2.1:80\n", "app").weights())
        .isEqualTo(Map.of("a", 1));
  }

  @Test
  void changesTheFiguresAndNothingElse() {
    String changed = config.with(Map.of("blue", 75, "green", 25)).text();

    assertThat(changed)
        .isEqualTo(
            TEXT.replace("check  weight 100 # old", "check  weight 75 # old")
                .replace("weight 1 cookie weight", "weight 25 cookie weight"));
    assertThat(new HaproxyConfig(changed, "app").with(Map.of("blue", 100, "green", 1)).text())
        .isEqualTo(TEXT);
  }

  @Test
  void addsAWeightWhereNoneStood() {
    String changed = config.with(Map.of("plain", 3, "last", 4)).text();

    assertThat(changed)
        .isEqualTo(
            TEXT.replace("192.0.2.9:80 check # no", "192.0.2.9:80 check weight 3 # no")
                .replace("192.0.2.7:80 backup", "192.0.2.7:80 backup weight 4"));
  }

  @Test
  void leavesOtherBackendsAlone() {
    assertThat(new HaproxyConfig(TEXT, "app").with(Map.of("red", 3)).text()).isEqualTo(TEXT);
    assertThat(new HaproxyConfig(TEXT, "none").weights()).isEmpty();
  }
}
