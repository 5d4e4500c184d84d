package org.linnet;

import java.util.Arrays;

/** What an encoder made of a batch of texts: a copy, [rows, columns]. */
public final class Output {
  private final String name;
  private final float[] values;
  private final int rows;
  private final boolean perText;

  Output(String name, float[] values, int rows, boolean perText) {
    this.name = name;
    this.values = values;
    this.rows = rows;
    this.perText = perText;
  }

  /** Such as "logits", "last_hidden_state" or "sentence_embedding". */
  public String name() {
    return name;
  }

  public int rows() {
    return rows;
  }

  public int columns() {
    return rows == 0 ? 0 : values.length / rows;
  }

  /** True if there is a row per text; else there is one per token, text after text. */
  public boolean perText() {
    return perText;
  }

  /** All rows, one behind another; not a copy. */
  public float[] values() {
    return values;
  }

  public float[] row(int index) {
    if (index < 0 || index >= rows)
      throw new IndexOutOfBoundsException(index + " of " + rows);
    return Arrays.copyOfRange(values, index * columns(), (index + 1) * columns());
  }
}
