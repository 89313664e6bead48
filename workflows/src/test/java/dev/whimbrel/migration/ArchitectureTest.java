package dev.whimbrel.migration;

import static com.tngtech.archunit.lang.syntax.ArchRuleDefinition.classes;
import static com.tngtech.archunit.lang.syntax.ArchRuleDefinition.noClasses;
import static com.tngtech.archunit.library.dependencies.SlicesRuleDefinition.slices;

import com.tngtech.archunit.core.importer.ImportOption;
import com.tngtech.archunit.junit.AnalyzeClasses;
import com.tngtech.archunit.junit.ArchTest;
import com.tngtech.archunit.lang.ArchRule;

@AnalyzeClasses(packages = "dev.whimbrel", importOptions = ImportOption.DoNotIncludeTests.class)
class ArchitectureTest {
  private static final String[] WORKFLOWS = {"dev.whimbrel.migration..", "dev.whimbrel.copy.."};

  @ArchTest
  static final ArchRule readsNoClockOfItsOwn =
      noClasses()
          .that()
          .resideInAnyPackage(WORKFLOWS)
          .should()
          .callMethod(java.time.Instant.class, "now")
          .orShould()
          .callMethod(java.time.LocalDateTime.class, "now")
          .orShould()
          .callMethod(java.time.ZonedDateTime.class, "now")
          .orShould()
          .callMethod(System.class, "currentTimeMillis")
          .orShould()
          .callMethod(System.class, "nanoTime")
          .because("a replay must see the time that the first run saw");

  @ArchTest
  static final ArchRule throwsNoDice =
      noClasses()
          .that()
          .resideInAnyPackage(WORKFLOWS)
          .should()
          .callMethod(java.util.UUID.class, "randomUUID")
          .orShould()
          .callMethod(Math.class, "random")
          .orShould()
          .dependOnClassesThat()
          .areAssignableTo(java.util.Random.class)
          .because("a replay must decide as the first run did");

  @ArchTest
  static final ArchRule startsNoThreadAndBlocksNone =
      noClasses()
          .that()
          .resideInAnyPackage(WORKFLOWS)
          .should()
          .dependOnClassesThat()
          .areAssignableTo(Thread.class)
          .orShould()
          .dependOnClassesThat()
          .resideInAnyPackage("java.util.concurrent..")
          .because("Temporal runs the workflow's coroutines one at a time");

  @ArchTest
  static final ArchRule touchesNothingOutside =
      noClasses()
          .that()
          .resideInAnyPackage(WORKFLOWS)
          .should()
          .dependOnClassesThat()
          .resideInAnyPackage(
              "java.io..", "java.net..", "java.nio.file..", "java.nio.channels..", "java.sql..")
          .orShould()
          .callMethod(System.class, "getenv")
          .orShould()
          .callMethod(System.class, "getProperty", String.class)
          .because("whatever is outside is reached through an activity");

  @ArchTest
  static final ArchRule contractsDoNotKnowTheWorkflow =
      noClasses()
          .that()
          .resideInAPackage("dev.whimbrel.activity..")
          .should()
          .dependOnClassesThat()
          .resideInAnyPackage(WORKFLOWS);

  @ArchTest
  static final ArchRule theFileKnowsNeitherContractsNorWorkflow =
      noClasses()
          .that()
          .resideInAPackage("dev.whimbrel.runbook..")
          .should()
          .dependOnClassesThat()
          .resideInAnyPackage(
              "dev.whimbrel.activity..", "dev.whimbrel.migration..", "dev.whimbrel.copy..");

  @ArchTest
  static final ArchRule dependenciesPointOneWay =
      slices().matching("dev.whimbrel.(*)..").should().beFreeOfCycles();

  @ArchTest
  static final ArchRule thisModuleKnowsNoOther =
      classes()
          .that()
          .resideInAPackage("dev.whimbrel..")
          .should()
          .resideInAnyPackage(
              "dev.whimbrel.runbook..",
              "dev.whimbrel.activity..",
              "dev.whimbrel.migration..",
              "dev.whimbrel.copy..");
}
