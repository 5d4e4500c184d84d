package org.linnet;

/** What a generated text took. */
public final class Generated {
  private final long promptTokens;
  private final long tokens;
  private final StopReason stop;

  Generated(long promptTokens, long tokens, StopReason stop) {
    this.promptTokens = promptTokens;
    this.tokens = tokens;
    this.stop = stop;
  }

  public long promptTokens() {
    return promptTokens;
  }

  public long tokens() {
    return tokens;
  }

  public StopReason stop() {
    return stop;
  }
}
