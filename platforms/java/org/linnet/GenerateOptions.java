package org.linnet;

/**
 * How a text is chosen token by token. {@link Model#generateOptions} gives the model's own
 * defaults.
 */
public final class GenerateOptions {
  long maxTokens;
  float temperature;
  int topK;
  float topP;
  float minP;
  float repetitionPenalty;
  long seed;
  boolean ignoreEnd;

  GenerateOptions() {}

  public GenerateOptions maxTokens(long count) {
    if (count < 0)
      throw new IllegalArgumentException(count + " is negative");
    maxTokens = count;
    return this;
  }

  /** 0: the likeliest token always. */
  public GenerateOptions temperature(float value) {
    temperature = value;
    return this;
  }

  /** Keep the k likeliest; 0: all. */
  public GenerateOptions topK(int k) {
    if (k < 0)
      throw new IllegalArgumentException(k + " is negative");
    topK = k;
    return this;
  }

  /** Keep the likeliest that sum to p; 1: all. */
  public GenerateOptions topP(float p) {
    topP = p;
    return this;
  }

  /** Keep those at least p times as likely as the likeliest; 0: all. */
  public GenerateOptions minP(float p) {
    minP = p;
    return this;
  }

  /** Divides the logits of tokens among the last 64; 1: none. */
  public GenerateOptions repetitionPenalty(float divisor) {
    repetitionPenalty = divisor;
    return this;
  }

  /** The same seed, options and prompt give the same text. */
  public GenerateOptions seed(long value) {
    seed = value;
    return this;
  }

  /** Go on past the end of text. */
  public GenerateOptions ignoreEnd(boolean wanted) {
    ignoreEnd = wanted;
    return this;
  }
}
