package dev.whimbrel.servers;

import java.lang.annotation.ElementType;
import java.lang.annotation.Retention;
import java.lang.annotation.RetentionPolicy;
import java.lang.annotation.Target;
import java.util.Optional;
import org.junit.jupiter.api.extension.ConditionEvaluationResult;
import org.junit.jupiter.api.extension.ExecutionCondition;
import org.junit.jupiter.api.extension.ExtendWith;
import org.junit.jupiter.api.extension.ExtensionContext;
import org.junit.platform.commons.support.AnnotationSupport;

/**
 * A JUnit test that needs programs of the machine. One that is missing is installed where the
 * rights allow it; otherwise the test is skipped, with the line that installs it, or fails where
 * the environment variable {@code CI} is set.
 */
@Target({ElementType.TYPE, ElementType.METHOD})
@Retention(RetentionPolicy.RUNTIME)
@ExtendWith(Needs.Condition.class)
public @interface Needs {
  Program[] value();

  /** Judges {@link Needs} for JUnit. */
  final class Condition implements ExecutionCondition {
    @Override
    public ConditionEvaluationResult evaluateExecutionCondition(ExtensionContext context) {
      Optional<Needs> needs = AnnotationSupport.findAnnotation(context.getElement(), Needs.class);
      for (Program program : needs.map(Needs::value).orElse(new Program[0])) {
        Optional<String> missing = program.bring();
        if (missing.isPresent()) {
          if (System.getenv("CI") != null) {
            throw new IllegalStateException(missing.get());
          }
          return ConditionEvaluationResult.disabled(missing.get());
        }
      }
      return ConditionEvaluationResult.enabled("everything needed is installed");
    }
  }
}
