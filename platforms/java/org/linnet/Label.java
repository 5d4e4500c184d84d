package org.linnet;

/** What a classifier says of one of its labels. */
public final class Label {
  private final String name;
  private final float score;

  Label(String name, float score) {
    this.name = name;
    this.score = score;
  }

  public String name() {
    return name;
  }

  /** The label's probability; of a regression, its value. */
  public float score() {
    return score;
  }

  @Override
  public String toString() {
    return name + " " + score;
  }
}
