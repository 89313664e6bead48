package dev.whimbrel.servers;

import java.net.URI;

/**
 * A stand-in for EC2 with every region in it: moto, and before it a front that remembers client
 * tokens, keeps a journal and makes faults. STS and Service Quotas answer at the same address.
 */
public final class Ec2Service implements AutoCloseable {
  private final MotoServer moto;
  private final Ec2Front front;

  private Ec2Service(MotoServer moto) {
    this.moto = moto;
    this.front = new Ec2Front(moto.endpoint());
  }

  /**
   * Starts both and waits until they answer; takes some seconds.
   *
   * @throws IllegalStateException if moto is not installed or does not come up
   */
  public static Ec2Service start() {
    return new Ec2Service(MotoServer.start());
  }

  /** Where clients find it, with any credentials. */
  public URI endpoint() {
    return front.endpoint();
  }

  /** Where journal and faults are. */
  public Ec2Front front() {
    return front;
  }

  @Override
  public void close() {
    front.close();
    moto.close();
  }
}
