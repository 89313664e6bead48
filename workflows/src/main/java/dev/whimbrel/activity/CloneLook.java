package dev.whimbrel.activity;

import java.util.List;

/**
 * What was seen of both databases before a clone.
 *
 * @param findings the gravest first
 * @param sourceVersion of the source's server
 * @param targetVersion of the target's server
 * @param sourceBytes size of the source's database
 */
public record CloneLook(
    List<Finding> findings, String sourceVersion, String targetVersion, long sourceBytes) {

  /** What has to be mended first. */
  public List<Finding> blockers() {
    return findings.stream().filter(each -> each.level() == Finding.Level.BLOCKER).toList();
  }
}
