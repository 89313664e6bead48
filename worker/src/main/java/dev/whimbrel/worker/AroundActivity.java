package dev.whimbrel.worker;

import dev.whimbrel.activity.Failures;
import dev.whimbrel.activity.HandOver;
import dev.whimbrel.activity.Outcome;
import dev.whimbrel.activity.Progress;
import io.temporal.activity.ActivityExecutionContext;
import io.temporal.activity.ActivityInfo;
import io.temporal.client.ActivityCompletionException;
import io.temporal.common.interceptors.ActivityExecutionContextBase;
import io.temporal.common.interceptors.ActivityInboundCallsInterceptor;
import io.temporal.common.interceptors.ActivityInboundCallsInterceptorBase;
import io.temporal.failure.ApplicationFailure;
import io.temporal.serviceclient.CheckedExceptionWrapper;
import org.jspecify.annotations.Nullable;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;
import org.slf4j.MDC;

/**
 * Stands around one activity: names migration and step in its log lines, lets nothing out but the
 * known kinds of failure, masks its lines of progress and outcome, counts switchovers in flight.
 */
final class AroundActivity extends ActivityInboundCallsInterceptorBase {
  private static final Logger log = LoggerFactory.getLogger(AroundActivity.class);

  private final StepFailures failures;
  private final SwitchoversInFlight inFlight;
  private ActivityInfo info;
  private ActivityExecutionContext context;
  private volatile @Nullable SignsOfLife signs;

  @SuppressWarnings("NullAway.Init") // The SDK calls init before anything else.
  AroundActivity(
      ActivityInboundCallsInterceptor next, StepFailures failures, SwitchoversInFlight inFlight) {
    super(next);
    this.failures = failures;
    this.inFlight = inFlight;
  }

  @Override
  public void init(ActivityExecutionContext context) {
    this.context = context;
    info = context.getInfo();
    super.init(new MasksProgress(context));
  }

  @Override
  public ActivityOutput execute(ActivityInput input) {
    String step = StepHeader.read(input.getHeader(), info.getActivityType());
    MDC.put(LogLines.MIGRATION, LogLines.migrationOf(info.getWorkflowId()));
    MDC.put(LogLines.STEP, step);
    inFlight.begin(info.getActivityType());
    SignsOfLife alive = new SignsOfLife(context, step + " is at work");
    signs = alive;
    try {
      return new ActivityOutput(masked(super.execute(input).getResult()));
    } catch (ActivityCompletionException e) {
      // Cancelled, or the worker stops: the SDK's own way of saying so.
      throw e;
    } catch (Throwable wrapped) {
      // Whatever it is, it must not leave as it is.
      Throwable thrown = CheckedExceptionWrapper.unwrap(wrapped);
      ApplicationFailure failure = failures.of(step, thrown);
      if (!StepFailures.isTranslated(thrown)) {
        log.error("Failed with an error that nobody translated", thrown);
      } else if (Failures.NOT_YET.equals(failure.getType())) {
        log.debug("{}", failure.getOriginalMessage());
      } else {
        log.warn("{}: {}", failure.getType(), failure.getOriginalMessage());
      }
      throw failure;
    } finally {
      alive.end();
      inFlight.end(info.getActivityType());
      MDC.remove(LogLines.MIGRATION);
      MDC.remove(LogLines.STEP);
    }
  }

  /** Masks the lines that people read; names, addresses and figures stay as they are. */
  private @Nullable Object masked(@Nullable Object said) {
    if (said instanceof Outcome outcome) {
      return new Outcome(failures.redact(outcome.line()));
    }
    if (said instanceof Progress p) {
      return p.said(failures.redact(p.line()));
    }
    if (said instanceof HandOver h) {
      return new HandOver(
          h.writesGoTo(),
          h.epoch(),
          h.at(),
          h.writePauseMillis(),
          h.roundTrips(),
          h.handedOver(),
          h.canGoBack(),
          failures.redact(h.line()));
    }
    return said;
  }

  private final class MasksProgress extends ActivityExecutionContextBase {
    MasksProgress(ActivityExecutionContext next) {
      super(next);
    }

    @Override
    @SuppressWarnings("unchecked") // masked returns the kind that it was given.
    public <V> void heartbeat(V details) {
      SignsOfLife alive = signs;
      if (alive != null) {
        alive.end();
      }
      super.heartbeat((V) masked(details));
    }
  }
}
