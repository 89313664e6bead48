package dev.whimbrel.worker;

import ch.qos.logback.classic.Level;
import ch.qos.logback.classic.Logger;
import ch.qos.logback.classic.LoggerContext;
import ch.qos.logback.classic.spi.ILoggingEvent;
import ch.qos.logback.classic.spi.IThrowableProxy;
import ch.qos.logback.core.ConsoleAppender;
import ch.qos.logback.core.filter.Filter;
import ch.qos.logback.core.spi.FilterReply;
import io.temporal.failure.ApplicationFailure;
import java.util.function.UnaryOperator;
import org.slf4j.LoggerFactory;

/**
 * The worker's log: lines on stderr, each with migration and step, each masked before it is
 * written. Set up in code, so that no configuration file on the class path can let a secret out.
 */
final class Logging {
  /** The driver's own log, which goes past this one; a logger that nobody holds loses its level. */
  private static final java.util.logging.Logger DRIVER =
      java.util.logging.Logger.getLogger("org.postgresql");

  private Logging() {}

  /**
   * Starts the log.
   *
   * @param level error, warn, info, debug or trace
   * @param redaction masks the secrets that this process has resolved
   */
  static void start(String level, UnaryOperator<String> redaction) {
    LoggerContext context = (LoggerContext) LoggerFactory.getILoggerFactory();
    context.reset();

    LogLines lines = new LogLines(redaction);
    lines.setContext(context);
    lines.start();
    ConsoleAppender<ILoggingEvent> stderr = new ConsoleAppender<>();
    stderr.setContext(context);
    stderr.setTarget("System.err");
    stderr.setEncoder(lines);
    stderr.addFilter(new SaidAlready());
    stderr.start();

    // It warns of every connection to a PgBouncer; what fails is thrown, too.
    DRIVER.setLevel(java.util.logging.Level.SEVERE);

    Logger root = context.getLogger(org.slf4j.Logger.ROOT_LOGGER_NAME);
    root.setLevel(Level.WARN);
    root.addAppender(stderr);
    context.getLogger("dev.whimbrel").setLevel(Level.toLevel(level));
    context.getLogger("io.temporal").setLevel(Level.WARN);
    // While the server is away each poller logs a stack trace every few seconds.
    context.getLogger("io.temporal.internal.worker.BasePoller").setLevel(Level.OFF);
    // At every call it warns of a header that the JDK's client sets by itself.
    context.getLogger("com.azure.core.http.jdk.httpclient").setLevel(Level.ERROR);
    // An older server does without an optional service: nothing that anybody has to do.
    context.getLogger("io.temporal.internal.worker.HeartbeatManager").setLevel(Level.ERROR);
  }

  /**
   * Drops what the SDK says about an activity's failure, with a stack trace of its own frames: the
   * failure stands one line above, with its step. And what it says, as a failure of the workflow,
   * about a person's decision that was refused: that person was told.
   */
  private static final class SaidAlready extends Filter<ILoggingEvent> {
    private static final String SDK_ACTIVITIES = "io.temporal.internal.activity.";

    @Override
    public FilterReply decide(ILoggingEvent event) {
      IThrowableProxy thrown = event.getThrowableProxy();
      if (thrown == null || !thrown.getClassName().equals(ApplicationFailure.class.getName())) {
        return FilterReply.NEUTRAL;
      }
      boolean said = event.getLoggerName().startsWith(SDK_ACTIVITIES);
      boolean refusal = String.valueOf(thrown.getMessage()).contains("type='Refused'");
      return said || refusal ? FilterReply.DENY : FilterReply.NEUTRAL;
    }
  }
}
