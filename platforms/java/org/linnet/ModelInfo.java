package org.linnet;

import java.util.ArrayList;
import java.util.Arrays;
import java.util.Collections;
import java.util.List;

/** What a model file says of itself. */
public final class ModelInfo {
  // Where things stand in what native code hands over.
  private static final int NAME = 0;
  private static final int ARCHITECTURE = 1;
  private static final int SOURCE = 2;
  private static final int LICENSE = 3;
  private static final int WEIGHTS = 4;
  private static final int FIRST_LABEL = 5;

  private static final int VOCABULARY = 0;
  private static final int CONTEXT = 1;
  private static final int HAS_TOKENIZER = 2;
  private static final int HAS_CONTEXT_LIMIT = 3;
  private static final int HAS_DECODER = 4;
  private static final int HAS_ENCODER = 5;
  private static final int POSITIONS = 6;
  private static final int SOURCE_POSITIONS = 7;
  private static final int ENCODER_OUTPUTS = 8;
  private static final int FILE_BYTES = 9;
  private static final int PACKED_BYTES = 10;

  private final List<String> texts;
  private final long[] numbers;

  ModelInfo(byte[][] texts, long[] numbers) {
    List<String> strings = new ArrayList<>(texts.length);
    for (byte[] text : texts) strings.add(Native.text(text));
    this.texts = Collections.unmodifiableList(strings);
    this.numbers = numbers;
  }

  public String name() {
    return texts.get(NAME);
  }

  public String architecture() {
    return texts.get(ARCHITECTURE);
  }

  public String source() {
    return texts.get(SOURCE);
  }

  public String license() {
    return texts.get(LICENSE);
  }

  /** Such as "f32" or "int8". */
  public String weights() {
    return texts.get(WEIGHTS);
  }

  /** Labels of a classifier, one per column of its logits; else none. */
  public List<String> labels() {
    return texts.subList(FIRST_LABEL, texts.size());
  }

  /** Logits per token; of an encoder alone, columns of its first output. */
  public int vocabulary() {
    return (int) numbers[VOCABULARY];
  }

  /** Positions that the model was trained for; 0: unbounded. */
  public long context() {
    return numbers[CONTEXT];
  }

  public boolean hasTokenizer() {
    return numbers[HAS_TOKENIZER] != 0;
  }

  /** True if softmax layers see only the last tokens. */
  public boolean hasContextLimit() {
    return numbers[HAS_CONTEXT_LIMIT] != 0;
  }

  /** {@link Session#run} streams tokens and gives logits. */
  public boolean hasDecoder() {
    return numbers[HAS_DECODER] != 0;
  }

  /** {@link Session#encode} reads whole texts. */
  public boolean hasEncoder() {
    return numbers[HAS_ENCODER] != 0;
  }

  /** A text may have this many tokens and no more; 0: any number. */
  public long positions() {
    return numbers[POSITIONS];
  }

  /** The same of a text to encode. */
  public long sourcePositions() {
    return numbers[SOURCE_POSITIONS];
  }

  /** What {@link Session#output(int)} can be asked for. */
  public int encoderOutputs() {
    return (int) numbers[ENCODER_OUTPUTS];
  }

  /** Mapped, and shared between processes. */
  public long fileBytes() {
    return numbers[FILE_BYTES];
  }

  /** Private to this process: matrices laid out for this machine. */
  public long packedBytes() {
    return numbers[PACKED_BYTES];
  }

  @Override
  public String toString() {
    return texts + " " + Arrays.toString(numbers);
  }
}
