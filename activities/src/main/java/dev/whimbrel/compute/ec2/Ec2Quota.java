package dev.whimbrel.compute.ec2;

import dev.whimbrel.activity.Finding;
import dev.whimbrel.activity.Finding.Level;
import dev.whimbrel.runbook.ProvisionSpec.Ec2Machine;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.Objects;
import java.util.regex.Pattern;
import java.util.stream.Stream;
import software.amazon.awssdk.core.exception.SdkException;
import software.amazon.awssdk.services.ec2.Ec2Client;
import software.amazon.awssdk.services.ec2.model.DescribeInstancesRequest;
import software.amazon.awssdk.services.ec2.model.Filter;
import software.amazon.awssdk.services.ec2.model.Instance;
import software.amazon.awssdk.services.ec2.model.InstanceTypeInfo;
import software.amazon.awssdk.services.servicequotas.ServiceQuotasClient;

/**
 * Whether the account's quota leaves room: the one for on-demand instances of the standard
 * families, which counts virtual CPUs of what runs. Other families have quotas of their own, which
 * are not looked at.
 */
final class Ec2Quota {
  /** "Running On-Demand Standard (A, C, D, H, I, M, R, T, Z) instances". */
  static final String STANDARD = "L-1216C47A";

  private static final Pattern STANDARD_FAMILY = Pattern.compile("[acdhimrtz][0-9].*");

  private final String region;
  private final Ec2Client client;
  private final ServiceQuotasClient quotas;

  Ec2Quota(String region, Ec2Client client, ServiceQuotasClient quotas) {
    this.region = region;
    this.client = client;
    this.quotas = quotas;
  }

  Finding finding(List<Ec2Machine> toMake) {
    List<String> types =
        toMake.stream()
            .map(Ec2Machine::type)
            .filter(Objects::nonNull)
            .map(String::valueOf)
            .toList();
    List<String> others =
        types.stream().filter(each -> !STANDARD_FAMILY.matcher(each).matches()).distinct().toList();
    List<String> standard =
        types.stream().filter(each -> STANDARD_FAMILY.matcher(each).matches()).toList();
    if (standard.isEmpty()) {
      return note("not known for " + String.join(", ", others) + ".");
    }
    try {
      double limit =
          quotas
              .getServiceQuota(request -> request.serviceCode("ec2").quotaCode(STANDARD))
              .quota()
              .value();
      List<String> running = running();
      Map<String, Integer> cpus = cpus(Stream.concat(standard.stream(), running.stream()).toList());
      int used = running.stream().mapToInt(each -> cpus.getOrDefault(each, 0)).sum();
      int needed = standard.stream().mapToInt(each -> cpus.getOrDefault(each, 0)).sum();
      String figures =
          "%d vCPUs are needed, %d of %.0f are in use%s."
              .formatted(
                  needed,
                  used,
                  limit,
                  others.isEmpty() ? "" : "; not known for " + String.join(", ", others));
      return used + needed <= limit
          ? note(figures)
          : new Finding(
              Level.BLOCKER,
              "quota",
              region,
              "the quota leaves no room: " + figures,
              "aws service-quotas request-service-quota-increase --region %s --service-code ec2"
                      .formatted(region)
                  + " --quota-code %s --desired-value %d".formatted(STANDARD, used + needed));
    } catch (SdkException e) {
      return note("not known: %s.".formatted(Ec2Calls.word(e)));
    }
  }

  private List<String> running() {
    DescribeInstancesRequest request =
        DescribeInstancesRequest.builder()
            .filters(
                Filter.builder().name("instance-state-name").values("pending", "running").build())
            .build();
    return client.describeInstancesPaginator(request).reservations().stream()
        .flatMap(each -> each.instances().stream())
        .map(Instance::instanceTypeAsString)
        .filter(each -> STANDARD_FAMILY.matcher(each).matches())
        .toList();
  }

  private Map<String, Integer> cpus(List<String> types) {
    Map<String, Integer> cpus = new HashMap<>();
    for (String type : types.stream().distinct().toList()) {
      for (InstanceTypeInfo info :
          client
              .describeInstanceTypes(request -> request.instanceTypesWithStrings(type))
              .instanceTypes()) {
        cpus.put(info.instanceTypeAsString(), info.vCpuInfo().defaultVCpus());
      }
    }
    return cpus;
  }

  private Finding note(String message) {
    return new Finding(Level.NOTE, "quota", region, message, null);
  }
}
