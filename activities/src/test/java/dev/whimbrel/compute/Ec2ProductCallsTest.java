package dev.whimbrel.compute;

import static org.assertj.core.api.Assertions.assertThat;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Arrays;
import java.util.Set;
import java.util.TreeSet;
import java.util.regex.Pattern;
import java.util.stream.Collectors;
import org.junit.jupiter.api.Test;

/** A new call needs its faults tried, and its right given: this notices one that has neither. */
class Ec2ProductCallsTest {
  private static final Path ROOT = Path.of("..");

  @Test
  void everyCallMeetsItsFaultsInTheDocument() throws IOException {
    String document = Files.readString(ROOT.resolve("docs/provider-faults.md"));
    String section =
        document.substring(document.indexOf("<!-- ec2 -->"), document.indexOf("<!-- /ec2 -->"));

    Set<String> rows =
        Arrays.stream(section.split("\n", -1))
            .filter(each -> each.startsWith("| ") && !each.startsWith("| call |"))
            .map(each -> each.split(" \\| ", -1))
            .map(cells -> cells[0].substring(2) + " " + cells[1])
            .collect(Collectors.toCollection(TreeSet::new));

    Set<String> wanted = new TreeSet<>();
    for (String operation : Ec2ProductCalls.all().keySet()) {
      Ec2FaultsTest.faults(operation).forEach(fault -> wanted.add(operation + " " + fault));
    }
    assertThat(wanted).contains("RunInstances throttled once", "GetServiceQuota right denied");
    assertThat(rows).containsAll(wanted);
  }

  @Test
  void thePolicyGivesTheRightToEveryCall() throws IOException {
    String policy = Files.readString(ROOT.resolve("deploy/aws/ec2-policy.json"));

    Set<String> given =
        Pattern.compile("\"((?:ec2|servicequotas):\\w+)\"")
            .matcher(policy)
            .results()
            .map(each -> each.group(1))
            .collect(Collectors.toCollection(TreeSet::new));

    Set<String> needed =
        Ec2ProductCalls.all().entrySet().stream()
            // Who one is may always be asked.
            .filter(each -> !each.getValue().equals("sts"))
            .map(each -> each.getValue() + ":" + each.getKey())
            .collect(Collectors.toCollection(TreeSet::new));
    // What is made is tagged in the same call, which takes this right as well.
    needed.add("ec2:CreateTags");
    // A condition's key, not an action.
    given.remove("ec2:CreateAction");
    assertThat(given).isEqualTo(needed);
  }
}
