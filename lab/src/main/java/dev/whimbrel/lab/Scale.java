package dev.whimbrel.lab;

import picocli.CommandLine.Model.CommandSpec;
import picocli.CommandLine.Option;
import picocli.CommandLine.Spec;

/** How much a benchmark of a whole database does: the options that several share. */
final class Scale {
  @Option(names = "--gigabytes", description = "rows of the database (default: ${DEFAULT-VALUE})")
  int gigabytes;

  @Option(names = "--rounds", description = "how often (default: ${DEFAULT-VALUE})")
  int rounds;

  @Option(names = "--jobs", description = "work at once (default: ${DEFAULT-VALUE})")
  int jobs;

  @Spec(Spec.Target.MIXEE)
  CommandSpec spec = CommandSpec.create();

  /** What is done where nothing else is said. */
  Scale(int gigabytes, int rounds, int jobs) {
    this.gigabytes = gigabytes;
    this.rounds = rounds;
    this.jobs = jobs;
  }

  /** Refuses what is less than one, with the usage. */
  void check() {
    Benchmark.atLeast(spec, "--gigabytes", 1, gigabytes);
    Benchmark.atLeast(spec, "--rounds", 1, rounds);
    Benchmark.atLeast(spec, "--jobs", 1, jobs);
  }
}
