package dev.whimbrel.worker;

import ch.qos.logback.classic.pattern.ThrowableProxyConverter;
import ch.qos.logback.classic.spi.ILoggingEvent;
import ch.qos.logback.core.encoder.EncoderBase;
import dev.whimbrel.activity.Redaction;
import dev.whimbrel.migration.MigrationWorkflow;
import java.nio.charset.StandardCharsets;
import java.time.ZoneOffset;
import java.time.format.DateTimeFormatter;
import java.util.Map;
import java.util.function.UnaryOperator;

/**
 * Writes one event as {@code 2026-01-31T02:14:07.123Z INFO shop cutover.switchover Fence: 14 tables
 * closed}, and its stack trace below. What stands outside any migration shows {@code -}.
 */
final class LogLines extends EncoderBase<ILoggingEvent> {
  /** The migration's name, set around each activity. */
  static final String MIGRATION = "migration";

  /** The step's id, set around each activity. */
  static final String STEP = "step";

  /** What the SDK sets in the threads of workflows. */
  private static final String SDK_WORKFLOW_ID = "WorkflowId";

  /** What the SDK sets in the threads of activities. */
  private static final String SDK_ACTIVITY_TYPE = "ActivityType";

  private static final DateTimeFormatter TIME =
      DateTimeFormatter.ofPattern("yyyy-MM-dd'T'HH:mm:ss.SSS'Z'").withZone(ZoneOffset.UTC);

  private final ThrowableProxyConverter stackTrace = new ThrowableProxyConverter();
  private final UnaryOperator<String> redaction;

  LogLines(UnaryOperator<String> redaction) {
    this.redaction = redaction;
  }

  @Override
  public void start() {
    stackTrace.start();
    super.start();
  }

  @Override
  public byte[] encode(ILoggingEvent event) {
    String line =
        "%s %s %s %s %s: %s%n%s"
            .formatted(
                TIME.format(event.getInstant()),
                event.getLevel(),
                migration(event.getMDCPropertyMap()),
                step(event.getMDCPropertyMap()),
                simpleName(event.getLoggerName()),
                event.getFormattedMessage(),
                stackTrace.convert(event));
    return Redaction.redact(redaction.apply(line)).getBytes(StandardCharsets.UTF_8);
  }

  /** The migration's name behind its workflow id; any other workflow's id as it is. */
  static String migrationOf(String workflowId) {
    return workflowId.startsWith(MigrationWorkflow.ID_PREFIX)
        ? workflowId.substring(MigrationWorkflow.ID_PREFIX.length())
        : workflowId;
  }

  private static String migration(Map<String, String> mdc) {
    String migration = mdc.get(MIGRATION);
    if (migration != null) {
      return migration;
    }
    String workflowId = mdc.get(SDK_WORKFLOW_ID);
    return workflowId == null ? "-" : migrationOf(workflowId);
  }

  private static String step(Map<String, String> mdc) {
    String step = mdc.get(STEP);
    return step == null ? mdc.getOrDefault(SDK_ACTIVITY_TYPE, "-") : step;
  }

  private static String simpleName(String logger) {
    return logger.substring(logger.lastIndexOf('.') + 1);
  }

  @Override
  public byte[] headerBytes() {
    return new byte[0];
  }

  @Override
  public byte[] footerBytes() {
    return new byte[0];
  }
}
