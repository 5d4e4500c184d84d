package org.linnet;

/** The exact memory of a session, outside the Java heap. */
public final class SessionMemory {
  private final long stateBytes;
  private final long arenaBytes;
  private final long totalBytes;

  SessionMemory(long stateBytes, long arenaBytes, long totalBytes) {
    this.stateBytes = stateBytes;
    this.arenaBytes = arenaBytes;
    this.totalBytes = totalBytes;
  }

  /** What the session remembers; constant however many tokens pass. */
  public long stateBytes() {
    return stateBytes;
  }

  /** Activations and scratch of one chunk. */
  public long arenaBytes() {
    return arenaBytes;
  }

  public long totalBytes() {
    return totalBytes;
  }
}
