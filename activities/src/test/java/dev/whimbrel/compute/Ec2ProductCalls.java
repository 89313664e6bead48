package dev.whimbrel.compute;

import com.tngtech.archunit.ArchConfiguration;
import com.tngtech.archunit.core.domain.AccessTarget.CodeUnitAccessTarget;
import com.tngtech.archunit.core.domain.JavaClass;
import com.tngtech.archunit.core.importer.ClassFileImporter;
import com.tngtech.archunit.core.importer.ImportOption;
import java.util.Locale;
import java.util.Map;
import java.util.TreeMap;
import java.util.regex.Pattern;
import java.util.stream.Stream;

/** Every call to AWS that the product can make about machines, read from its own classes. */
final class Ec2ProductCalls {
  private static final Pattern CLIENT =
      Pattern.compile("software\\.amazon\\.awssdk\\.services\\.(\\w+)\\.\\w+Client");
  private static final Map<String, String> CALLS = read();

  private Ec2ProductCalls() {}

  /** The calls, each with the service that takes it, such as {@code ec2}. */
  static Map<String, String> all() {
    return CALLS;
  }

  /** Whether a call may change something. */
  static boolean changes(String operation) {
    return !operation.matches("(Describe|Get).*");
  }

  /** The SDK's own classes are not read: they are many, and their names say enough. */
  private static Map<String, String> read() {
    return ArchConfiguration.withThreadLocalScope(
        configuration -> {
          configuration.setResolveMissingDependenciesFromClassPath(false);
          return readProduct();
        });
  }

  private static Map<String, String> readProduct() {
    Map<String, String> calls = new TreeMap<>();
    new ClassFileImporter()
            .withImportOption(new ImportOption.DoNotIncludeTests())
            .importPackages("dev.whimbrel.compute.ec2")
            .stream()
            .flatMap(Ec2ProductCalls::used)
            .forEach(
                used -> {
                  var client = CLIENT.matcher(used.getOwner().getFullName());
                  if (client.matches() && !used.getName().equals("builder")) {
                    calls.put(operation(used.getName()), client.group(1));
                  }
                });
    return calls;
  }

  private static Stream<CodeUnitAccessTarget> used(JavaClass product) {
    return Stream.concat(
        product.getMethodCallsFromSelf().stream().map(each -> each.getTarget()),
        product.getMethodReferencesFromSelf().stream().map(each -> each.getTarget()));
  }

  private static String operation(String method) {
    return method.substring(0, 1).toUpperCase(Locale.ROOT)
        + method.substring(1).replaceFirst("Paginator$", "");
  }
}
