package dev.whimbrel.worker;

import static org.assertj.core.api.Assertions.assertThat;

import com.tngtech.archunit.core.domain.JavaClass;
import com.tngtech.archunit.core.importer.ClassFileImporter;
import dev.whimbrel.activity.Dns;
import dev.whimbrel.postgres.Pace;
import dev.whimbrel.secrets.Secrets;
import io.temporal.activity.ActivityInterface;
import java.util.Map;
import java.util.stream.Stream;
import org.junit.jupiter.api.Test;

class RegistrationTest {

  @Test
  void everyActivityOfTheContractIsRegisteredOnce() {
    Object[] registered = WorkerMain.activities(new Secrets(Map.of()), Pace.USUAL);

    Stream<Class<?>> contract =
        new ClassFileImporter()
            .importPackages(Dns.class.getPackageName()).stream()
                .filter(c -> c.isAnnotatedWith(ActivityInterface.class))
                .map(JavaClass::reflect);
    assertThat(contract)
        .hasSizeGreaterThan(6)
        .allSatisfy(type -> assertThat(registered).filteredOn(type::isInstance).hasSize(1));
  }
}
